"""How long vcpus are kept out of their guests: from a split lock on, and kicks until their exit."""

from __future__ import annotations

from vmlitmus.audit.trace.cpu_state import IN, Cpu
from vmlitmus.audit.trace.interval import Waits

_MOST = 1 << 16  # vcpus that took a split lock and have not entered their guest again


class KeptWaiting:
    """``kicks``: from an IPI to the exit of the guest that it finds on its cpu; ``split_locks``:
    from a split or bus lock to the vcpu's next entry. No wait goes across a loss of events.
    """

    def __init__(self) -> None:
        self.kicks = Waits()
        self.split_locks = Waits()
        self._locked: dict[int, int] = {}  # vcpu thread -> since when

    def kick(self, cpu: Cpu | None, time: int) -> None:
        """An IPI was sent to a cpu."""
        if cpu is not None and cpu.guest == IN and cpu.kicked < 0:
            cpu.kicked = time

    def leaves(self, cpu: Cpu, time: int) -> None:
        """The vcpu on a cpu leaves guest mode."""
        if cpu.kicked >= 0:
            self.kicks.add(time - cpu.kicked, time)
            cpu.kicked = -1

    def locks(self, task: int, time: int) -> None:
        """A vcpu took a split or bus lock."""
        self._locked.setdefault(task, time)
        if len(self._locked) > _MOST:
            self._locked.clear()

    def enters(self, task: int, time: int) -> None:
        """A vcpu enters guest mode."""
        if task in self._locked:
            self.split_locks.add(time - self._locked.pop(task), time)

    def new_task(self, task: int) -> None:
        """A thread begins, whose tid another one may have had."""
        self._locked.pop(task, None)

    def forget(self, cpu: Cpu) -> None:
        """Events of a cpu are missing: any vcpu may have been there."""
        cpu.kicked = -1
        self._locked.clear()
