"""Threads get a cpu, lose it, and return to user mode: vcpus' and those of other processes.

A switch is one section: switch_mm_irqs_off(), __switch_to_xtra(), and for a vcpu in KVM_RUN
kvm_sched_in() with vcpu_load(). A thread is preemptible whenever it is not between VM entry and VM
exit, and does not hold mmu_lock. Return to user mode is a section of its own.

Not modelled: kernel threads, which change nothing of what is modelled; priorities.
Source: context_switch() in kernel/sched/core.c, kvm_sched_in() in virt/kvm/kvm_main.c.
"""

from __future__ import annotations

from vmlitmus.lang import KernelFile, World, step, when
from vmlitmus.model.hardware.leftovers import execute
from vmlitmus.model.kvm.domain_switch.buffers import REQUEST, VCPU_LOAD_MARKS, L1dFlush
from vmlitmus.model.kvm.domain_switch.ibpb import LOAD, LOAD_SVM, LOAD_VMX, VcpuBarrier
from vmlitmus.model.kvm.domain_switch.user_mode import TO_USER, UserBarrier
from vmlitmus.model.scheduler.switch_mm import SWITCH_MM
from vmlitmus.model.scheduler.switch_mm.mitigation import COND, EVALUATE, switch_mm
from vmlitmus.model.scheduler.switching.beside import CORE_SCHEDULING, PICK, Beside
from vmlitmus.model.scheduler.switching.smt_update import SPEC_CTRL, free, speculation_ctrl_update
from vmlitmus.world.domain_switch import Cpu, Mode, Task, Vcpu, beside

SCHED_IN = KernelFile("virt/kvm/kvm_main.c", "kvm_sched_in()", "7.2.8")
PREEMPT = KernelFile("kernel/sched/core.c", "__schedule()", "7.2.8")
SWITCH = (SCHED_IN, SWITCH_MM, COND, SPEC_CTRL, PICK, CORE_SCHEDULING)
LOADS = (LOAD, LOAD_SVM, LOAD_VMX, REQUEST)


def vcpu_load(w: World, vcpu: Vcpu, cpu: Cpu) -> None:
    """kvm_arch_vcpu_load()."""
    if w.part(VCPU_LOAD_MARKS):
        cpu.l1tf_flush = True
    w.use(L1dFlush).on_load(w, vcpu, cpu)
    w.use(VcpuBarrier).on_load(w, vcpu, cpu)


def switch_in(w: World, vcpu: Vcpu, cpu: Cpu) -> None:
    """The thread of a vcpu gets a cpu."""
    when(vcpu.cpu is None and vcpu.alive and cpu.online and free(w, cpu) and not cpu.busy)
    when(w.use(Beside).may_switch_in(w, vcpu.vm.cookie, cpu))
    switch_mm(w, cpu, vcpu.vm.user, spec_ib=vcpu.spec_ib, spec_l1d=False)
    speculation_ctrl_update(w, cpu, vcpu.spec_ib)
    cpu.returns.clear()
    vcpu.cpu = cpu
    w.use(Beside).switched_in(w, vcpu.vm.cookie, cpu)
    if vcpu.mode == Mode.LOADED:
        vcpu_load(w, vcpu, cpu)


@step("the thread of {vcpu} is scheduled on {cpu}", source=(*SWITCH, *LOADS))
def schedule_home(w: World, vcpu: Vcpu, cpu: Cpu) -> None:
    when(cpu is vcpu.home)
    switch_in(w, vcpu, cpu)


@step(
    "the thread of {vcpu} is migrated to {cpu}", source=(*SWITCH, *LOADS), disturbance="migration"
)
def migrate(w: World, vcpu: Vcpu, cpu: Cpu) -> None:
    when(cpu is not vcpu.home)
    switch_in(w, vcpu, cpu)


