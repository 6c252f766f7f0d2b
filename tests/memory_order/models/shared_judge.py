"""Do both engines agree on a model with Shared fields, and selective buffering with all of it?"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from outcomes import states_by_native, states_by_reference

from vmlitmus.compiler import Machine, State, build
from vmlitmus.lang import Model

TSO = {"machine": {"memory": "tso"}}
BY_BOTH = 300  # states that are looked at in the reference engine, too


@dataclass(frozen=True)
class Judged:
    """What was found: how the machines differ, or None; whether it was small enough to say."""

    differs: str | None = None
    small: bool = True
    pairs: int = 0


def judge(model: Model, largest: int) -> Judged:
    """Compare the machines of a model, each in both engines, up to a number of states."""
    machines = {
        "raw": build(model, TSO, selective=False),
        "selective": build(model, TSO),
        "sc": build(model),
    }
    observed: dict[str, set[tuple[bool, ...]]] = {}
    for name, machine in machines.items():
        states = states_by_native(machine, largest)
        if states is None:
            return Judged(small=False)
        if len(states) < BY_BOTH and states != states_by_reference(machine):
            return Judged(f"{name}: the engines differ")
        observed[name] = seen(machine, states)
    if observed["raw"] != observed["selective"]:
        return Judged(f"raw and selective differ in {observed['raw'] ^ observed['selective']}")
    assert machines["selective"].passing is not None
    pairs = machines["selective"].passing.pairs
    if not pairs and observed["raw"] != observed["sc"]:
        return Judged(f"no pair, but sc differs in {observed['raw'] ^ observed['sc']}")
    return Judged(pairs=len(pairs))


def seen(machine: Machine, states: Iterable[State]) -> set[tuple[bool, ...]]:
    """Return what the conditions of the model may be together."""
    found = set()
    for state in states:
        machine.load(state)
        found.add(tuple(condition(machine.world) for condition in machine.model.conditions))
    return found
