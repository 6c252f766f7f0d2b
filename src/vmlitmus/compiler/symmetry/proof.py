"""The proof that entities are interchangeable: their exchange changes nothing that a test asks.

An exchange has to leave the initial state as it is, and turn each instance into another: from the
exchanged state, that one is enabled when the first is, ends as it does, and leaves the exchanged
state behind. Conditions have to be as true as before. All this is compared for all states that the
variables can express, by decision diagrams of the lowered code, so nothing is taken on trust: not
the order in which code goes through entities, nor what it does with their numbers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

from vmlitmus.compiler.ir.nodes import Code
from vmlitmus.compiler.machine.machine import Instance, Machine, Variable
from vmlitmus.compiler.symmetry.action import Action, Variables, action
from vmlitmus.compiler.symmetry.blame import blamed_line
from vmlitmus.compiler.symmetry.diagrams import Diagram, Diagrams, TooMuch
from vmlitmus.compiler.symmetry.effect import NOWHERE, Effect, Load, effect
from vmlitmus.compiler.symmetry.structure import Differ, Exchange
from vmlitmus.lang.domain import Bool, RefTo, SetOf
from vmlitmus.lang.entity import Entity

MOST = 1_500_000  # answers looked at in all proofs of a machine together: two seconds or three
_EACH = 500_000  # the same for one exchange
_WIDEST = 1024  # codes of one variable that may be told apart
_MEMBERS = 10  # members of a set, each of which is asked for by itself


class Proof:
    """Proves exchanges for one machine and some of its conditions."""

    def __init__(self, machine: Machine, conditions: Iterable[str], most: int) -> None:
        self.machine = machine
        self.conditions = tuple(conditions)
        self.variables = Variables(machine)
        self.most = most
        self.diagrams = Diagrams()
        self.levels = _levels(machine.variables)
        self.codes: dict[int, Diagram] = {}
        self.plain: dict[int | str, Effect] = {}
        self.done: dict[int, tuple[object, ...]] = {}
        self.alike: Counter[tuple[object, ...]] = Counter()
        self.bound: dict[tuple[object, ...], list[Instance]] = {}
        for instance in machine.instances:
            self.bound.setdefault(instance.binding, []).append(instance)

    def action(self, moved: Exchange) -> Action:
        """Return what an exchange does, if it is proved to change nothing; else raise Differ."""
        found = action(self.variables, moved)
        for variable, code in enumerate(found.state(self.machine.initial)):
            if code != self.machine.initial[variable]:
                raise Differ(f"{self.machine.variables[variable]} differs at the start")
        self.diagrams.most = min(self.diagrams.effort + _EACH, self.most)
        try:
            comparison = _Comparison(self, found)
            images = [comparison.instance(i).index for i in self.machine.instances]
            for name in self.conditions:
                comparison.condition(name)
        except (TooMuch, RecursionError):
            raise Differ("comparing what the steps do takes too long") from None
        return replace(found, instances=tuple(images))

    def many(self, instance: Instance) -> int:
        """Return how many instances do the same as one."""
        if not self.alike:
            self.alike.update(Counter(map(self.does, self.machine.instances)))
        return self.alike[self.does(instance)]

    def pairs(self) -> tuple[tuple[int, int], ...]:
        """Return pairs of instances that do the same: each with the first of its kind.

        Raises TooMuch, or RecursionError, where it takes too long to say.
        """
        self.diagrams.most = self.diagrams.effort + _EACH
        first: dict[tuple[object, ...], int] = {}
        found = [(first.setdefault(self.does(i), i.index), i.index) for i in self.machine.instances]
        return tuple(pair for pair in found if pair[0] != pair[1])

    def does(self, instance: Instance) -> tuple[object, ...]:
        """Return what an instance does: equal for two that do the same in every state."""
        found = self.done.get(instance.index)
        if found is None:
            done = self.effect(instance.index)
            changes = {v: d for v, d in done.writes.items() if d != self.kept(v, done)}
            found = self.done[instance.index] = done.ending, frozenset(changes.items())
        return found

    def kept(self, variable: int, done: Effect) -> Diagram:
        """Return what is in a variable that a step leaves alone, and NOWHERE where it fails."""
        ends = self.diagrams.map("ends", _ends_well, done.ending)
        return self.diagrams.select(ends, self.load(variable), NOWHERE)

    def load(self, variable: int) -> Diagram:
        """Return the code of a variable as a function of the state."""
        if variable not in self.codes:
            self.codes[variable] = self._load(self.machine.variables[variable])
        return self.codes[variable]

    def _load(self, variable: Variable) -> Diagram:
        level, domain = self.levels[variable.index], variable.domain
        node = self.diagrams.node
        if isinstance(domain, SetOf):
            if len(domain.members) > _MEMBERS:
                raise TooMuch
            masks: list[Diagram] = list(range(domain.size))
            for bit in range(len(domain.members)):
                masks = [node(level - bit, (a, b)) for a, b in zip(masks[::2], masks[1::2])]  # noqa: B905
            return masks[0]
        if domain.size > _WIDEST:
            raise TooMuch
        return node(level, tuple(range(domain.size)))

    def effect(self, key: int | str) -> Effect:
        """Return what an instance or a condition does."""
        if key not in self.plain:
            self.plain[key] = effect(self.diagrams, self.machine.codes[key], self.load)
        return self.plain[key]


class _Comparison:
    """Compares the code of a machine with itself after one exchange."""

    def __init__(self, proof: Proof, found: Action) -> None:
        self.proof = proof
        self.machine = proof.machine
        self.diagrams = proof.diagrams
        self.action = found

    def untouched(self, codes: Iterable[Code]) -> bool:
        """Say whether the exchange changes nothing of what some code reads and writes."""
        return not any(self.action.touches(v) for c in codes for v in (*c.reads, *c.writes))

    def instance(self, instance: Instance) -> Instance:
        """Return an instance that does, exchanged, what one does; raises Differ without any."""
        if self.same(instance) and self.untouched([self.machine.codes[instance.index]]):
            return instance
        candidates = self.proof.bound.get(self.binding(instance), [])
        own = [i for i in candidates if (i.step, i.start) == (instance.step, instance.start)]
        for other in dict.fromkeys((*own, *candidates)):
            if self.unlike(instance, other) is None:
                if self.proof.many(other) != self.proof.many(instance):
                    break
                return other
        told = f"{instance} is possible, and its counterpart is not"
        raise self.differ(self.unlike(instance, own[0]) or told if own else told, instance)

    def same(self, instance: Instance) -> bool:
        return self.binding(instance) == instance.binding

    def binding(self, instance: Instance) -> tuple[object, ...]:
        """Return the binding of an instance exchanged."""
        moved = self.action.moved
        return tuple(moved.get(b, b) if isinstance(b, Entity) else b for b in instance.binding)

    def unlike(self, instance: Instance, other: Instance) -> str | None:
        """Say in what an instance, exchanged, differs from another; None where in nothing."""
        before = self.proof.effect(instance.index)
        after = effect(self.diagrams, self.machine.codes[other.index], self.exchanged)
        if before.ending != after.ending:
            return f"{instance} and {other} do not happen alike"
        for variable in self.written(before, after):
            target = self.action.moves[variable]
            if self.image(variable, before) != self.left(target, after, self.exchanged):
                names = [self.machine.variables[v] for v in (variable, target)]
                return f"{instance} leaves another {names[0]} than {other} leaves {names[1]}"
        return None

    def condition(self, name: str) -> None:
        """Compare a condition with itself."""
        code = self.machine.codes[name]
        if self.untouched([code]):
            return
        after = effect(self.diagrams, code, self.exchanged)
        if self.proof.effect(name).ending != after.ending:
            function = self.machine.conditions[name].function
            raise Differ(f"{name} is not as true", blamed_line(self.machine, function))

    def differ(self, told: str, instance: Instance) -> Differ:
        function = instance.step.function
        return Differ(told, blamed_line(self.machine, function))

    def written(self, before: Effect, after: Effect) -> list[int]:
        """Return the variables that one or the other writes, with locals that come to life."""
        moves = self.action.moves
        found = {*before.writes, *(moves[v] for v in after.writes)}
        slots = (slot for slot, live in self.action.live.items() if live.at in found)
        return sorted({*found, *slots})

    def left(self, variable: int, done: Effect, load: Load) -> Diagram:
        """Return what is in a variable afterwards, and NOWHERE where the step does not end well."""
        written = done.writes.get(variable)
        if written is not None:
            return written
        ends = self.diagrams.map("ends", _ends_well, done.ending)
        return self.diagrams.select(ends, load(variable), NOWHERE)

    def image(self, variable: int, before: Effect) -> Diagram:
        """Return the exchanged code of what an instance leaves in a variable."""
        left = self.left(variable, before, self.proof.load)
        live = self.action.live.get(variable)
        at = self.left(live.at, before, self.proof.load) if live is not None else 0
        return self.mapped(variable, left, at)

    def exchanged(self, variable: int) -> Diagram:
        """Return the code of a variable in the exchanged state."""
        source = self.action.moves[variable]
        live = self.action.live.get(source)
        at = self.proof.load(live.at) if live is not None else 0
        return self.mapped(source, self.proof.load(source), at)

    def mapped(self, variable: int, code: Diagram, at: Diagram) -> Diagram:
        """Return codes of a variable exchanged; ``at`` says where its actor is, if it is a slot."""
        if variable not in self.action.refs and variable not in self.action.sets:
            return code
        key: object = self.action.refs.get(variable) or ("set", self.action.sets[variable])
        new = self.diagrams.map(key, lambda c: c if c < 0 else self.action.code(variable, c), code)
        live = self.action.live.get(variable)
        if live is None:
            return new
        key = "live", live.places
        lives = self.diagrams.map(key, lambda place: int(place in live.places), at)
        return self.diagrams.select(lives, new, code)


def _ends_well(ending: int) -> int:
    return int(ending >= 0)


def _levels(variables: Iterable[Variable]) -> list[int]:
    """Return the level of each variable, of a set that of its highest member.

    What chooses is asked before what is chosen, and members of sets last.
    """
    order = sorted(
        variables,
        key=lambda v: (
            isinstance(v.domain, SetOf),
            isinstance(v.domain, Bool),
            not isinstance(v.domain, RefTo),
        ),
    )
    found: dict[int, int] = {}
    level = 0
    for variable in order:
        level += len(variable.domain.members) if isinstance(variable.domain, SetOf) else 1
        found[variable.index] = level
    return [found[index] for index in range(len(found))]
