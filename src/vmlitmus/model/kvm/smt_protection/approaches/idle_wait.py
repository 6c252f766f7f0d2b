"""A fifth approach: KVM waits until the siblings run the idle task; nothing else is changed.

Each vcpu task has its own cookie. Before it turns IRQs off, the vcpu's task waits until every
online sibling is idle, or until need_resched. An event of an entry that failed stays in KVM's own
queue.

- ``IdleCpuWait`` asks idle_cpu(), which is false while a task is queued. A sibling that core
  scheduling keeps idle has one queued.
- ``IdleTaskWait`` asks only whether the current task is the idle task.

Not in it: any word of the idle loop, which may poll or be on its way to HLT.
Source: idle_rq() in kernel/sched/sched.h, is_idle_task(), 7.2.8; nobody proposed it for this.
"""

from __future__ import annotations

from vmlitmus.lang import Sections, World, when
from vmlitmus.model.kvm.smt_protection.cookies import CookiePerVcpu
from vmlitmus.world.smt_protection import Activity, Cpu, Task, Vcpu


class IdleTaskWait(CookiePerVcpu):
    """Wait until the idle task is current on each online sibling."""

    def idle(self, w: World, cpu: Cpu) -> bool:
        """Say whether a sibling is idle as far as the vcpu's task can tell."""
        return cpu.curr is None

    def ready(self, w: World, cpu: Cpu) -> bool:
        """Say whether all siblings of a cpu are idle or offline."""
        return all(
            o is cpu or o.core is not cpu.core or o.activity == Activity.OFFLINE or self.idle(w, o)
            for o in w.all(Cpu)
        )

    def prepare(self, w: World, vcpu: Vcpu) -> Sections:
        yield "{vcpu} waits until its siblings are idle, IRQs on"
        when(self.ready(w, vcpu.cpu) or vcpu.cpu.need_resched)

    def waits(self, w: World, vcpu: Vcpu) -> bool:
        return not self.ready(w, vcpu.cpu)

    def requeues(self, w: World) -> bool:
        return True


class IdleCpuWait(IdleTaskWait):
    """The same with idle_cpu(): the idle task is current, and no task is queued."""

    def idle(self, w: World, cpu: Cpu) -> bool:
        return cpu.curr is None and not any(t.cpu is cpu and t.runnable for t in w.all(Task))
