"""KVM writes a page of the guest: the emulator, the clock, steal time, nested state.

kvm_write_guest_page(), a kernel mapping and a pfn cache have one order: the page is written, then
it is marked, inside srcu or with gpc->lock held. The emulator's atomic operations write by
cmpxchg; in 6.7 they marked nothing.

A string instruction is emulated in up to 1024 pieces before the guest runs again, and each piece
that writes memory marks its page. Entries of a ring that are reserved for an exit are 64, or 576
with PML.

A vcpu that is scheduled out writes KVM_VCPU_PREEMPTED. Before 6.11 it did so in any ioctl of the
vcpu, thus also when a VMM saves the state of a vcpu that it has stopped.

Not modelled: Xen's shared_info and vcpu_info, which the documentation says are always dirty; the
enlightened VMCS, which stays mapped and is marked when it is unmapped, and which
KVM_GET_NESTED_STATE saves; pages of vmcs12 that hardware writes, which are marked at each exit from
L2; what other ioctls of a vcpu write themselves.
Source: __kvm_write_guest_page(), kvm_sched_out() in virt/kvm/kvm_main.c,
emulator_cmpxchg_emulated(), kvm_setup_guest_pvclock(), kvm_steal_time_set_preempted() in
arch/x86/kvm/x86.c, x86_emulate_insn() in arch/x86/kvm/emulate.c, kvm_gpc_mark_dirty_in_slot() in
include/linux/kvm_host.h.
"""

from __future__ import annotations

from vmlitmus.lang import KernelFile, Sections, World, sequence, step, when
from vmlitmus.model.kvm.dirty_log.fault import done
from vmlitmus.model.kvm.dirty_log.mark import MARK, PUSH, mark, ring_full
from vmlitmus.model.kvm.dirty_log.versions import EMULATED, RUNS
from vmlitmus.world.dirty_log.guest import Page, Vcpu, Vm

MAIN = "virt/kvm/kvm_main.c"
WRITE = KernelFile(MAIN, "__kvm_write_guest_page()", "7.2.8")
SCHED_OUT = KernelFile(MAIN, "kvm_sched_out()", "7.2.8")
CLOCK = KernelFile("arch/x86/kvm/x86.c", "kvm_setup_guest_pvclock()", "7.2.8")
ATOMIC = KernelFile("arch/x86/kvm/x86.c", "emulator_cmpxchg_emulated()", "7.2.8")
STRING = KernelFile("arch/x86/kvm/emulate.c", "x86_emulate_insn()", "7.2.8")
PREEMPTED = KernelFile("arch/x86/kvm/x86.c", "kvm_steal_time_set_preempted()", "7.2.8")
GPC = KernelFile("include/linux/kvm_host.h", "kvm_gpc_mark_dirty_in_slot()", "7.2.8")
AFTER = "mark the page after KVM has written it"


def in_root(vcpu: Vcpu) -> bool:
    """Say whether KVM may write a page on behalf of the vcpu."""
    return vcpu.idle and vcpu.in_run and not vcpu.running


@sequence(source=(WRITE, CLOCK, GPC, MARK, PUSH), disturbance="kvm-write", fair="weak")
def kvm_write(w: World, vcpu: Vcpu, page: Page) -> Sections:
    when(in_root(vcpu))
    vcpu.srcu = True
    logs = w.the(Vm).logging
    yield "{vcpu} is to write {page} for its guest and finds the memslot"
    if w.part(AFTER):
        page.stale = True
        yield "{vcpu} has written {page} for its guest"
        if logs:
            mark(w, vcpu, page)
        done(vcpu)
        yield "{vcpu} has marked the page that it wrote"
        return
    if logs:
        mark(w, vcpu, page)
    yield "{vcpu} marks {page}, which it is about to write"
    page.stale = True
    done(vcpu)
    yield "{vcpu} has written the page that it marked"


@sequence(source=(ATOMIC, EMULATED.source), disturbance="emulated-atomic", fair="weak")
def emulate_atomic(w: World, vcpu: Vcpu, page: Page) -> Sections:
    when(in_root(vcpu))
    vcpu.srcu = True
    logs = w.the(Vm).logging
    page.stale = True
    yield "{vcpu} emulates an atomic operation on {page}"
    if logs and w.part(EMULATED.part):
        mark(w, vcpu, page)
    done(vcpu)
    yield "{vcpu} has emulated the operation, and marked its page in versions that do"


@sequence(source=(STRING, WRITE, MARK, PUSH), disturbance="emulated-string", fair="weak")
def emulate_string(w: World, vcpu: Vcpu, page: Page) -> Sections:
    when(in_root(vcpu))
    when(not (w.the(Vm).looks_for_room and ring_full(w, vcpu)))
    vcpu.srcu = True
    logs = w.the(Vm).logging
    page.stale = True
    yield "{vcpu} emulates a string instruction, a piece of which writes {page}"
    if logs:
        mark(w, vcpu, page)
    done(vcpu)
    yield "{vcpu} has marked {page} after a piece of the string instruction"


@step(
    "{vcpu} is scheduled out in another ioctl and writes {page}",
    source=(SCHED_OUT, PREEMPTED, RUNS.source),
    disturbance="vcpu-ioctl",
)
def schedule_out(w: World, vcpu: Vcpu, page: Page) -> None:
    when(vcpu.idle and vcpu.created and not vcpu.in_run and not w.part(RUNS.part))
    page.stale = True
    if w.the(Vm).logging:
        mark(w, vcpu, page)
