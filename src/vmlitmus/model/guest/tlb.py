"""A Linux guest unmaps a page on vcpu0 and flushes the TLB of vcpu1: kvm_flush_tlb_multi().

The flag of each vcpu is read; a vcpu that is preempted is given KVM_VCPU_FLUSH_TLB by a
cmpxchg, and if that succeeds it gets no IPI. Any other gets an IPI, which is waited for. Then the
page is freed.

Not modelled: vcpu0 being preempted, which changes nothing for vcpu1.
Source: kvm_flush_tlb_multi() in arch/x86/kernel/kvm.c.
"""

from __future__ import annotations

from vmlitmus.lang import KernelFile, Sections, World, sequence, step, when
from vmlitmus.world.tlb import Guest, Host, Level, Vcpu

FLUSH_MULTI = KernelFile("arch/x86/kernel/kvm.c", "kvm_flush_tlb_multi()", "7.2.8")
CMPXCHG = "set KVM_VCPU_FLUSH_TLB only in a flag that has not changed"
QUEUE = "queue a flush before the IPI is skipped"


@step("{vcpu} accesses the guest's page", source=FLUSH_MULTI)
def access(w: World, vcpu: Vcpu) -> None:
    guest = w.the(Guest)
    when(w.the(Host).level == Level.GUEST)
    when(vcpu.index == 1 and vcpu.running and not vcpu.l2 and (guest.mapped or vcpu.guest_tlb))
    vcpu.guest_tlb = True
    vcpu.used_freed = vcpu.used_freed or guest.freed


@sequence(source=FLUSH_MULTI, disturbance="guest-unmap", fair="weak")
def unmap(w: World, vcpu: Vcpu) -> Sections:
    guest = w.the(Guest)
    when(vcpu.index == 0 and guest.mapped and not guest.unmapping)
    guest.mapped = False
    guest.unmapping = True
    yield "{vcpu} clears the guest's PTE of the page"
    for target in w.all(Vcpu):
        if target.index == 1:
            was = target.preempted
            yield "{vcpu} reads the flag of {target}"
            if was and (target.preempted or not w.part(CMPXCHG)):
                target.queued = target.preempted and w.part(QUEUE)
                yield "{vcpu} sets KVM_VCPU_FLUSH_TLB in the flag of {target} and sends no IPI"
            else:
                target.guest_ipi = True
                yield "{vcpu} sends {target} an IPI"
                when(not target.guest_ipi)
    guest.freed = True
    guest.unmapping = False
    yield "{vcpu} frees the page in the guest"
