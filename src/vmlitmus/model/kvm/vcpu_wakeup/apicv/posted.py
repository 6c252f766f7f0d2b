"""Posted interrupts under VMX: the descriptor, who posts into it, and what a put and a load do.

A device posts by one atomic update of the descriptor: PIR, and ON unless SN or ON was set; then it
notifies NDST by the vector NV. KVM posts for a vcpu by two LOCKed operations, and then notifies a
vcpu in IN_GUEST_MODE or wakes it. A notification that meets a guest makes the cpu move PIR to vIRR;
one that meets the host does nothing, for each entry looks at ON after IN_GUEST_MODE. A vcpu that
blocks is put on the wakeup list of its cpu and gets the wakeup vector, whose handler wakes those
with ON. One that is put for another reason gets SN. The first device wakes up all vcpus; the last
one goes without a word. A proposal of our own, ``last_device = "unblocks"``: it wakes them up, too.

Not load-bearing: "restore the notification vector at the load": a wakeup vector makes the guest
exit, and it sees ON when it enters again.

Not modelled: several vectors; guest code with IRQs off; memory order of nr_possible_bypass_irqs,
which is written before a LOCKed operation.
Source: arch/x86/kvm/vmx/posted_intr.c, __vmx_deliver_posted_interrupt() in
arch/x86/kvm/vmx/common.h, vmx_sync_pir_to_irr() in arch/x86/kvm/vmx/vmx.c.
"""

from __future__ import annotations

from vmlitmus.lang import CpuEvent, KernelFile, Sdm, Sections, World, sequence, step, when
from vmlitmus.model.kvm.vcpu_wakeup.apicv.avic import look_at_virr
from vmlitmus.model.kvm.vcpu_wakeup.kick import (
    request_event,
    set_irr_pending,
    set_request,
    wake_up,
    wake_up_or_kick,
)
from vmlitmus.model.kvm.vcpu_wakeup.versions import (
    ALWAYS_SYNC,
    AT_PUT,
    BY_VECTOR,
    RECOMPUTE,
)
from vmlitmus.world.snp import Mode
from vmlitmus.world.vcpu_wakeup import Apic, Cpu, Device, Host, Task, Vcpu

PI = "arch/x86/kvm/vmx/posted_intr.c"
LOAD = KernelFile(PI, "vmx_vcpu_pi_load()", "7.2.8")
PUT = KernelFile(PI, "vmx_vcpu_pi_put()", "7.2.8")
ENABLE = KernelFile(PI, "pi_enable_wakeup_handler()", "7.2.8")
HANDLER = KernelFile(PI, "pi_wakeup_handler()", "7.2.8")
BYPASS = KernelFile(PI, "vmx_pi_start_bypass()", "7.2.8")
ENDS = KernelFile("arch/x86/kvm/irq.c", "kvm_arch_irq_bypass_del_producer()", "7.2.8")
DELIVER = KernelFile("arch/x86/kvm/vmx/common.h", "__vmx_deliver_posted_interrupt()", "7.2.8")
SYNC = KernelFile("arch/x86/kvm/vmx/vmx.c", "vmx_sync_pir_to_irr()", "7.2.8")
PROCESSING = Sdm("vol. 3C, 31.6 (posted-interrupt processing)")
POST_LOCK = "the LOCKs of test_and_set_bit() of PIR and ON"
CLEAR_LOCK = "the LOCK of clear_bit() of ON in vmx_sync_pir_to_irr()"
CLEAR_FIRST = "clear ON before PIR is read"
SYNC_ENTRY = "look at ON after IN_GUEST_MODE"
SELF_IPI = "send itself the wakeup vector if ON is set already"
VECTOR = "give a vcpu that blocks the wakeup vector"
UNBLOCK = "KVM_REQ_UNBLOCK when the first device is assigned"
RESTORE = "restore the notification vector at the load"
NDST = "write the new cpu into NDST at the load"
SN_FIRST = "clear SN before PIR is looked at"


def sync_pir(w: World, vcpu: Vcpu) -> Sections:
    """vmx_sync_pir_to_irr()."""
    outstanding = vcpu.on
    yield "{vcpu} looks at PID.ON"
    if outstanding:
        when(vcpu.on_cpu)
        if w.part(CLEAR_FIRST):
            with w.locked("clear_bit()", w.part(CLEAR_LOCK)):
                vcpu.on = False
            yield "{vcpu} clears PID.ON"
            when(vcpu.on_cpu)
        found = vcpu.pir
        yield "{vcpu} reads PID.PIR"
        when(vcpu.on_cpu)
        if w.the(Host).switchable:
            yield from update_irr(w, vcpu, found)
        else:
            if found:
                with w.locked("xchg()"):
                    vcpu.pir = False
                vcpu.irr = True
            yield "{vcpu} moves the interrupts that it found to its vIRR"
        if not w.part(CLEAR_FIRST):
            when(vcpu.on_cpu)
            with w.locked("clear_bit()"):
                vcpu.on = False
            yield "{vcpu} clears PID.ON after it has read PID.PIR"


