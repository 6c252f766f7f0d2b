"""What a flush policy may do, and the write-back IPI that all of them use.

A policy says which cpus a flush of a VM must reach. The hooks are named after the moments at which
KVM could note that a cpu runs the VM.
Source: sev_writeback_caches() in arch/x86/kvm/svm/sev.c, on_each_cpu_mask() in kernel/smp.c.
"""

from __future__ import annotations

from vmlitmus.lang import Hooks, KernelFile, Sections, Set, World, step, when
from vmlitmus.model.hardware.cache import kvm_writeback
from vmlitmus.model.hardware.hotplug import HotplugCover
from vmlitmus.world import Cpu, Host, Page, Task, Vcpu, Vm

IPI = KernelFile("kernel/smp.c", "smp_call_function_many_cond()", "7.2.8")


class FlushPolicy(Hooks):
    """No policy: a flush does nothing."""

    def vcpu_load(self, w: World, vcpu: Vcpu, cpu: Cpu) -> None:
        """The vcpu has just been loaded on the cpu."""

    def before_vmrun(self, w: World, vcpu: Vcpu, cpu: Cpu) -> None:
        """pre_sev_run(), IRQs off, before its early return for "same VMCB, same cpu"."""

    def marks_before_vmrun(self, w: World) -> bool:
        """Say whether the cpu is marked at that moment, the way the scenario's Mark does it."""
        return False

    def after_early_return(self, w: World, vcpu: Vcpu, cpu: Cpu) -> None:
        """pre_sev_run(), IRQs off, at its end."""

    def after_vmexit(self, w: World, vcpu: Vcpu, cpu: Cpu) -> None:
        """After #VMEXIT, IRQs still off."""

    def handled(self, w: World, cpu: Cpu, task: Task) -> None:
        """The cpu has executed the write-back for the task, IRQs off."""

    def flush(self, w: World, task: Task, vm: Vm) -> Sections:
        """Write back the lines that the VM may have left in caches."""
        yield from ()


def send_and_wait(w: World, task: Task, cpus: Set[Cpu]) -> Sections:
    """on_each_cpu_mask(): online cpus of the mask, synchronously."""
    when(w.use(HotplugCover).before_flush(w))
    task.targets = {cpu for cpu in cpus if cpu.online}
    yield "{task} sends write-back IPIs to {task.targets}"
    when(not task.targets)
    yield "{task} sees all its write-back IPIs answered"


def mask_of(w: World, vm: Vm) -> Set[Cpu]:
    """Read have_run_cpus; a mask that was never allocated is a NULL pointer."""
    if not vm.has_mask:
        w.the(Host).oops = True
    return vm.have_run


def flush_mask(w: World, task: Task, vm: Vm) -> Sections:
    """wbnoinvd_on_cpus_mask(have_run_cpus); where that is NULL, it is the task's end."""
    if not vm.has_mask:
        w.the(Host).oops = True
        yield "{task} dereferences have_run_cpus of {vm}, which is NULL, and oopses"
        when(not w.the(Host).oops)
    yield from send_and_wait(w, task, vm.have_run)


def mark(vm: Vm, cpu: Cpu) -> None:
    """Note that the cpu runs the VM."""
    vm.have_run.add(cpu)


class Mark(Hooks):
    """cpumask_set_cpu(): one locked instruction."""

    def before_vmrun(self, w: World, vcpu: Vcpu, cpu: Cpu) -> Sections:
        """Mark the cpu that is about to run the vcpu."""
        mark(vcpu.vm, cpu)
        yield from ()


class TestThenSet(Mark):
    """As in 7.2.8: cpumask_test_cpu(), and cpumask_set_cpu() if the cpu was not found."""

    def before_vmrun(self, w: World, vcpu: Vcpu, cpu: Cpu) -> Sections:
        if cpu not in vcpu.vm.have_run:
            yield "{vcpu} does not find its cpu in have_run_cpus"
            mark(vcpu.vm, cpu)


class ReadModifyWrite(Mark):
    """__cpumask_set_cpu(): the word is read, then written; what came between is lost."""

    def before_vmrun(self, w: World, vcpu: Vcpu, cpu: Cpu) -> Sections:
        word = vcpu.vm.have_run
        yield "{vcpu} reads the word of have_run_cpus"
        vcpu.vm.have_run = word
        mark(vcpu.vm, cpu)


def handles_another(w: World, cpu: Cpu, task: Task) -> bool:
    """Say whether the cpu is at another write-back, where interrupts come first."""
    before = any(cpu in other.targets for other in w.all(Task) if other.index < task.index)
    return w.the(Host).interrupts_first and before


@step("{cpu} handles the write-back IPI of {task}", source=IPI)
def handle_write_back(w: World, cpu: Cpu, task: Task) -> None:
    when(cpu in task.targets)
    when(not any(vcpu.cpu is cpu and vcpu.in_guest for vcpu in w.all(Vcpu)))
    when(not handles_another(w, cpu, task))
    kvm_writeback(w, cpu)
    task.targets.remove(cpu)
    w.use(FlushPolicy).handled(w, cpu, task)


def writeback_caches(w: World, task: Task, vm: Vm, page: Page) -> Sections:
    """sev_writeback_caches(), and what it owes to a caller that is about to give a page away."""
    task.page = page
    task.owed = {cpu for cpu in w.all(Cpu) if page in cpu.dirty}
    yield "{task} calls sev_writeback_caches() for {page}"
    yield from w.use(FlushPolicy).flush(w, task, vm)
    if task.owed:
        task.short = True
    task.page = None
    task.owed.clear()
    yield "{task} returns from sev_writeback_caches()"
