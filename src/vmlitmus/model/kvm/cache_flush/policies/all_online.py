"""WBINVD on all online cpus: KVM before 6.17, read in 6.12.107 and 6.1.176.

Not in it: any record of where the VM ran.
Source: wbinvd_on_all_cpus() at each call site; commit 6f38f8c57464 replaced it.
"""

from __future__ import annotations

from vmlitmus.lang import Sections, World
from vmlitmus.model.kvm.cache_flush.policy import FlushPolicy, send_and_wait
from vmlitmus.world import Cpu, Task, Vm


class AllOnlineCpus(FlushPolicy):
    """Every flush reaches every online cpu."""

    def flush(self, w: World, task: Task, vm: Vm) -> Sections:
        yield from send_and_wait(w, task, {cpu for cpu in w.all(Cpu) if cpu.online})
