"""Rules that no recording of KVM breaks, whatever the model says.

They are about threads, exits and messages, and know nothing of requests, modes and barriers, which
are what the models are about. A changed copy of a recording is a mutation if it breaks a rule; one
that breaks none is what some other run of the kernel records.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from vmlitmus.trace import Kind
from vmlitmus.trace.events import Left, Mode
from vmlitmus.trace.tracepoints.tables import SVM, SVM_REASONS
from vmlitmus.validation.wording import Row

HLT = (SVM_REASONS["hlt"], SVM)


@dataclass
class _Vcpu:
    """What is known of a vcpu's thread; None where it is not known yet."""

    cpu: int | None = None  # where it is current
    inside: bool | None = None  # in guest mode
    halted: bool | None = None
    asleep: bool = False  # it has left its cpu asleep, and was not woken since
    slept: bool = True  # since its last exit
    sent: bool = False  # something was accepted for it since its last entry
    vectors: set[int] = field(default_factory=set)  # accepted, and not injected
    owed: set[int] = field(default_factory=set)  # who has sent to it and has not woken it
    init: bool = False  # an INIT was accepted and not taken
    sipi: bool = False
    waits: bool = False  # for a SIPI


class Observer:
    """Watches the events of one VM; ``vcpus`` are threads by APIC id."""

    def __init__(self, vcpus: dict[int, int]) -> None:
        self._tids = vcpus
        self._vcpus = {tid: _Vcpu() for tid in vcpus.values()}
        self._current: dict[int, int] = {}

    def broken(self, row: Row) -> str:
        """Take an event; return the rule that it breaks, "" if none."""
        _, kind, _, cpu, task, a, b, c = row
        if kind == Kind.SWITCH:
            return self._switch(cpu, a, b, c)
        if kind in (Kind.WAKING, Kind.WAKEUP):
            self._woken(a, by_sender=kind == Kind.WAKING)
            return ""
        found = ""
        if kind == Kind.ACCEPT_IRQ:
            found = self._accepted(task, self._vcpus.get(self._tids.get(a, -1)), b, c)
        own = self._vcpus.get(task)
        if own is None:
            return found
        if own.cpu not in (None, cpu):
            return "a thread does something only where it is current"
        if own.inside and kind != Kind.EXIT:
            return "a thread in guest mode does nothing but leave it"
        return found or self._own(own, task, kind, (a, b, c))

    def _switch(self, cpu: int, leaving: int, coming: int, left: int) -> str:
        if self._current.get(cpu, leaving) != leaving:
            return "who leaves a cpu is who came there"
        self._current[cpu] = coming
        goes, comes = self._vcpus.get(leaving), self._vcpus.get(coming)
        if goes is not None:
            if goes.inside:
                return "a thread in guest mode does nothing but leave it"
            goes.cpu = -1
            goes.asleep = left == Left.SLEEPING
            goes.slept = goes.slept or goes.asleep
        if comes is not None:
            if comes.cpu not in (None, -1):
                return "a thread is current on one cpu"
            if comes.asleep:
                return "a thread that sleeps is woken before it runs"
            comes.cpu = cpu
        return ""

    def _woken(self, tid: int, *, by_sender: bool) -> None:
        vcpu = self._vcpus.get(tid)
        if vcpu is not None:
            vcpu.asleep = False
            if by_sender:
                vcpu.owed.clear()

    def _accepted(self, sender: int, vcpu: _Vcpu | None, vector: int, mode: int) -> str:
        if vcpu is None:
            return ""
        vcpu.sent = True
        vcpu.owed.add(sender)
        if mode == Mode.INIT:
            vcpu.init, vcpu.sipi = True, False
            vcpu.vectors.clear()
        elif mode == Mode.SIPI:
            vcpu.sipi = True
        else:
            vcpu.vectors.add(vector)
        return ""

    def _own(self, own: _Vcpu, tid: int, kind: int, numbers: tuple[int, int, int]) -> str:
        if kind == Kind.ENTRY:
            return self._enters(own, tid)
        if kind == Kind.EXIT:
            if own.inside is False:
                return "a thread leaves guest mode after it has entered it"
            own.inside, own.slept = False, False
            own.halted = (numbers[1], numbers[2]) == HLT
        elif kind == Kind.VCPU_WAKEUP:
            if own.halted is False:
                return "only a vcpu that has halted is woken by KVM"
            if own.halted and not (own.sent or own.vectors):
                return "a vcpu that has halted is woken after something was sent to it"
            own.halted = False
        elif kind == Kind.INJECT_IRQ:
            own.vectors.discard(numbers[0])
        elif kind == Kind.VCPU_RESET and numbers[0] == 1:
            if not own.init and own.inside is not None:
                return "a vcpu takes an INIT that was sent"
            own.init, own.waits, own.halted = False, True, False
        elif kind == Kind.VCPU_SIPI:
            if own.inside is not None and not (own.waits and own.sipi):
                return "a vcpu starts after INIT and SIPI"
            own.waits = own.sipi = False
        return ""

    def _enters(self, own: _Vcpu, tid: int) -> str:
        if own.inside:
            return "a thread enters guest mode after it has left it"
        if own.waits:
            return "a vcpu that was reset enters after a SIPI"
        if own.halted and (own.slept or not (own.sent or own.vectors)):
            return "a vcpu that has halted enters after kvm_vcpu_wakeup"
        own.inside, own.halted, own.sent = True, False, False
        for other in self._vcpus.values():
            if tid in other.owed and other.asleep and (other.halted or other.waits):
                return "who sends to a vcpu that sleeps wakes it before it goes on"
            other.owed.discard(tid)
        return ""


def first_broken(rows: Sequence[Row], vcpus: dict[int, int]) -> tuple[int, str] | None:
    """Return the index of the first event that breaks a rule, and the rule; None if none does."""
    observer = Observer(vcpus)
    for n, row in enumerate(rows):
        rule = observer.broken(row)
        if rule:
            return n, rule
    return None
