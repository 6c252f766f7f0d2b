"""One vcpu of a recorded run: its events in, and which no run of the model explains, out."""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Mapping, Sequence

from vmlitmus.outcome.validation import FIRST, Candidate, CoreResult, Mismatch
from vmlitmus.trace.events import Kind, Left, Mode
from vmlitmus.trace.tracepoints.tables import reason_name
from vmlitmus.validation.agreeing import (
    LOST,
    MISMATCH,
    TOO_MANY,
    Agreeing,
    candidates,
    longest_prefixes,
)
from vmlitmus.validation.frontier import Shown, State, TooMany, Wanted
from vmlitmus.validation.vcpus.events import VcpuEvent
from vmlitmus.validation.vcpus.machine import VcpuMachine
from vmlitmus.validation.wording import Row

GUEST = "running"  # the field that says that the vcpu is in guest mode
CROWDED = "more threads sent at one time than the model has"


class VcpuRun:
    """One vcpu: its thread ``tid``, and ``others``, the threads of the other vcpus of its VM.

    ``accepted`` are times, in order, and threads of what is sent to it.
    """

    def __init__(
        self,
        name: str,
        tid: int,
        others: frozenset[int],
        lifted: VcpuMachine,
        accepted: Sequence[tuple[int, int]],
    ) -> None:
        self.name = name
        self.tid = tid
        self._others = others
        self._lifted = lifted
        self._accepted = accepted
        self._slots: dict[int, str] = {}  # sending threads, and the tasks of the model they are
        self.states = Agreeing(lifted.follower)
        self._cpus: set[int] = set()
        self._slept = False
        self._resets = False  # with this event: what comes before it may still happen unseen
        self._reset = False  # and has not halted, and taken no interrupt, since
        self._pending: set[int] = set()  # vectors that were accepted and not injected
        self._since = 0
        self._last: deque[str] = deque(maxlen=6)
        self.events = self.explained = 0
        self.unread: dict[str, int] = {}
        self.mismatches: list[Mismatch] = []
        self.anew: dict[str, int] = {}
        self._why_anew = FIRST

    # Beginning.

    def forget(self, why: str) -> None:
        """Begin anew: what was recorded so far says nothing about what comes."""
        self.states.runs = {}
        self._since = 0
        self._slots.clear()
        self._why_anew = why

    def _begin(self, event: VcpuEvent) -> bool:
        if self._lifted.mapping.begins_at not in ("", event.name):
            return False
        self.states.runs = dict.fromkeys(self._lifted.begin(anew=self._why_anew != FIRST), 1)
        self.anew[self._why_anew] = self.anew.get(self._why_anew, 0) + 1
        self._slept = True
        return True

    def _not_asked(self) -> None:
        """Count an event that comes while nothing is known."""
        self.unread[self._why_anew] = self.unread.get(self._why_anew, 0) + 1

    # One event.

    def take(self, row: Row, words: str) -> None:
        """Take an event of the recording; one that does not concern the vcpu changes nothing."""
        if self._resets:
            self._slept = True  # only the probe of the SIPI ends its wait
            self._resets, self._reset = False, True
        event = next((e for e in self._lifted.events if self._concerns(e, row)), None)
        if row[4] == self.tid and row[1] in (Kind.ENTRY, Kind.EXIT):
            self._cpus.add(row[3])
        self._note(row)
        if event is None:
            self.own(row, words)
            return
        if event.anew:
            self.forget(event.anew)
            return
        if event.name == "returns" and row[4] not in self._slots:
            return
        self.events += 1
        fresh = not self.states.runs and self._begin(event)
        if not self.states.runs:
            self._not_asked()
            return
        if not self.own(row, words, counted=True):
            return
        self._event(event, row, words, fresh)

    def _concerns(self, event: VcpuEvent, row: Row) -> bool:
        _, kind, _, _, task, a, b, _ = row
        if kind != self._lifted.kind[event.name]:
            return False
        if event.during and event.during not in self._open(row[0]):
            return False
        who = {"thread": task, "leaving": a, "coming": b, "woken": a}
        if event.of in who:
            return who[event.of] == self.tid and event.fits(row)
        if event.of == "sender":
            return task in self._others and event.fits(row)
        return event.fits(row)  # by the apic id, for which the rows were chosen

    def _note(self, row: Row) -> None:
        """Keep what decides what may happen unseen."""
        _, kind, _, _, task, a, b, c = row
        if kind == Kind.ACCEPT_IRQ and c in (Mode.FIXED, Mode.LOWEST):
            self._pending.add(b)
        elif kind == Kind.ACCEPT_IRQ and c == Mode.INIT:
            self._pending.clear()
        elif kind == Kind.INJECT_IRQ and task == self.tid:
            self._pending.discard(a)
            self._reset = False
        elif kind == Kind.EXIT and task == self.tid:
            self._slept = False
            self._reset = self._reset and reason_name(b, c).lower() != "hlt"
        elif kind == Kind.VCPU_RESET and task == self.tid:
            self._resets = True
        elif kind == Kind.SWITCH and a == self.tid and c == Left.SLEEPING:
            self._slept = True

    def own(self, row: Row, words: str, *, counted: bool = False) -> bool:
        """Say whether an event of the vcpu's own thread can be: it is not in guest mode."""
        if row[1] == Kind.EXIT or row[4] != self.tid or not self.states.runs:
            return True
        shown = self._lifted.look(next(iter(self.states.runs)))
        if self._lifted.word(GUEST, shown) != "true":
            return True
        self.events += not counted
        why = "the thread is in guest mode, which it leaves by kvm_exit alone"
        self._fail(row, words, dict(self.states.runs), (Candidate("kvm_exit", why, 1),))
        return False

    def _event(self, event: VcpuEvent, row: Row, words: str, fresh: bool) -> None:
        bound = self._bound(event, row)
        if bound is None:
            self.forget(CROWDED)
            return
        was = self.states.runs
        wanted = self._lifted.wanted(event, bound, self._lifted.look(next(iter(was))))
        gates = self._open(row[0])
        try:
            taken = self.states.take(wanted, [gates])
        except TooMany:
            self.states.follower.open = frozenset()
            self.forget(TOO_MANY)
            return
        if taken:
            self._done(words)
            if event.name == "returns":
                del self._slots[row[4]]
        elif fresh:
            self.states.runs = {}
            self._not_asked()
        else:
            self._fail(row, words, was, self._refusals(was, wanted, gates))

    def _bound(self, event: VcpuEvent, row: Row) -> Mapping[str, str] | None:
        bound = {"vcpu": self._lifted.subject}
        if event.of in ("apic", "target", "sender"):
            slot = self._slot(row[4])
            if slot is None:
                return None
            bound["sender"] = slot
        return bound

    def _slot(self, tid: int) -> str | None:
        """Return the task of the model that a sending thread is; others share the last one."""
        *own, shared = self._lifted.mapping.senders
        if tid not in self._others:
            return shared
        if tid not in self._slots:
            free = [slot for slot in own if slot not in self._slots.values()]
            if not free:
                return None
            self._slots[tid] = free[0]
        return self._slots[tid]

    def _open(self, time: int) -> frozenset[str]:
        """Return in which situations the vcpu is."""
        found: set[str] = set()
        if not self._slept:
            found.add("awake")
        if self._pending or Kind.INJECT_IRQ not in self._lifted.kind.values():
            found.add("pending")
        following = bisect_right(self._accepted, (time, 1 << 62))
        if following < len(self._accepted) and self._accepted[following][1] == self.tid:
            found.add("timer")
        if self._reset:
            found.add("reset")
        return frozenset(found)

    def _done(self, words: str) -> None:
        self.explained += 1
        self._since += 1
        self._last.append(words)

    def _refusals(
        self, states: Mapping[State, int], wanted: Wanted, gates: frozenset[str]
    ) -> tuple[Candidate, ...]:
        self.states.follower.open = gates
        refused = self.states.follower.refusals(states, wanted, self._say)
        self.states.follower.open = frozenset()
        return candidates(refused)

    def _say(self, shown: Shown) -> str:
        return self._lifted.say(shown)

    def _fail(
        self, row: Row, words: str, states: Mapping[State, int], tried: tuple[Candidate, ...]
    ) -> None:
        """Keep what was tried, and begin anew."""
        self.mismatches.append(
            Mismatch(
                time=row[0],
                cpu=row[3],
                event=words,
                explained=self._since,
                prefixes=longest_prefixes(states, self._in_words),
                candidates=tried,
                before=tuple(self._last),
            )
        )
        self.forget(MISMATCH)

    def _in_words(self, state: State) -> dict[str, str]:
        machine = self._lifted.machine
        codes = self._lifted.follower.unpack(state)
        return {name: pair[1] for name, pair in machine.changes(machine.initial, codes).items()}

    def lost(self) -> None:
        """Events were lost: what was sent to it is not known."""
        if self.states.runs:
            self.forget(LOST)

    def result(self) -> CoreResult:
        return CoreResult(
            cpus=tuple(sorted(self._cpus)),
            events=self.events,
            explained=self.explained,
            runs=sum(self.states.runs.values()),
            states=self.states.most,
            mismatches=tuple(self.mismatches),
            anew=dict(self.anew),
            unread=sum(self.unread.values()),
            why_unread=dict(self.unread),
            vcpu=self.name,
        )
