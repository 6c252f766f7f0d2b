"""APICv and AVIC are inhibited, and no longer so, while vcpus run and interrupts come.

A task makes KVM_REQ_APICV_UPDATE of all vcpus, waits for those in the guest, and sets or clears the
inhibition; a vcpu serves that request when the task has dropped apicv_update_lock, and the next
task that wants the lock waits until the vcpu has dropped it, too. Where it
switches APICv off, it makes KVM_REQ_EVENT of itself: an interrupt that waits in the IRR is injected
from now on. irr_pending says whether to look there at all. It is followed where a test asks for it
(``apicv_switchable``); KVM clears it before the bit in the IRR, looks once more after it, and
leaves it set when it switches APICv off.
Atomic sections: the bit; the lock with the inhibition; apicv_active; what the vendor's code does;
KVM_REQ_EVENT; each access to irr_pending and the IRR.

Not modelled: more than one reason; the window for an ExtINT, which counts as a reason; the zap of
the page at the APIC's address.
Source: __kvm_set_or_clear_apicv_inhibit(), __kvm_vcpu_update_apicv() in arch/x86/kvm/x86.c,
kvm_apic_update_apicv(), apic_find_highest_irr(), apic_clear_irr() in arch/x86/kvm/lapic.c.
"""

from __future__ import annotations

from vmlitmus.lang import KernelFile, Sections, World, sequence, when
from vmlitmus.model.kvm.vcpu_wakeup.apicv.avic import clear_running, set_running
from vmlitmus.model.kvm.vcpu_wakeup.apicv.irte import switch_irtes
from vmlitmus.model.kvm.vcpu_wakeup.apicv.posted import sync_pir
from vmlitmus.model.kvm.vcpu_wakeup.apicv.vmcs01 import refresh_controls
from vmlitmus.model.kvm.vcpu_wakeup.kick import kick, set_request
from vmlitmus.model.kvm.vcpu_wakeup.versions import ALWAYS_SYNC, KEEP_PENDING
from vmlitmus.world.vcpu_wakeup import Apic, Host, Task, Vcpu

SET_INHIBIT = KernelFile("arch/x86/kvm/x86.c", "__kvm_set_or_clear_apicv_inhibit()", "7.2.8")
UPDATE = KernelFile("arch/x86/kvm/x86.c", "__kvm_vcpu_update_apicv()", "7.2.8")
WAIT_UPDATE = "wait for the vcpus in the guest before the inhibition is set"
UNDER_LOCK = "serve KVM_REQ_APICV_UPDATE under apicv_update_lock"
EVENT = "make KVM_REQ_EVENT when APICv is switched off"


@sequence(source=SET_INHIBIT, disturbance="inhibit", fair="weak")
def toggle_inhibit(w: World, task: Task) -> Sections:
    when(task.target is None and not w.the(Host).update_lock)
    when(not any(vcpu.updates for vcpu in w.all(Vcpu)) or not w.part(UNDER_LOCK))
    w.the(Host).update_lock = True
    w.barrier(by="the LOCK of apicv_update_lock")
    yield "{task} takes apicv_update_lock"
    for vcpu in w.all(Vcpu):
        with w.locked("set_bit()"):
            vcpu.update = True
        yield "{task} makes KVM_REQ_APICV_UPDATE of {vcpu}"
        yield from kick(w, task, vcpu, True)
    when(not task.awaits or not w.part(WAIT_UPDATE))
    w.the(Host).inhibited = not w.the(Host).inhibited
    yield "{task} sets or clears the inhibition"
    w.the(Host).update_lock = False
    yield "{task} drops apicv_update_lock"


