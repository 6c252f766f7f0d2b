"""KVM's half of the paravirtual TLB flush: the preempted flag in the guest's memory.

kvm_arch_vcpu_put() of a vcpu that is preempted writes KVM_VCPU_PREEMPTED, and notes that it did;
since 6cd88243c7e0 only between two instructions, for an emulator that has walked the guest's page
tables goes on with what it found. record_steal_time() takes the flag away at the next entry and
flushes if the guest has set KVM_VCPU_FLUSH_TLB. Until 5.6 it copied the struct, looked at the copy
and wrote it back. On VMX the flush is INVVPID of the current VPID, which is L2's while L2 runs.

Where the memslot of the struct is being deleted, record_steal_time() returns early: request and
flush are gone, and the flag stays while the vcpu runs. The deletion has each vcpu load another
root, which flushes its TLB. While its cache has another generation, a vcpu is not marked.

Not modelled: the other fields of struct kvm_steal_time; Xen and Hyper-V flushes.
Source: record_steal_time(), kvm_steal_time_set_preempted() in arch/x86/kvm/x86.c,
vmx_flush_tlb_guest() in arch/x86/kvm/vmx/vmx.c.
"""

from __future__ import annotations

from vmlitmus.lang import Hooks, KernelFile, Sections, World, sequence, step, when
from vmlitmus.model.kvm.tlb_flush.versions import BOUNDARY, FLAG_XCHG, FLUSH_KEPT
from vmlitmus.world.tlb import Guest, Host, Level, Task, Vcpu

X86 = "arch/x86/kvm/x86.c"
RECORD = KernelFile(X86, "record_steal_time()", "7.2.8")
SET_PREEMPTED = KernelFile(X86, "kvm_steal_time_set_preempted()", "7.2.8")
VCPU_RUN = KernelFile(X86, "vcpu_run()", "7.2.8")
FLUSH_GUEST = KernelFile("arch/x86/kvm/vmx/vmx.c", "vmx_flush_tlb_guest()", "7.2.8")
SWAP = KernelFile("virt/kvm/kvm_main.c", "kvm_swap_active_memslots()", "7.2.8")
MMU_LOAD = KernelFile("arch/x86/kvm/mmu/mmu.c", "kvm_mmu_load()", "7.2.8")
GUEST_FLUSH = "flush when the guest has set KVM_VCPU_FLUSH_TLB"


class GuestFlush(Hooks):
    """Whose translations flush_tlb_guest() drops, and what a nested exit drops: SVM."""

    def flush_guest(self, w: World, vcpu: Vcpu) -> None:
        """L1 and L2 have one ASID."""
        vcpu.guest_tlb = False

    def nested_exit(self, w: World, vcpu: Vcpu) -> None:
        """nested_svm_transition_tlb_flush() flushes always."""
        if w.part("flush at each switch between L1 and L2"):
            vcpu.guest_tlb = False


class VmxGuestFlush(GuestFlush):
    """VMX with a VPID for L2: INVVPID of the current one, and no flush at nested exits."""

    def flush_guest(self, w: World, vcpu: Vcpu) -> None:
        if not vcpu.l2:
            vcpu.guest_tlb = False

    def nested_exit(self, w: World, vcpu: Vcpu) -> None:
        """Nothing: vmcs12 has a VPID."""


class VmxBothVpids(VmxGuestFlush):
    """A proposal: what the guest asked for by the flag concerns L1, so its VPID is flushed too."""

    def flush_guest(self, w: World, vcpu: Vcpu) -> None:
        vcpu.guest_tlb = False


@step("{vcpu}'s task is preempted after an interrupt", source=SET_PREEMPTED, disturbance="steal")
def preempt_guest(w: World, vcpu: Vcpu) -> None:
    when(vcpu.index == 1 and vcpu.idle and vcpu.cpu is not None and not vcpu.running)
    vcpu.cpu = None
    if vcpu.boundary or not w.part(BOUNDARY.part):
        set_preempted(w, vcpu)


def set_preempted(w: World, vcpu: Vcpu) -> None:
    """kvm_steal_time_set_preempted()."""
    if not vcpu.steal_cache:
        return
    if not vcpu.noted or not w.part(FLUSH_KEPT.part):
        vcpu.preempted = True
        vcpu.queued = False
        vcpu.noted = True


@step("{vcpu}'s task is scheduled in: KVM_REQ_STEAL_UPDATE", source=RECORD, fair="weak")
def schedule_guest(w: World, vcpu: Vcpu) -> None:
    when(vcpu.index == 1 and vcpu.cpu is None and w.the(Host).level == Level.GUEST)
    vcpu.cpu = vcpu.home
    vcpu.steal = True


