"""What an exchange of entities does to a state.

A field goes with its entity; the entities that it names are exchanged as well. A local of a
sequence does so only while it lives: a dead one has code 0, which would name the first entity.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from vmlitmus.compiler.machine.machine import Machine, State, Variable
from vmlitmus.compiler.symmetry.structure import Differ, Exchange
from vmlitmus.lang.domain import RefTo, SetOf
from vmlitmus.lang.entity import Entity


@dataclass(frozen=True)
class Live:
    """While a slot keeps a local: ``at`` is the variable of its actor's place."""

    at: int
    places: frozenset[int]


class Variables:
    """The variables of a machine, by entity and name, and when those that are slots live."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.all = machine.variables
        self.where = {(v.entity, v.name): v.index for v in machine.variables}

    def image(self, variable: Variable, moved: Exchange) -> int:
        """Return the variable that one becomes; raises Differ where there is none like it."""
        other = moved.get(variable.entity, variable.entity)
        found = self.where.get((other, variable.name))
        if found is None:
            raise Differ(f"{variable} may change, and {other}.{variable.name} never does")
        if self.all[found].domain != variable.domain:
            raise Differ(f"{variable} has other values than {other}.{variable.name}")
        return found

    @cached_property
    def live(self) -> Mapping[int, Live]:
        """The slots that hold an entity, with the places at which they do."""
        places: dict[tuple[type[Entity], str], set[int]] = {}
        for made in {id(i.program): i.program for i in self.machine.instances}.values():
            if made is None:
                continue
            for place, names in made.live.items():
                for name in names:
                    slot = places.setdefault((made.actor, made.slots[name]), set())
                    slot.add(made.first_place + place - 1)
        return {
            v.index: Live(
                self.where[v.entity, "_at"],
                frozenset(places.get((type(v.entity), v.name), ())),
            )
            for v in self.all
            if v.name.startswith("_slot") and isinstance(v.domain, RefTo)
        }


@dataclass(frozen=True)
class Action:
    """``moves`` gives for each variable the one that it becomes.

    ``refs`` gives for each variable that may name one entity that moves the new code of each code;
    ``sets`` for each that holds some the new position of each member. Where it is proved,
    ``instances`` gives for each instance one that does the same after the exchange.
    """

    variables: tuple[Variable, ...]
    moved: Exchange
    moves: tuple[int, ...]
    refs: Mapping[int, tuple[int, ...]]
    sets: Mapping[int, tuple[int, ...]]
    live: Mapping[int, Live]
    instances: tuple[int, ...] = ()

    def touches(self, variable: int) -> bool:
        """Say whether a variable moves or may change its code."""
        return self.moves[variable] != variable or variable in self.refs or variable in self.sets

    @property
    def changes(self) -> bool:
        """Say whether it changes any state."""
        return any(map(self.touches, range(len(self.moves))))

    def code(self, variable: int, code: int) -> int:
        """Return the new code of a variable that is no dead slot."""
        if variable in self.refs:
            return self.refs[variable][code]
        if variable in self.sets:
            return sum(1 << n for b, n in enumerate(self.sets[variable]) if code >> b & 1)
        return code

    def state(self, state: State) -> State:
        """Return the state that a state becomes."""
        found = list(state)
        for variable, code in enumerate(state):
            live = self.live.get(variable)
            if live is None or state[live.at] in live.places:
                code = self.code(variable, code)
            found[self.moves[variable]] = code
        return tuple(found)


def action(variables: Variables, moved: Exchange) -> Action:
    """Return what an exchange does; raises Differ where an entity's fields are not alike."""
    refs, sets = {}, {}
    kinds = {type(entity) for entity in moved}
    for variable in variables.all:
        domain = variable.domain
        if isinstance(domain, (RefTo, SetOf)) and domain.kind in kinds:
            codes = tuple(moved.get(e, e).index for e in domain.members)
            if isinstance(domain, SetOf):
                sets[variable.index] = codes
            else:
                refs[variable.index] = (*codes, *range(len(codes), domain.size))
    moves = tuple(variables.image(v, moved) for v in variables.all)
    return Action(variables.all, moved, moves, refs, sets, variables.live)
