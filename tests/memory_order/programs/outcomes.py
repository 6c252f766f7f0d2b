"""All final states of a litmus test, by each engine: every register and every location."""

from __future__ import annotations

from typing import Any

from vmlitmus.compiler import Machine, State, build
from vmlitmus.engine.limits import Limits
from vmlitmus.engine.native.codegen import compile_machine
from vmlitmus.engine.native.layout import Layout
from vmlitmus.engine.native.search import Search
from vmlitmus.engine.reference.search import Stepper, explore
from vmlitmus.herd.model import Location, Processor, Register, model_of
from vmlitmus.herd.program import Program

Outcome = tuple[tuple[int, ...], tuple[int, ...]]


def machine_of(program: Program, memory: str, *, raw: bool = False) -> Machine:
    """Return the machine of a program; ``raw`` buffers every store."""
    return build(model_of(program), {"machine": {"memory": memory}}, selective=not raw)


def raw_and_selective(program: Program) -> tuple[Machine, Machine]:
    """Return both machines under tso. They share a model, which takes a third of the time."""
    model, settings = model_of(program), {"machine": {"memory": "tso"}}
    raw = build(model, settings, selective=False)
    return raw, build(model, settings, selective=True)


def by_reference(machine: Machine) -> tuple[set[Outcome], int]:
    """Return the final states that the reference engine finds, and how many states it sees."""
    seen = explore(Stepper(machine), lambda state: False, lambda seen, frontier: None)
    return final(machine, seen.parent), len(seen.parent)


def by_native(machine: Machine) -> tuple[set[Outcome], int]:
    """Return the final states that the compiled engine finds, and how many states it sees."""
    layout = Layout(machine)
    model = compile_machine(machine, ())
    with Search(model, stop_on=0, limits=Limits(), progress=None) as search:
        count = search.run().states
        return final(machine, (layout.unpack(search.state(i)) for i in range(count))), count


def states_by_reference(machine: Machine) -> set[State]:
    """Return all states that the reference engine finds."""
    return set(explore(Stepper(machine), lambda state: False, lambda seen, frontier: None).parent)


def states_by_native(machine: Machine, most: int) -> set[State] | None:
    """Return all states that the compiled engine finds; None where there are more than ``most``."""
    layout = Layout(machine)
    model = compile_machine(machine, ())
    with Search(model, stop_on=0, limits=Limits(), progress=None) as search:
        count = search.run().states
        return None if count > most else {layout.unpack(search.state(i)) for i in range(count)}


def final(machine: Machine, states: Any) -> set[Outcome]:
    """Return what registers and locations hold in those states in which all have ended."""
    where = {(v.entity, v.name): i for i, v in enumerate(machine.variables)}
    ended = [where.get((p, "ended")) for p in machine.entities[Processor]]
    registers = [reader(machine, where, r) for r in machine.entities[Register]]
    locations = [reader(machine, where, x) for x in machine.entities[Location]]

    def outcome(state: State) -> Outcome:
        return tuple(r(state) for r in registers), tuple(x(state) for x in locations)

    return {outcome(s) for s in states if all(at is not None and s[at] for at in ended)}


def reader(machine: Machine, where: dict[Any, int], entity: Any) -> Any:
    """Return a function that gives the value of an entity in a state."""
    at = where.get((entity, "value"))
    if at is None:
        value = entity.value
        return lambda state: value
    domain = machine.variables[at].domain
    return lambda state: domain.decode(state[at])