def update_irr(w: World, vcpu: Vcpu, found: bool) -> Sections:
    """kvm_apic_update_irr(), and KVM_REQ_EVENT for a new bit if the vcpu has no APICv."""
    if found:
        with w.locked("xchg()"):
            vcpu.pir = False
        yield "{vcpu} takes PID.PIR"
        when(vcpu.on_cpu)
        with w.locked("cmpxchg()"):
            new = not vcpu.virr
            vcpu.virr = True
        yield "{vcpu} sets the bit in its IRR"
        when(vcpu.on_cpu)
        with w.unobserved("only the vcpu itself writes apicv_active"):
            if new and not vcpu.active:
                vcpu.irr_pending = True
        yield "{vcpu} sets irr_pending if the bit is new and it has no APICv"
        when(vcpu.on_cpu)
        with w.unobserved("only the vcpu itself writes apicv_active"):
            if new and not vcpu.active:
                set_request(w, vcpu)
        yield "{vcpu} makes KVM_REQ_EVENT of itself if the bit is new and it has no APICv"


def sync_entry(w: World, vcpu: Vcpu) -> Sections:
    """vmx_sync_pir_to_irr() before VM entry: PID.PIR to the IRR, and what is there to RVI."""
    if w.the(Host).switchable:
        active = vcpu.active
        yield "{vcpu} reads apicv_active before VM entry"
        if active or w.part(ALWAYS_SYNC.part):
            yield from sync_pir(w, vcpu)
        if active:
            look_at_virr(w, vcpu)
            yield "{vcpu} sets RVI if its IRR is not empty"
    else:
        yield from sync_pir(w, vcpu)


def sync_sleeper(w: World, vcpu: Vcpu) -> Sections:
    """apic_has_interrupt_for_ppr(): what a vcpu that wants to block sees of its descriptor."""
    looks = True
    if w.the(Host).switchable and not w.part(ALWAYS_SYNC.part):
        looks = vcpu.active
        yield "{vcpu} reads apicv_active"
        when(vcpu.on_cpu)
    if looks:
        yield from sync_pir(w, vcpu)


def posting(w: World) -> bool:
    """vmx_needs_pi_wakeup(): whether anything but KVM may post."""
    return w.the(Host).assigned or w.the(Host).ipiv


def pi_suppress(w: World, vcpu: Vcpu) -> None:
    """vmx_vcpu_pi_put() of a vcpu that does not block, or is preempted."""
    if vcpu.apic == Apic.POSTED and posting(w):
        with w.locked("set_bit()"):
            vcpu.sn = True


def add_to_list(w: World, vcpu: Vcpu) -> None:
    """pi_enable_wakeup_handler(), under the lock of the list."""
    if vcpu.cpu is not None:
        vcpu.listed_twice = any(vcpu in cpu.wakeup_list for cpu in w.all(Cpu))
        vcpu.cpu.wakeup_list.add(vcpu)


def set_wakeup_vector(w: World, vcpu: Vcpu) -> None:
    """The cmpxchg of the descriptor's control word, and the IPI to itself."""
    with w.locked("cmpxchg()"):
        if w.part(VECTOR):
            vcpu.wakeup_vector = True
        outstanding = vcpu.on
    if outstanding and vcpu.cpu is not None and w.part(SELF_IPI):
        vcpu.cpu.wakeup = True


def pi_load(w: World, vcpu: Vcpu, cpu: Cpu) -> None:
    """vmx_vcpu_pi_load() up to where SN is clear."""
    if vcpu.apic == Apic.POSTED and vcpu.wakeup_vector and not w.part(AT_PUT.part):
        clear_sn(w, vcpu)
    elif vcpu.apic == Apic.POSTED and (w.part(BY_VECTOR.part) or posting(w)):
        if vcpu.wakeup_vector:
            for other in w.all(Cpu):
                other.wakeup_list.discard(vcpu)
        if w.part(NDST):
            vcpu.ndst = cpu
        if w.part(RESTORE):
            vcpu.wakeup_vector = False
        if w.part(SN_FIRST):
            clear_sn(w, vcpu)
        else:
            recompute(w, vcpu)


def pi_loaded(w: World, vcpu: Vcpu) -> None:
    """The rest of vmx_vcpu_pi_load()."""
    if vcpu.apic == Apic.POSTED:
        if w.part(SN_FIRST):
            recompute(w, vcpu)
        else:
            clear_sn(w, vcpu)


def clear_sn(w: World, vcpu: Vcpu) -> None:
    """By the cmpxchg that writes NDST and NV too, or by itself where these stay."""
    with w.locked("cmpxchg()"):
        vcpu.sn = False


def recompute(w: World, vcpu: Vcpu) -> None:
    """Set ON if PIR is not empty."""
    with w.locked("set_bit()"):
        if vcpu.pir and w.part(RECOMPUTE.part):
            vcpu.on = True


