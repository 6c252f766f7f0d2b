"""What lowered code does to memory, in program order: which loads may pass which stores.

Lowering a section notes it along the way; ``machine.store_load`` puts the sections together.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import field
from typing import Literal, TypeAlias

from vmlitmus.frozen import Frozen

Kind: TypeAlias = Literal["load", "store", "write"]  # "write": of a field that is not Shared


class Access(Frozen):
    """One access: of which variable, by its name "Vcpu.mode", and where in the model's source."""

    kind: Kind
    variable: int
    name: str
    function: str
    place: str


class Drain(Frozen):
    """What drains the buffer: ``by`` what, and where in the model's source."""

    by: str
    place: str


class Flow(Frozen):
    """How things stand where control is.

    ``before`` says that stores of earlier sections may be in the buffer, ``open`` gives those of
    this section that may be, ``last`` the last access of this section to a Shared field.
    """

    before: bool = True
    open: frozenset[Access] = frozenset()
    last: Access | None = None


class Order(Frozen):
    """What the code of one section does.

    ``early`` are the accesses made while stores of earlier sections may be in the buffer,
    ``inside`` the stores with what follows them in the section itself; ``drains`` what drains, with
    the stores of the section that it meets, and None where it may meet earlier ones; ``barriers``
    are all of these, also where nothing can be in the buffer. ``leaves``
    gives for each end of the section what it writes, with what may be in the buffer then.
    """

    early: dict[Access, None] = field(default_factory=dict)
    inside: dict[tuple[Access, Access], None] = field(default_factory=dict)
    drains: dict[tuple[Drain, Access | None], None] = field(default_factory=dict)
    barriers: dict[Drain, None] = field(default_factory=dict)
    leaves: list[tuple[Mapping[int, int | str], Flow]] = field(default_factory=list)
    stores: dict[Access, None] = field(default_factory=dict)


def joined(flows: Iterable[Flow | None]) -> Flow | None:
    """Return how things may stand where several ways come together."""
    found = [flow for flow in flows if flow is not None]
    if not found:
        return None
    return Flow(
        any(flow.before for flow in found),
        frozenset().union(*(flow.open for flow in found)),
        next((flow.last for flow in found if flow.last is not None), None),
    )
