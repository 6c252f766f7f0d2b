"""The machine of a topic for one vcpu of a recording, and what a recording shows of its states."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from enum import Enum
from typing import Any

from vmlitmus.compiler import Instance, Machine, build
from vmlitmus.engine.native.layout import Layout
from vmlitmus.errors import ModelError
from vmlitmus.model import TOPICS
from vmlitmus.trace.events import Kind
from vmlitmus.validation.frontier import Change, Follower, Gates, Shown, State, Wanted
from vmlitmus.validation.question import Question
from vmlitmus.validation.vcpus.environment import FIELDS, STEPS, setup_of
from vmlitmus.validation.vcpus.events import VcpuEvent, events_of

NEVER = "never"  # a gate that nothing opens
ANEW = "anew"  # of a state in which a vcpu may be only where the search begins anew


class VcpuMachine:
    """A machine, with the events that it is held against.

    ``recorded`` are the kinds of events that the recording has; what it has none of may happen
    unseen. ``events`` are those that can be held against anything.
    """

    def __init__(self, question: Question, recorded: frozenset[Kind]) -> None:
        self.mapping = question.mapping
        self.subject = self.mapping.subject
        self.machine = _built(question)
        every = events_of(self.mapping)
        self.kind = {e.name: next((k for k in e.kinds if k in recorded), None) for e in every}
        alone = {e.name for e in every if not recorded.issuperset(e.beside)}
        self.events = tuple(e for e in every if self.kind[e.name] and e.name not in alone)
        self._never = tuple(
            e for e in every if e.name in alone or (e.never and self.kind[e.name] is None)
        )
        self._layout = Layout(self.machine)
        self.observed = tuple(
            name
            for name, kinds in self.mapping.observed.items()
            if any(Kind[k.upper()] in recorded for k in kinds)
        )
        self._seen = [self._place(name) for name in self.observed]
        self._codes = {(f, w): c for f in self._fields() for w, c in self._words(f).items()}
        self._spoken = [{c: w for w, c in self._words(f).items()} for f in self.observed]
        self.follower = Follower(
            self.machine, self.look, Gates(self._step_gate, self._change_gates)
        )

    def _fields(self) -> set[str]:
        named = {f for e in self.events for f in (*e.changes, *e.needed, *e.holds)}
        return named | set(self.observed) | {f for b in self.mapping.begin for f in b} - {ANEW}

    def _variable(self, name: str) -> Any:
        """Return the variable of a field: of the vcpu, or ENTITY.FIELD."""
        entity, _, field = name.rpartition(".")
        for variable in self.machine.variables:
            if variable.name == field and str(variable.entity) == (entity or self.subject):
                return variable
        raise ModelError(
            f"{entity or self.subject}.{field}, which the mapping names, never changes"
        )

    def _place(self, name: str) -> Any:
        (place,) = self._layout.places[self._variable(name).index]
        return place

    def _words(self, name: str) -> dict[str, int]:
        values = self._variable(name).values
        return {_word(value): code for code, value in enumerate(values)}

    def code(self, name: str, word: str) -> int:
        """Return the code of a field's value; raises ModelError for one that it cannot have."""
        if (name, word) not in self._codes:
            raise ModelError(f"{self.subject}.{name} is never {word!r}, which the mapping names")
        return self._codes[name, word]

    def look(self, state: State) -> Shown:
        """Return the codes of the observed fields."""
        return tuple(state[p.word] >> p.shift & p.mask for p in self._seen)

    def say(self, shown: Shown) -> str:
        """Say in words what is shown."""
        return ", ".join(
            f"{self.subject}.{name} = {words[code]}"  # type: ignore[index]
            for name, words, code in zip(self.observed, self._spoken, shown, strict=True)
        )

    def word(self, name: str, shown: Shown) -> str:
        """Return the value of an observed field that is shown; "" where it is not observed."""
        if name not in self.observed:
            return ""
        at = self.observed.index(name)
        return self._spoken[at][shown[at]]  # type: ignore[index]

    def begin(self, *, anew: bool) -> list[State]:
        """Return the states in which a vcpu may be at the beginning, or where it begins anew."""
        found = []
        for fields in self.mapping.begin:
            if ANEW in fields and not anew:
                continue
            state = list(self.machine.initial)
            for name, word in fields.items():
                if name == ANEW:
                    continue
                state[self._variable(name).index] = self.code(name, word)
            found.append(self.follower.pack(tuple(state)))
        return found

    def wanted(self, event: VcpuEvent, bound: Mapping[str, str], shown: Shown) -> Wanted:
        """Return what a step has to be that stands for an event, from what is shown before it."""
        after = list(shown)
        for name, word in event.changes.items():
            if name in self.observed:
                after[self.observed.index(name)] = self.code(name, word)
        hidden = {n: ["", w] for n, w in event.changes.items() if n not in self.observed}
        names = tuple(bound[b] for b in event.bound)
        changes = self._changes(hidden) + self._changes(event.holds)
        return Wanted(event.steps, names, tuple(after), changes, event.also, event.begins)

    def _changes(self, fields: Mapping[str, str | Sequence[str]]) -> tuple[Change, ...]:
        return tuple(self._change(name, words) for name, words in fields.items())

    def _change(self, name: str, words: str | Sequence[str]) -> Change:
        """Return a change from one value ("": any) to another, or what a field is afterwards."""
        old, new = ("", words) if isinstance(words, str) else words
        before = self.code(name, old) if old else None
        said = f"{self.subject}.{name} {new}"
        return Change(said, self._place(name), before, self.code(name, new), isinstance(words, str))

    def _key(self, name: str) -> str:
        return self.mapping.unseen.get(name, name)

    def _step_gate(self, instance: Instance) -> str | None:
        """A step that makes no change by which it is known needs its event where it begins."""
        name = instance.step.name
        if name in self.mapping.unseen:
            return self.mapping.unseen[name] if self._by_nobody_else(instance) else NEVER
        for event in (*self.events, *self._never):
            known = bool(event.changes or event.needed) and name not in event.also
            if name in event.steps and not (event.optional or known) and not instance.start:
                return self._key(event.name)
        return None

    def _by_nobody_else(self, instance: Instance) -> bool:
        """Say whether a step is of no thread that may be seen to send."""
        return not {str(b) for b in instance.binding} & set(self.mapping.senders[:-1])

    def _change_gates(self, instance: Instance) -> Iterator[tuple[str, tuple[Change, ...]]]:
        for event in self.events:
            if instance.step.name not in event.steps - event.also or event.optional:
                continue
            changes = {n: ["", w] for n, w in event.changes.items() if n not in self.observed}
            needed: Mapping[str, str | Sequence[str]] = event.needed or changes
            if needed:
                yield self._key(event.name), self._changes(needed)


def _word(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return str(value).lower()
    return str(value.value) if isinstance(value, Enum) else str(value)


def _built(question: Question) -> Machine:
    mapping = question.mapping
    model = TOPICS[mapping.topic]
    kept: Sequence[Any] = [s for s in model.steps if s.name not in mapping.leave_out]
    steps = (*kept, *STEPS[mapping.topic])
    fields = {**model.fields, **FIELDS.get(mapping.topic, {})}
    model = replace(model, steps=steps, setup=setup_of(model), fields=fields)
    return build(model, question.settings, allow=mapping.allow, assume=mapping.assume)