def update_apicv(w: World, vcpu: Vcpu) -> Sections:
    """kvm_check_request(KVM_REQ_APICV_UPDATE) and __kvm_vcpu_update_apicv()."""
    with w.unobserved("only the vcpu itself clears the bit"):
        wanted = vcpu.update
        if wanted:
            with w.locked("clear_bit()"):
                vcpu.update = False
    yield "{vcpu} looks for KVM_REQ_APICV_UPDATE"
    if wanted:
        when(vcpu.on_cpu)
        when(not w.the(Host).update_lock or not w.part(UNDER_LOCK))
        w.barrier(by="the LOCK of apicv_update_lock")
        vcpu.updates = True
        inhibited = w.the(Host).inhibited
        changes = False
        with w.unobserved("only the vcpu itself writes apicv_active"):
            if vcpu.active is inhibited:
                changes = True
                vcpu.active = not inhibited
        vcpu.pinned = changes
        yield "{vcpu} compares apicv_active with the inhibition, and changes it"
        if changes:
            yield from switch(w, vcpu, inhibited)
            w.barrier(by="the LOCK of up_read()")
        vcpu.pinned = False
        vcpu.updates = False
        yield "{vcpu} drops apicv_update_lock"


def switch(w: World, vcpu: Vcpu, off: bool) -> Sections:
    """kvm_apic_update_apicv(), the vendor's part, and KVM_REQ_EVENT."""
    if w.the(Host).switchable:
        pending = True
        if off and not w.part(KEEP_PENDING.part):
            pending = vcpu.virr
            yield "{vcpu} looks whether its IRR is empty"
        vcpu.irr_pending = pending
        yield "{vcpu} writes irr_pending"
    if vcpu.apic == Apic.POSTED:
        refresh_controls(w, vcpu, off)
        with w.unobserved("RVI is a part of the IRR; nobody posts there"):
            if off and vcpu.irr:
                vcpu.irr = False
                with w.locked("the IRR keeps the bit"):
                    vcpu.virr = True
    elif off:
        clear_running(w, vcpu, False)
        switch_irtes(w, vcpu, True)
    else:
        switch_irtes(w, vcpu, False)
        set_running(w, vcpu, vcpu.last)
    yield "{vcpu} changes what the hardware looks at"
    if off and w.part(EVENT):
        set_request(w, vcpu)
    yield "{vcpu} makes KVM_REQ_EVENT of itself if APICv is off now"


def inject(w: World, vcpu: Vcpu) -> Sections:
    """kvm_check_and_inject_events() of a vcpu without APICv; VMX takes PID.PIR first."""
    when(vcpu.on_cpu)
    if w.the(Host).switchable and vcpu.apic == Apic.POSTED:
        inactive = not vcpu.active
        yield "{vcpu} looks whether it has APICv, to inject an interrupt"
        when(vcpu.on_cpu)
        if inactive and w.part(ALWAYS_SYNC.part):
            yield from sync_pir(w, vcpu)
            when(vcpu.on_cpu)
    looks = True
    if w.the(Host).switchable:
        looks = vcpu.irr_pending and not vcpu.in_service
        yield "{vcpu} reads irr_pending"
        when(vcpu.on_cpu)
    found = False
    if looks:
        found = vcpu.virr
    yield "{vcpu} looks for an interrupt to inject"
    when(vcpu.on_cpu)
    with w.unobserved("only the vcpu itself writes apicv_active"):
        found = found and not vcpu.active
        if w.the(Host).switchable:
            if found:
                vcpu.irr_pending = False
        elif found:
            with w.locked("clear_bit()"):
                vcpu.virr = False
            vcpu.irr = True
    yield "{vcpu} injects the interrupt if AVIC is off"
    if w.the(Host).switchable and found:
        yield from clear_irr(w, vcpu)


def clear_irr(w: World, vcpu: Vcpu) -> Sections:
    """apic_clear_irr(), after irr_pending: the interrupt goes from the IRR to the ISR."""
    when(vcpu.on_cpu)
    with w.locked("clear_bit()"):
        vcpu.virr = False
    vcpu.in_service = w.the(Host).ends
    vcpu.injected = w.the(Host).ends
    vcpu.irr = not w.the(Host).ends
    yield "{vcpu} clears the bit in its IRR"
    when(vcpu.on_cpu)
    left = vcpu.virr
    yield "{vcpu} looks at its IRR again"
    if left:
        vcpu.irr_pending = True
    yield "{vcpu} sets irr_pending if there is one more"