@sequence(source=(RECORD, FLUSH_GUEST), fair="weak")
def record_steal_time(w: World, vcpu: Vcpu) -> Sections:
    when(vcpu.steal and vcpu.cpu is not None and not vcpu.running and not vcpu.emulating)
    if w.the(Guest).slot_gone:
        vcpu.steal = w.the(Host).steal_asks_again
        yield "{vcpu} finds no memslot for struct kvm_steal_time and leaves the flag as it is"
        return
    vcpu.steal = False
    vcpu.steal_cache = True
    if w.part(FLAG_XCHG.part):
        queued = vcpu.queued
        vcpu.preempted = False
        vcpu.queued = False
        yield "{vcpu} exchanges the flag in the guest's memory for 0"
    else:
        queued = vcpu.queued
        yield "{vcpu} copies struct kvm_steal_time and reads the flag in the copy"
        vcpu.preempted = False
        vcpu.queued = False
    vcpu.noted = False
    if queued and w.part(GUEST_FLUSH):
        w.use(GuestFlush).flush_guest(w, vcpu)
    yield "{vcpu} has flushed its guest TLB, if that was asked for"


@sequence(source=(SWAP, MMU_LOAD), disturbance="delete-steal-memslot", fair="weak")
def replace_steal_memslot(w: World, task: Task) -> Sections:
    guest = w.the(Guest)
    when(w.the(Host).level == Level.GUEST and not guest.slot_gone)
    guest.slot_gone = True
    for vcpu in w.all(Vcpu):
        vcpu.steal_cache = False
    yield "{task} makes the memslot with struct kvm_steal_time KVM_MEMSLOT_INVALID"
    when(not any(vcpu.running for vcpu in w.all(Vcpu)))
    for vcpu in w.all(Vcpu):
        vcpu.guest_tlb = False
    yield "{task} deletes the memslot: each vcpu leaves the guest and loads another root"
    guest.slot_gone = False
    yield "{task} creates the memslot with struct kvm_steal_time again"


@step("{vcpu} enters the guest, which takes its IPI", source=VCPU_RUN, fair="weak")
def enter(w: World, vcpu: Vcpu) -> None:
    when(w.the(Host).level == Level.GUEST)
    when(vcpu.index == 1 and vcpu.idle and vcpu.cpu is not None and not vcpu.running)
    when(not vcpu.steal and not vcpu.emulating and not (vcpu.guest_ipi and vcpu.l2))
    vcpu.running = True
    vcpu.boundary = False
    if vcpu.guest_ipi and not vcpu.l2:
        vcpu.guest_ipi = False
        vcpu.guest_tlb = False


@step("{vcpu} exits for an interrupt of the host", source=VCPU_RUN, fair="weak")
def exit_for_interrupt(w: World, vcpu: Vcpu) -> None:
    when(vcpu.running and w.the(Host).level == Level.GUEST)
    vcpu.running = False
    vcpu.boundary = True


@step("{vcpu} exits for an instruction that KVM emulates", source=VCPU_RUN, disturbance="emulate")
def exit_to_emulate(w: World, vcpu: Vcpu) -> None:
    when(vcpu.running and not vcpu.l2 and (w.the(Guest).mapped or vcpu.guest_tlb))
    vcpu.running = False
    vcpu.boundary = False
    vcpu.emulating = True


@step("{vcpu}'s emulator accesses the page that it walked to", source=VCPU_RUN, fair="weak")
def emulate(w: World, vcpu: Vcpu) -> None:
    when(vcpu.emulating and vcpu.cpu is not None)
    vcpu.emulating = False
    vcpu.used_freed = vcpu.used_freed or w.the(Guest).freed


@step("{vcpu} goes from L1 to L2, or back", source=FLUSH_GUEST, disturbance="nested-guest")
def switch_guest_level(w: World, vcpu: Vcpu) -> None:
    when(vcpu.idle and vcpu.index == 1 and not vcpu.running and vcpu.cpu is not None)
    when(not vcpu.emulating and not vcpu.steal)
    if vcpu.l2:
        w.use(GuestFlush).nested_exit(w, vcpu)
    vcpu.l2 = not vcpu.l2
    vcpu.boundary = False


@step("{vcpu} takes a nested exit to L1 for its IPI", source=FLUSH_GUEST, fair="weak")
def exit_to_l1(w: World, vcpu: Vcpu) -> None:
    when(vcpu.guest_ipi and vcpu.l2 and vcpu.idle and not vcpu.running and vcpu.cpu is not None)
    when(not vcpu.emulating and not vcpu.steal)
    w.use(GuestFlush).nested_exit(w, vcpu)
    vcpu.l2 = False
    vcpu.boundary = False
