"""Until 5.17 a vcpu changed its posted-interrupt descriptor before it blocked, and back after that.

It was put on the wakeup list and got the wakeup vector before it became a waiter. A load meanwhile
left NV, NDST and the list as they were, so that a vcpu that had migrated was woken by way of the
cpu on which it began to block.

A vcpu that was preempted after its last look had SN set, and was not notified. The load set ON for
what had come, but nobody looked at ON again: the vcpu slept. Now the put before it sleeps does.

Source: pi_pre_block(), __pi_post_block() and vmx_vcpu_pi_load() as d76fb40637fc found them; of
Linux 5.16 nothing else was read.
"""

from __future__ import annotations

from vmlitmus.lang import Sections, World, when
from vmlitmus.model.kvm.vcpu_wakeup.apicv.posted import add_to_list, posting
from vmlitmus.model.kvm.vcpu_wakeup.versions import AT_PUT
from vmlitmus.world.vcpu_wakeup import Apic, Cpu, Vcpu


def before_block(w: World, vcpu: Vcpu) -> Sections:
    """pi_pre_block(): a vcpu with ON set does not block."""
    if vcpu.apic == Apic.POSTED and posting(w) and not w.part(AT_PUT.part):
        vcpu.pinned = True
        add_to_list(w, vcpu)
        yield "{vcpu} is put on the wakeup list before it blocks"
        when(vcpu.on_cpu)
        with w.locked("cmpxchg()"):
            vcpu.wakeup_vector = True
            outstanding = vcpu.on
        vcpu.ndst = vcpu.last
        vcpu.event = outstanding
        vcpu.pinned = False
        yield "{vcpu} gets the wakeup vector before it blocks"


def after_block(w: World, vcpu: Vcpu) -> None:
    """__pi_post_block()."""
    if vcpu.apic == Apic.POSTED and not w.part(AT_PUT.part) and vcpu.wakeup_vector:
        w.barrier(by="the LOCK of cmpxchg()")
        for cpu in w.all(Cpu):
            cpu.wakeup_list.discard(vcpu)
        vcpu.wakeup_vector = False
        vcpu.ndst = vcpu.last
