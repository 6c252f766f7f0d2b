"""Rows of a recording as events of a vcpu: of what kind, of whom, and with which numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from vmlitmus.trace.events import Kind, Left, Mode
from vmlitmus.trace.tracepoints.tables import reason_name
from vmlitmus.validation.mapping import Observed, TraceMapping
from vmlitmus.validation.wording import Row


@dataclass(frozen=True)
class VcpuEvent:
    """An event of a mapping that follows vcpus.

    ``kinds``: the first of them that was recorded counts. ``of`` says what names the vcpu: the
    "thread" that the event is of, the task "leaving", "coming" or "woken", the "apic" id, the
    "target" of a request; or that the event is of the thread of a "sender". ``changes`` are fields
    of the vcpu, and ``needed`` those whose change, or value afterwards, needs the event if all are
    so; ``holds`` are what fields are then, whatever they were; ``anew`` says why it ends what is
    known. Where ``optional`` is true, its steps may happen unseen as well. Without events of the
    kinds ``beside`` in the recording there is no such event, and none of its steps. ``during`` is
    the situation in which a row is this event ("": any).
    """

    name: str
    kinds: tuple[Kind, ...]
    of: str
    when: Mapping[str, tuple[str, ...]]
    steps: frozenset[str]
    also: frozenset[str]
    bound: tuple[str, ...]
    changes: Mapping[str, str]
    needed: Mapping[str, str | list[str]]
    holds: Mapping[str, str]
    begins: bool
    optional: bool
    never: bool
    anew: str
    beside: tuple[Kind, ...]
    during: str

    def fits(self, row: Row) -> bool:
        """Say whether the numbers of a row are those of this event."""
        return all(number(row, name) in words for name, words in self.when.items())


def events_of(mapping: TraceMapping) -> tuple[VcpuEvent, ...]:
    """Return the events of a mapping, in its order."""
    return tuple(_event(name, observed) for name, observed in mapping.events.items())


def _event(name: str, observed: Observed) -> VcpuEvent:
    read = observed.read
    return VcpuEvent(
        name=name,
        kinds=tuple(Kind[word.upper()] for word in read["kind"]),
        of=read["of"],
        when={key: tuple(words) for key, words in read.get("when", {}).items()},
        steps=observed.steps | frozenset(read.get("also", ())),
        also=frozenset(read.get("also", ())),
        bound=tuple(read.get("bound", ("vcpu",))),
        changes=read.get("changes", {}),
        needed=read.get("needed", {}),
        holds=read.get("holds", {}),
        begins=read.get("begins", False),
        optional=read.get("optional", False),
        never=read.get("never", False),
        anew=read.get("anew", ""),
        beside=tuple(Kind[word.upper()] for word in read.get("beside", ())),
        during=read.get("during", ""),
    )


def number(row: Row, name: str) -> str:
    """Return a number of a row by its name in a mapping, as a word."""
    _, _, _, _, _, a, b, c = row
    if name == "reason":
        return reason_name(b, c)
    if name == "left":
        return Left(c).name.lower()
    if name == "mode":
        return Mode(c).name.lower() if c in tuple(Mode) else str(c)
    return {"init": str(a), "code": hex(a), "request": str(b & 0xFFFFFFFF)}[name]
