"""A guest with a device that does not snoop executes WBINVD: kvm_emulate_wbinvd_noskip().

kvm_arch_vcpu_load() notes each cpu on which a vcpu is loaded, in a mask of its own. WBINVD of the
guest exits; the cpus of the mask write back, and the mask is cleared. As merged it is cleared
after put_cpu(), and loses the cpu on which the vcpu goes on without being loaded again.
Atomic sections: with preemption off the present cpu is noted and all cpus of the mask write back;
the mask is cleared; in between the task may be preempted, and be loaded elsewhere.

Not modelled: cpus without WBINVD exits, which are written back when a vcpu leaves them; devices.
Source: kvm_emulate_wbinvd_noskip(), kvm_arch_vcpu_load() in arch/x86/kvm/x86.c.
"""

from __future__ import annotations

from vmlitmus.lang import KernelFile, Sections, World, sequence, when
from vmlitmus.model.hardware.cache import write_back_all
from vmlitmus.world import Cpu, GuestWbinvd, Host, Vcpu

EMULATE = KernelFile("arch/x86/kvm/x86.c", "kvm_emulate_wbinvd_noskip()", "7.2.8")
KEEP_OWN = (GuestWbinvd.OWN, GuestWbinvd.OWN_PINNED)
PINNED = (GuestWbinvd.PINNED, GuestWbinvd.OWN_PINNED)


def note_load(w: World, vcpu: Vcpu, cpu: Cpu) -> None:
    """kvm_arch_vcpu_load(): need_emulate_wbinvd()."""
    if w.the(Host).noncoherent_dma:
        vcpu.wbinvd_mask.add(cpu)


@sequence(source=EMULATE, disturbance="guest-wbinvd")
def guest_wbinvd(w: World, vcpu: Vcpu) -> Sections:
    cpu = vcpu.cpu
    how = w.the(Host).guest_wbinvd
    when(cpu is not None and vcpu.last_cpu is cpu and w.the(Host).noncoherent_dma)
    if cpu is not None:
        vcpu.wbinvd_mask.add(cpu)
    for other in w.all(Cpu):
        if other in vcpu.wbinvd_mask and other.online:
            write_back_all(w, other, True)
            for each in w.all(Vcpu):
                each.wrote.discard(other)
    vcpu.fell_short = vcpu.fell_short or len(vcpu.wrote) > 0
    if how in PINNED:
        clear(vcpu, how, cpu)
    else:
        vcpu.preemptible = True
        yield "{vcpu} sees WBINVD done on wbinvd_dirty_mask, and is preemptible"
        when(vcpu.cpu is not None)
        vcpu.preemptible = False
        clear(vcpu, how, cpu)
    yield "{vcpu} has handled the WBINVD of its guest"


def clear(vcpu: Vcpu, how: GuestWbinvd, cpu: Cpu | None) -> None:
    """cpumask_clear(), and what stays in the mask."""
    if how != GuestWbinvd.NEVER:
        vcpu.wbinvd_mask.clear()
    if how in KEEP_OWN and cpu is not None:
        vcpu.wbinvd_mask.add(cpu)