@sequence(source=PROCESSING, disturbance="device-irq", fair="weak", hardware=True)
def device_posts(w: World, device: Device, vcpu: Vcpu) -> Sections:
    when(w.the(Host).posts and vcpu.apic != Apic.AVIC)
    with w.locked("an atomic update of the descriptor"):
        vcpu.pir = True
        notifies = not vcpu.on and not vcpu.sn
        if notifies:
            vcpu.on = True
    wakeup = vcpu.wakeup_vector
    at = vcpu.ndst
    yield "{device} posts an interrupt into the descriptor of {vcpu}"
    if notifies:
        if wakeup:
            at.wakeup = True
        else:
            at.notify = True
    yield "{device} notifies {at} unless ON or SN was set"


def post(w: World, task: Task, vcpu: Vcpu) -> Sections:
    """__vmx_deliver_posted_interrupt()."""
    with w.locked("test_and_set_bit()", w.part(POST_LOCK)):
        first = not vcpu.pir
        vcpu.pir = True
    yield "{task} sets a bit in PID.PIR of {vcpu}"
    if first:
        with w.locked("test_and_set_bit()", w.part(POST_LOCK)):
            first = not vcpu.on
            vcpu.on = True
    yield "{task} sets PID.ON of {vcpu}"
    if first:
        found = vcpu.mode
        yield "{task} looks at the mode of {vcpu}"
        if found == Mode.IN_GUEST:
            w.happens(CpuEvent.X2APIC_WRITE)
            vcpu.last.notify = True
            yield "{task} notifies the cpu of {vcpu}"
        else:
            yield from wake_up(w, task, vcpu)


@sequence(
    "{task} has posted its interrupt", source=DELIVER, disturbance="software-irq", fair="weak"
)
def deliver(w: World, task: Task, vcpu: Vcpu) -> Sections:
    when(vcpu.apic == Apic.POSTED and task.target is vcpu)
    task.target = None
    active = True
    if w.the(Host).switchable:
        active = vcpu.active
        yield "{task} reads apicv_active of {vcpu} to post its interrupt"
    if active:
        yield from post(w, task, vcpu)
    else:
        with w.locked("set_bit()"):
            vcpu.virr = True
        yield "{task} sets the bit in the IRR of {vcpu}"
        yield from set_irr_pending(task, vcpu)
        yield from request_event(w, task, vcpu)


@step("{task} has an interrupt for {vcpu}", source=DELIVER, disturbance="software-irq")
def begin_interrupt(w: World, task: Task, vcpu: Vcpu) -> None:
    when(task.idle and task.target is None)
    task.target = vcpu


@step("{vcpu}'s cpu moves PID.PIR to the vIRR", source=PROCESSING, fair="weak", hardware=True)
def process_notification(w: World, vcpu: Vcpu) -> None:
    when(vcpu.running and vcpu.last.notify and vcpu.controls)
    vcpu.last.notify = False
    with w.locked("an atomic update of the descriptor"):
        vcpu.on = False
        if vcpu.pir:
            vcpu.pir = False
            vcpu.irr = True


@step("{cpu} takes a notification in the host", source=DELIVER, fair="weak")
def ignore_notification(w: World, cpu: Cpu) -> None:
    when(cpu.notify and not cpu.irqs_off)
    w.happens(CpuEvent.INTERRUPT, cpu)
    cpu.notify = False


@step(
    "pi_wakeup_handler() on {cpu} wakes the vcpus whose PID.ON is set", source=HANDLER, fair="weak"
)
def wakeup_handler(w: World, cpu: Cpu) -> None:
    when(cpu.wakeup and not cpu.irqs_off)
    w.happens(CpuEvent.INTERRUPT, cpu)
    cpu.wakeup = False
    with w.locked("the lock of the list, without which no vcpu on it is loaded"):
        for vcpu in w.all(Vcpu):
            if vcpu in cpu.wakeup_list and vcpu.on and vcpu.waiting and vcpu.sleepy:
                vcpu.sleepy = False
                vcpu.asleep = False


def unblock(w: World, task: Task) -> Sections:
    """kvm_make_all_cpus_request(KVM_REQ_UNBLOCK)."""
    for vcpu in w.all(Vcpu):
        set_request(w, vcpu)
        yield "{task} makes KVM_REQ_UNBLOCK of {vcpu}"
        yield from wake_up_or_kick(w, task, vcpu)


@sequence(source=BYPASS, disturbance="assign", fair="weak")
def assign_device(w: World, task: Task) -> Sections:
    when(not w.the(Host).assigned)
    w.the(Host).assigned = True
    yield "{task} increments nr_possible_bypass_irqs for a device"
    if w.part(UNBLOCK):
        yield from unblock(w, task)
    w.the(Host).posts = True
    yield "{task} puts the IRTE of the device in posted mode"


@sequence("{task} has taken the last device away", source=ENDS, disturbance="unassign", fair="weak")
def unassign_device(w: World, task: Task) -> Sections:
    when(w.the(Host).assigned and w.the(Host).posts)
    w.the(Host).posts = False
    yield "{task} puts the IRTE of the last device in remapped mode"
    w.the(Host).assigned = False
    if w.the(Host).unblocks:
        yield "{task} decrements nr_possible_bypass_irqs to 0, and will wake up all vcpus"
        yield from unblock(w, task)
