"""A sibling comes or goes, and STIBP and the clearing in idle follow.

A cpu that comes up takes x86_spec_ctrl_base as it is, becomes active, and tasks run there. Only
when _cpu_up() has dropped its lock does it call arch_smt_update(): with strict STIBP that sets it
in the MSR of all cpus, and leaves it set there when the siblings have gone; with prctl it flips a
static key, and a thread gets its STIBP at the next switch between a thread that asked and one that
did not.

Not modelled: cpus that fail to come up; SSBD, whose change writes the MSR anew.
Source: _cpu_up(), _cpu_down() in kernel/cpu.c; cpu_bugs_smt_update() in
arch/x86/kernel/cpu/bugs.c; __speculation_ctrl_update() in arch/x86/kernel/process.c.
"""

from __future__ import annotations

from vmlitmus.lang import Hooks, KernelFile, Sections, World, sequence, step, when
from vmlitmus.model.hardware.leftovers import goes_idle
from vmlitmus.world.domain_switch import Cpu, Host, Stibp, Task, Vcpu, beside

CPU_UP = KernelFile("kernel/cpu.c", "_cpu_up()", "7.2.8")
CPU_DOWN = KernelFile("kernel/cpu.c", "_cpu_down()", "7.2.8")
SMT_UPDATE = KernelFile("arch/x86/kernel/cpu/bugs.c", "cpu_bugs_smt_update()", "7.2.8")
STRICT = KernelFile("arch/x86/kernel/cpu/bugs.c", "update_stibp_strict()", "7.2.8")
COND = KernelFile("arch/x86/kernel/cpu/bugs.c", "update_indir_branch_cond()", "7.2.8")
SPEC_CTRL = KernelFile("arch/x86/kernel/process.c", "__speculation_ctrl_update()", "7.2.8")
IDLE = KernelFile("arch/x86/include/asm/irqflags.h", "native_safe_halt()", "7.2.8")
UPDATE = "arch_smt_update() when a cpu has come or gone"


class SmtUpdate(Hooks):
    """As merged: after the cpu is active; the threads that run are left alone."""

    def before_active(self, w: World) -> None:
        """The cpu is about to become active."""

    def running(self, w: World) -> None:
        """The static key has been enabled."""


class BeforeActive(SmtUpdate):
    """The update comes before tasks may run on the new cpu; not merged."""

    def before_active(self, w: World) -> None:
        update(w, True)


class BeforeActiveAndRunning(BeforeActive):
    """And each cpu looks at the thread that it runs; not merged."""

    def running(self, w: World) -> None:
        for cpu in w.all(Cpu):
            cpu.stibp = w.the(Host).base_stibp or asks(w, cpu)
            cpu.last_tif = asks(w, cpu)


def asks(w: World, cpu: Cpu) -> bool:
    """Say whether the thread on a cpu has TIF_SPEC_IB."""
    return any(v.cpu is cpu and v.spec_ib for v in w.all(Vcpu)) or any(
        t.cpu is cpu and t.spec_ib for t in w.all(Task)
    )


def sched_smt_active(w: World) -> bool:
    """sched_smt_present counts the cores that have two cpus online."""
    return any(
        one.online and other.online and beside(one, other)
        for one in w.all(Cpu)
        for other in w.all(Cpu)
    )


def update(w: World, active: bool) -> None:
    """cpu_bugs_smt_update()."""
    host = w.the(Host)
    host.idle_clear = active and host.clears
    if host.stibp == Stibp.STRICT and host.base_stibp != active:
        host.base_stibp = active
        for cpu in w.all(Cpu):
            cpu.stibp = cpu.stibp or active
    if host.stibp == Stibp.PRCTL:
        host.cond_stibp = active
        if active:
            w.use(SmtUpdate).running(w)


def speculation_ctrl_update(w: World, cpu: Cpu, spec_ib: bool) -> None:
    """__switch_to_xtra(): the MSR is written when the flags of the two threads differ."""
    host = w.the(Host)
    if host.stibp == Stibp.PRCTL:
        if host.cond_stibp and cpu.last_tif != spec_ib:
            cpu.stibp = host.base_stibp or spec_ib
        cpu.last_tif = spec_ib


@sequence(source=(CPU_UP, SMT_UPDATE, STRICT, COND), disturbance="hotplug")
def come_online(w: World, cpu: Cpu) -> Sections:
    when(not cpu.online and all(other.idle for other in w.all(Cpu)))
    w.use(SmtUpdate).before_active(w)
    cpu.stibp = w.the(Host).base_stibp
    cpu.last_tif = False
    cpu.online = True
    w.the(Host).smt_active = sched_smt_active(w)
    yield "{cpu} is active: tasks may run there"
    if w.part(UPDATE):
        update(w, sched_smt_active(w))
    yield "_cpu_up() of {cpu} calls arch_smt_update()"


@sequence(source=(CPU_DOWN, SMT_UPDATE), disturbance="hotplug")
def go_offline(w: World, cpu: Cpu) -> Sections:
    when(cpu.online and all(other.idle for other in w.all(Cpu)))
    when(free(w, cpu) and any(beside(cpu, o) for o in w.all(Cpu)))
    goes_idle(w, cpu)
    cpu.online = False
    cpu.buffers.clear()
    w.the(Host).smt_active = sched_smt_active(w)
    yield "{cpu} is dead"
    update(w, sched_smt_active(w))
    yield "_cpu_down() of {cpu} calls arch_smt_update()"


def free(w: World, cpu: Cpu) -> bool:
    """Say whether no thread has the cpu."""
    return not any(v.cpu is cpu for v in w.all(Vcpu)) and not any(t.cpu is cpu for t in w.all(Task))


@step("{cpu} goes idle", source=IDLE, disturbance="idle")
def idle(w: World, cpu: Cpu) -> None:
    when(cpu.online and not cpu.busy and free(w, cpu))
    speculation_ctrl_update(w, cpu, False)
    goes_idle(w, cpu)
