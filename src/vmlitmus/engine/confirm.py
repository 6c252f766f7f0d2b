"""Is a verdict to be believed? Traces are checked against the claim, and what holds for vacuity."""

from __future__ import annotations

import copy
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress

from vmlitmus.compiler import Machine, State
from vmlitmus.engine.reference.lasso import Lasso, broken
from vmlitmus.engine.reference.search import Stepper
from vmlitmus.errors import EnginesDisagree
from vmlitmus.lang import Claim, Entity


def confirm_end(stepper: Stepper, claim: Claim, last: State) -> None:
    """The state that decides must satisfy the condition, or not, in the reference engine too."""
    wanted = claim.kind != "recoverable"
    if stepper.holds(last, claim.condition) != wanted:
        raise EnginesDisagree(f"the last state of a trace does not decide {claim}")


def confirm_lasso(stepper: Stepper, claim: Claim, lasso: Lasso) -> None:
    """A lasso must violate the claim by the definition: it waits in vain, and it is fair."""
    waits = lasso.states[lasso.since :]
    if claim.kind == "eventually":
        begun = lasso.since == 0
    else:
        begun = stepper.holds(waits[0], claim.condition)
    if not begun or any(stepper.holds(state, claim.awaited) for state in waits):
        raise EnginesDisagree(f"a lasso does not violate {claim}")
    if not lasso.since <= lasso.loop_start:
        raise EnginesDisagree("a lasso begins to wait inside its loop")
    loop = dict.fromkeys(lasso.states[lasso.loop_start :])
    enabled = [{i.index for i, _, _ in stepper.successors(state)} for state in loop]
    if broken(stepper.machine.promises, enabled, lasso.taken[lasso.loop_start :]):
        raise EnginesDisagree(f"the loop of a lasso against {claim} is not fair")


def backing(machine: Machine, claim: Claim) -> tuple[str, ...]:
    """Return the conditions that must be reachable for the claim to mean anything."""
    backed = machine.model.condition(claim.condition).backed_by
    return (claim.condition, *backed) if claim.kind == "leads_to" else backed


def nobody(machine: Machine, claim: Claim) -> tuple[str, ...]:
    """Return why a verdict says nothing: there is nobody whom the claim is about."""
    if not any(machine.entities.values()):
        return ("the scenario has no entity of any kind; the verdict is vacuous",)
    for name in claim.conditions:
        kinds = _asked(machine, name)
        if kinds and not any(machine.entities.get(kind) for kind in kinds):
            names = " or ".join(sorted(kind.__name__.lower() for kind in kinds))
            return (
                f"there is no {names}, and {name!r} asks for nothing else; the verdict is vacuous",
            )
    return ()


def _asked(machine: Machine, name: str) -> set[type[Entity]]:
    """Return the classes of which a condition asks for all entities, in the initial state."""
    stepper = Stepper(machine)
    stepper.load(machine.initial)
    asked = _NotedEntities(machine.world.entities)
    world = copy.copy(machine.world)
    world.entities = asked
    with suppress(Exception):  # a faulty condition is somebody else's to report
        machine.conditions[name](world)
    return asked.kinds


class _NotedEntities(Mapping[type[Entity], tuple[Entity, ...]]):
    """The entities of a world; notes of which classes somebody asks for them."""

    def __init__(self, entities: Mapping[type[Entity], tuple[Entity, ...]]) -> None:
        self.entities = entities
        self.kinds: set[type[Entity]] = set()

    def __getitem__(self, kind: type[Entity]) -> tuple[Entity, ...]:
        self.kinds.add(kind)
        return self.entities[kind]

    def __iter__(self) -> Iterator[type[Entity]]:
        return iter(self.entities)

    def __len__(self) -> int:
        return len(self.entities)


def vacuous(machine: Machine, claim: Claim, observed: Collection[str]) -> tuple[str, ...]:
    """Return why a claim that holds says nothing: it could not have been violated."""
    if claim.kind in ("possible", "recoverable"):
        return ()
    if claim.kind == "eventually" and Stepper(machine).holds(machine.initial, claim.condition):
        return (f"{claim.condition!r} holds at the start; the verdict is vacuous",)
    missing = [name for name in backing(machine, claim) if name not in observed]
    if claim.kind == "never":
        so = f"{claim.condition!r} could not be reached either"
    else:
        so = f"{claim.awaited!r} never had to come"
    return tuple(f"{name!r} is never reached, so {so}; the verdict is vacuous" for name in missing)
