"""A vcpu's task is preempted, scheduled out and in, perhaps on another cpu.

kvm_sched_out() runs with IRQs off in schedule(), after the task has left the runqueue, so that a
wake-up may come before the cpu has switched. Atomic sections: the preemption with its put; the
load; what the load looks at last. Where a vcpu is put while it blocks, see block.py.

Not modelled: which of two runnable vcpus runs; hotplug.
Source: kvm_sched_out() and kvm_sched_in() in virt/kvm/kvm_main.c.
"""

from __future__ import annotations

from vmlitmus.lang import KernelFile, World, step, when
from vmlitmus.model.kvm.vcpu_wakeup.apicv.avic import clear_running, set_running
from vmlitmus.model.kvm.vcpu_wakeup.apicv.posted import pi_load, pi_loaded, pi_suppress
from vmlitmus.world.vcpu_wakeup import Apic, Cpu, Vcpu

MAIN = "virt/kvm/kvm_main.c"
OUT = KernelFile(MAIN, "kvm_sched_out()", "7.2.8")
IN = KernelFile(MAIN, "kvm_sched_in()", "7.2.8")


@step("{vcpu} is preempted", source=OUT, disturbance="preempt")
def preempt(w: World, vcpu: Vcpu) -> None:
    when(vcpu.on_cpu and vcpu.cpu is not None and not vcpu.cpu.irqs_off and not vcpu.running)
    when(not vcpu.left and not vcpu.pinned)
    pi_suppress(w, vcpu)
    if vcpu.apic == Apic.AVIC:
        with w.unobserved("only the vcpu itself writes rcuwait.task"):
            clear_running(w, vcpu, vcpu.waiting)
    vcpu.cpu = None


def load(w: World, vcpu: Vcpu, cpu: Cpu) -> None:
    """kvm_sched_in(), up to where somebody may look."""
    when(vcpu.cpu is None and not vcpu.asleep)
    vcpu.cpu = cpu
    pi_load(w, vcpu, cpu)
    if vcpu.apic == Apic.AVIC:
        with w.unobserved("only the vcpu itself writes rcuwait.task"):
            if not vcpu.waiting:
                set_running(w, vcpu, cpu)
    vcpu.last = cpu
    vcpu.loading = True


@step("{vcpu} is scheduled in on {cpu}", source=IN, fair="weak")
def schedule_home(w: World, vcpu: Vcpu, cpu: Cpu) -> None:
    when(cpu is vcpu.home)
    load(w, vcpu, cpu)


@step("{vcpu} is migrated to {cpu}", source=IN, disturbance="migration")
def migrate(w: World, vcpu: Vcpu, cpu: Cpu) -> None:
    when(cpu is not vcpu.home and cpu.spare)
    when(not any(other.cpu is cpu for other in w.all(Vcpu)))
    load(w, vcpu, cpu)


@step("{vcpu} is loaded: it has looked at PID.PIR", source=IN, fair="weak")
def loaded(w: World, vcpu: Vcpu) -> None:
    when(vcpu.loading)
    pi_loaded(w, vcpu)
    vcpu.loading = False
