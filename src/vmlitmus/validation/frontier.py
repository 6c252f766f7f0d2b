"""States of a model that agree with what was recorded so far, by the compiled successor function.

Successors are kept by state: a recording comes to the same states again and again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from vmlitmus.compiler import Instance, Machine
from vmlitmus.compiler import State as Codes
from vmlitmus.engine.native.codegen import compile_machine
from vmlitmus.engine.native.jit import Native
from vmlitmus.engine.native.layout import Layout, Place
from vmlitmus.engine.native.storage.memory import Region
from vmlitmus.engine.reference.search import Stepper
from vmlitmus.errors import ModelError
from vmlitmus.lang import NotEnabled
from vmlitmus.validation.guards import false_guard

State = tuple[int, ...]  # the words of a packed state
Shown = tuple[object, ...]  # what the recording would show of a state
MOST = 200_000  # states that steps may reach unseen


@dataclass(frozen=True)
class Refusal:
    """Why a step cannot stand for an event: the ``when`` that is false, or what it would show.

    ``states`` counts the states in which it is so.
    """

    step: str
    why: str
    states: int


class TooMany(Exception):
    """More states than are kept agree with what was recorded."""


@dataclass(frozen=True)
class Change:
    """A change of one field: its place, its code before (None: any other), and after.

    With ``stays`` it need not change: ``after`` is what it is then.
    """

    name: str
    place: Place
    before: int | None
    after: int
    stays: bool = False

    def __call__(self, before: State, after: State) -> bool:
        old, new = (
            s[self.place.word] >> self.place.shift & self.place.mask for s in (before, after)
        )
        return new == self.after and (self.stays or (old != new and self.before in (None, old)))


@dataclass(frozen=True)
class Wanted:
    """What a step has to be that stands for an event.

    One of ``steps``, with what ``bound`` names among its parameters; the recording shows ``shows``
    after it; it makes all ``changes``, if it is not one of ``also``; ``begins`` a sequence, or not.
    """

    steps: frozenset[str]
    bound: tuple[str, ...]
    shows: Shown
    changes: tuple[Change, ...] = ()
    also: frozenset[str] = frozenset()
    begins: bool = False


@dataclass(frozen=True)
class Gates:
    """Which steps may have happened unseen.

    ``step`` names what has to be open for a step's instance, None where it always may; ``changes``
    are what has to be open for a step that makes a change.
    """

    step: Callable[[Instance], str | None]
    changes: Callable[[Instance], Iterable[tuple[str, tuple[Change, ...]]]] = lambda _: ()


class Follower:
    """Follows observations through the states of one machine.

    ``look`` says what a recording shows of the machine's world; ``gates`` which steps need an event
    of their own although nothing of that changes; ``canonical`` gives one of several states that
    can do the same. ``open`` are the gates that are open.
    """

    def __init__(
        self,
        machine: Machine,
        look: Callable[[State], Shown],
        gates: Gates,
        canonical: Callable[[State], State] = lambda state: state,
    ) -> None:
        self.machine = machine
        self._look = look
        self._canonical = canonical
        self._gates = [gates.step(i) for i in machine.instances]
        self._changing = [tuple(gates.changes(i)) for i in machine.instances]
        self._layout = Layout(machine)
        self._model = compile_machine(machine, (), named=True)
        self._expand = Native(self._model.ir, 1).function("expand", 3)
        self._state = Region(8 * self._layout.words)
        self._out = Region(8 * self._layout.words * self._model.fanout)
        self._counters = Region(self._model.counting)
        self._successors: dict[State, list[tuple[int, State]]] = {}
        self._shown: dict[State, Shown] = {}
        self._unseen: dict[tuple[State, frozenset[str]], tuple[State, ...]] = {}
        self._after: dict[tuple[object, ...], frozenset[State]] = {}
        self._least: dict[tuple[object, ...], list[State]] = {}
        self.open: frozenset[str] = frozenset()
        self._stepper = Stepper(machine)
        self._names = [i.step.name for i in machine.instances]
        self._bound = [frozenset(str(b) for b in i.binding) for i in machine.instances]

    def pack(self, codes: Codes) -> State:
        """Return the packed form of a state."""
        return self._layout.pack(codes)

    def unpack(self, state: State) -> Codes:
        """Return the code of each variable."""
        return self._layout.unpack(state)

    def successors(self, state: State) -> list[tuple[int, State]]:
        """Return each enabled instance, by index, with the next state."""
        found = self._successors.get(state)
        if found is None:
            found = self._successors[state] = self._expanded(state)
        return found

    def _expanded(self, state: State) -> list[tuple[int, State]]:
        for index, word in enumerate(state):
            self._state.set_word(index, word)
        count = self._expand(self._state.address, self._out.address, self._counters.address)
        if count >> 63:
            raise ModelError(f"{self.machine.instances[(1 << 64) - count - 1]} fails")
        words = self._layout.words
        names = self._counters.words(self._model.names_at, count)
        flat = self._out.words(0, count * words)
        return [
            (name, self._canonical(flat[n * words : (n + 1) * words]))
            for n, name in enumerate(names)
        ]

    def shown(self, state: State) -> Shown:
        """Return what the recording would show of a state."""
        found = self._shown.get(state)
        if found is None:
            found = self._shown[state] = self._look(state)
        return found

    def unseen(self, state: State) -> tuple[State, ...]:
        """Return the states reached by steps that the recording does not show, itself first."""
        key = (state, self.open)
        found = self._unseen.get(key)
        if found is not None:
            return found
        seen = {state: None}
        waiting = [state]
        shows = self.shown(state)
        while waiting:
            before = waiting.pop()
            for index, after in self.successors(before):
                if after in seen or not self._may_be_unseen(index, before, after):
                    continue
                if self.shown(after) == shows:
                    seen[after] = None
                    waiting.append(after)
                    if len(seen) > MOST:
                        raise TooMany
        found = self._unseen[key] = tuple(seen)
        return found

    def _may_be_unseen(self, index: int, before: State, after: State) -> bool:
        """Say whether a step needs no event of its own."""
        gate = self._gates[index]
        if gate is not None and gate not in self.open:
            return False
        return all(
            name in self.open or not all(change(before, after) for change in changes)
            for name, changes in self._changing[index]
        )

    def least(self, states: Iterable[State]) -> list[State]:
        """Return states from which all the others are reached by unseen steps.

        What a state can do, one that reaches it unseen can do as well.
        """
        key = (frozenset(states), self.open)
        known = self._least.get(key)
        if known is not None:
            return known
        kept: dict[State, None] = {}
        covered: set[State] = set()
        for state in states:
            if state in covered:
                continue
            reached = set(self.unseen(state))
            for other in [k for k in kept if k in reached]:
                del kept[other]
            kept[state] = None
            covered |= reached
        if len(self._least) > MOST:
            self._least.clear()
        self._least[key] = list(kept)
        return self._least[key]

    def after(self, state: State, wanted: Wanted) -> frozenset[State]:
        """Return the states after an event: unseen steps, then one that stands for it."""
        key = (state, wanted, self.open)
        kept = self._after.get(key)
        if kept is not None:
            return kept
        found = set()
        for before in self.unseen(state):
            for index, reached in self.successors(before):
                if self._may_be(index, wanted) and self.shown(reached) == wanted.shows:
                    if self._changes_enough(index, wanted, before, reached):
                        found.add(reached)
        if len(self._after) > MOST:
            self._after.clear()
        self._after[key] = frozenset(found)
        return self._after[key]

    def _may_be(self, index: int, wanted: Wanted) -> bool:
        if self._names[index] not in wanted.steps:
            return False
        if wanted.begins and self.machine.instances[index].start:
            return False
        return self._bound[index].issuperset(wanted.bound)

    def _changes_enough(self, index: int, wanted: Wanted, before: State, after: State) -> bool:
        if self._names[index] in wanted.also:
            return True
        return all(change(before, after) for change in wanted.changes)

    def refusals(
        self, states: Iterable[State], wanted: Wanted, say: Callable[[Shown], str]
    ) -> list[Refusal]:
        """Return for each step that may stand for an event why it does not, most frequent first."""
        counts: dict[tuple[str, str], int] = {}
        everything = list(dict.fromkeys(s for state in states for s in self.unseen(state)))
        instances = [n for n in range(len(self._names)) if self._may_be(n, wanted)]
        for state in everything[:2000]:
            enabled: dict[int, list[State]] = {}
            for index, reached in self.successors(state):
                enabled.setdefault(index, []).append(reached)
            for index in instances:
                why = self._why(state, index, enabled.get(index), wanted, say)
                if why is not None:
                    key = (str(self.machine.instances[index]), why)
                    counts[key] = counts.get(key, 0) + 1
        found = [Refusal(step, why, n) for (step, why), n in counts.items()]
        return sorted(found, key=lambda r: (-r.states, r.step, r.why))

    def _why(
        self,
        state: State,
        index: int,
        reached: list[State] | None,
        wanted: Wanted,
        say: Callable[[Shown], str],
    ) -> str | None:
        if reached:
            missing = [c.name for c in wanted.changes if not c(state, reached[0])]
            if self.shown(reached[0]) != wanted.shows or not missing:
                return f"it would show: {say(self.shown(reached[0]))}"
            return f"it would not make {' and '.join(missing)}"
        instance = self.machine.instances[index]
        codes = self._layout.unpack(state)
        if any(codes[variable] != code for variable, code in instance.guards):
            return None  # its actor is elsewhere in the sequence
        self._stepper.load(codes)
        try:
            self.machine.fire(instance)
        except NotEnabled as error:
            why = false_guard(error, instance) or "one of its guards is false"
        else:
            why = "nothing forbids it"
        self.machine.back(codes)
        return why