@step("the thread of {vcpu} is preempted", source=PREEMPT)
def preempt(w: World, vcpu: Vcpu) -> None:
    when(vcpu.cpu is not None and vcpu.mode in (Mode.LOADED, Mode.OUT, Mode.USER))
    when(not vcpu.mapping)
    if vcpu.cpu is not None:
        when(not vcpu.cpu.busy)
        vcpu.cpu.running = None
        vcpu.cpu.resched = False
    if vcpu.mode == Mode.USER:
        vcpu.mode = Mode.OUT
    vcpu.cpu = None


@step("KVM_RUN of {vcpu} returns", source=PREEMPT, disturbance="userspace")
def leave_kvm_run(w: World, vcpu: Vcpu) -> None:
    when(vcpu.idle and vcpu.cpu is not None and vcpu.mode == Mode.LOADED and not vcpu.handling)
    vcpu.mode = Mode.OUT


@step("the VMM's thread of {vcpu} returns to user mode", source=TO_USER)
def vcpu_to_user(w: World, vcpu: Vcpu) -> None:
    when(vcpu.cpu is not None and vcpu.mode == Mode.OUT)
    if vcpu.cpu is not None:
        when(not vcpu.cpu.resched and not vcpu.cpu.busy)
        w.use(UserBarrier).vcpu_to_user(w, vcpu, vcpu.cpu)
        execute(w, vcpu.cpu, vcpu.vm.user)
    vcpu.mode = Mode.USER


@step("the VMM calls KVM_RUN for {vcpu}", source=LOADS, disturbance="userspace")
def call_kvm_run(w: World, vcpu: Vcpu) -> None:
    when(vcpu.cpu is not None and vcpu.mode == Mode.USER and vcpu.alive)
    if vcpu.cpu is not None:
        vcpu.cpu.running = None
        vcpu_load(w, vcpu, vcpu.cpu)
    vcpu.mode = Mode.LOADED


def switch_in_task(w: World, task: Task, cpu: Cpu) -> None:
    """A thread of another process gets a cpu."""
    when(task.cpu is None and not task.dead and cpu.online and free(w, cpu) and not cpu.busy)
    when(w.use(Beside).may_switch_in(w, task.cookie, cpu))
    looked = switch_mm(w, cpu, task.mm, spec_ib=task.spec_ib, spec_l1d=task.spec_l1d)
    if looked and task.spec_l1d and smt_active(w, cpu):
        task.kill = True
    speculation_ctrl_update(w, cpu, task.spec_ib)
    cpu.returns.clear()
    task.cpu = cpu
    w.use(Beside).switched_in(w, task.cookie, cpu)


def smt_active(w: World, cpu: Cpu) -> bool:
    """cpu_info.smt_active: the cpu has a sibling that is up."""
    return any(beside(cpu, o) for o in w.all(Cpu))


@step("{task} is scheduled on {cpu}", source=(*SWITCH, EVALUATE))
def schedule_task(w: World, task: Task, cpu: Cpu) -> None:
    when(cpu is task.home)
    switch_in_task(w, task, cpu)


@step("{task} is migrated to {cpu}", source=(*SWITCH, EVALUATE), disturbance="task-migration")
def migrate_task(w: World, task: Task, cpu: Cpu) -> None:
    when(cpu is not task.home)
    switch_in_task(w, task, cpu)


@step("{task} returns to user mode", source=TO_USER)
def task_to_user(w: World, task: Task) -> None:
    when(task.cpu is not None and task.mode == Mode.OUT and not task.kill)
    if task.cpu is not None:
        when(not task.cpu.resched and not task.cpu.busy)
        w.use(UserBarrier).to_user(w, task.cpu)
        execute(w, task.cpu, task.domain)
    task.mode = Mode.USER


@step("{task} is killed by SIGBUS", source=EVALUATE)
def killed(w: World, task: Task) -> None:
    when(task.kill and task.cpu is not None)
    task.cpu = None
    task.kill = False
    task.dead = True


@step("{task} is preempted", source=PREEMPT)
def preempt_task(w: World, task: Task) -> None:
    when(task.cpu is not None and not task.kill)
    if task.cpu is not None:
        when(not task.cpu.busy)
        task.cpu.running = None
        task.cpu.resched = False
    task.mode = Mode.OUT
    task.cpu = None
