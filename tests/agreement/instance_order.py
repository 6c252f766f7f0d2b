"""Do a machine's instances stand in canonical order? Both engines go by it."""

from __future__ import annotations

from enum import Enum
from typing import Any

from vmlitmus.compiler import Machine


def order_differs(machine: Machine) -> str | None:
    """Return the first instance out of order, or None.

    Steps as the model declares them, then the places of a sequence, then bindings, the first
    parameter slowest; no instance stands there twice.
    """
    declared = {step: number for number, step in enumerate(machine.model.steps)}
    before: tuple[Any, ...] = (-1,)
    for number, instance in enumerate(machine.instances):
        binding = tuple(map(_position, instance.binding))
        key = (declared[instance.step], instance.start, binding, instance.index)
        if instance.index != number or key[:3] <= before[:3]:
            return f"instance {number}, {instance}, is out of order"
        before = key
    return None


def _position(value: Any) -> int:
    if isinstance(value, Enum):
        return list(type(value)).index(value)
    return 1 << 30 if value is None else int(value.index)
