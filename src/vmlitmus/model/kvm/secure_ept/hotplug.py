"""A cpu goes offline, and KVM takes the vcpus of TDs off it.

cpus_write_lock() is held. The cpu gets no more tasks; tdx_offline_cpu() refuses if it is the last
of its package and a key is in use; the hotplug thread waits until no task is left there. Then KVM's
callback goes through the list of the cpu, with IRQs off: TDH.VP.FLUSH, the list, and vcpu->cpu as
the last, which smp_wmb() orders. stop_machine() at last needs each cpu with preemption on.
TDH.VP.FLUSH is busy while a SEAMCALL has the lock of the TDR, as those have that add the initial
image. The callback goes on as if it had succeeded; as a cure it may repeat the SEAMCALL.

Not modelled: a callback after KVM's that fails; a cpu whose KVM callback has not run yet when it
comes up; the shutdown of the host.
Source: tdx_disable_virtualization_cpu() and tdx_disassociate_vp() in arch/x86/kvm/vmx/tdx.c,
tdx_offline_cpu() in arch/x86/virt/vmx/tdx/tdx.c, sched_cpu_wait_empty() in kernel/sched/core.c,
enum cpuhp_state in include/linux/cpuhotplug.h, takedown_cpu() in kernel/cpu.c.
"""

from __future__ import annotations

from vmlitmus.lang import KernelFile, Sections, World, sequence, step, when
from vmlitmus.model.kvm.secure_ept.association import vp_flush
from vmlitmus.world.secure_ept.td import Cpu, Key, Td, Vcpu

DISABLE = KernelFile("arch/x86/kvm/vmx/tdx.c", "tdx_disable_virtualization_cpu()", "7.2.8")
REFUSE = KernelFile("arch/x86/virt/vmx/tdx/tdx.c", "tdx_offline_cpu()", "7.2.8")
EMPTY = KernelFile("kernel/sched/core.c", "sched_cpu_wait_empty()", "7.2.8")
TAKEDOWN = KernelFile("kernel/cpu.c", "takedown_cpu()", "7.2.8")
UP = KernelFile("kernel/cpu.c", "_cpu_up()", "7.2.8")
REFUSES_LAST = "refuse to take the last cpu of a package down while a key is in use"
WAITS_EMPTY = "wait until no task is left on the cpu"
FLUSHES_LISTED = "flush the vcpus that are in the list of the cpu"
LIST_FIRST = "take a vcpu off the list before vcpu->cpu is -1"


def last_of_package(w: World, cpu: Cpu) -> bool:
    """Say whether no other cpu of the package is online."""
    return not any(o is not cpu and o.online and o.package == cpu.package for o in w.all(Cpu))


@sequence(source=(REFUSE, EMPTY, DISABLE, TAKEDOWN), disturbance="offline", fair="weak")
def take_down(w: World, cpu: Cpu) -> Sections:
    td = w.the(Td)
    when(cpu.online and not td.readers and not td.writer)
    when(any(o is not cpu and o.online for o in w.all(Cpu)))
    in_use = td.key != Key.FREED and w.part(REFUSES_LAST)
    when(not in_use or not last_of_package(w, cpu))
    td.writer = True
    cpu.active = False
    yield "{cpu} is to go offline and gets no more tasks"
    here = any(v.cpu == cpu and not v.out for v in w.all(Vcpu))
    when(not here or not w.part(WAITS_EMPTY))
    when(not cpu.irqs_off)
    cpu.irqs_off = True
    yield "{cpu} calls kvm_offline_cpu() and has IRQs off"
    for vcpu in w.all(Vcpu):
        if cpu in vcpu.listed and w.part(FLUSHES_LISTED):
            if td.flushes_again:
                when(not td.tdr_locked)
            if vcpu.initialized and not td.tdr_locked:
                vp_flush(w, vcpu, cpu)
            yield "{cpu} executes TDH.VP.FLUSH of {vcpu}, which may be busy"
            if w.part(LIST_FIRST):
                vcpu.listed.discard(cpu)
                yield "{cpu} takes {vcpu} off its list"
            vcpu.kvm_cpu = None
            yield "{cpu} sets vcpu->cpu of {vcpu} to -1"
            if not w.part(LIST_FIRST):
                vcpu.listed.discard(cpu)
                yield "{cpu} takes {vcpu} off its list, too late"
    cpu.irqs_off = False
    cpu.ipi = False
    yield "{cpu} has been through its list and has IRQs on"
    when(all(o.loaded is None for o in w.all(Cpu)))
    cpu.online = False
    yield "{cpu} leaves cpu_online_mask"
    td.writer = False
    yield "{cpu} is offline"


@step("{cpu} comes online", source=UP, disturbance="online")
def bring_up(w: World, cpu: Cpu) -> None:
    td = w.the(Td)
    when(not cpu.online and cpu.idle and not td.readers and not td.writer)
    cpu.online = True
    cpu.active = True
