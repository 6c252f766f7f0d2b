"""A TD vcpu enters its TD, runs there and exits.

KVM turns IRQs off, sets IN_GUEST_MODE, and does not enter if there is a request or a kick. It then
looks at wait_for_sept_zap. TDH.VP.ENTER locks the
epoch, notes it, asks the filter of zero-step attacks and enters. It is busy if TDH.MEM.TRACK has
the lock of the epoch, or, where such an attack is suspected, if somebody has that of the Secure
EPT. KVM then leaves the fast path, so that IRQs come on. After the exit KVM sets OUTSIDE_GUEST_MODE
and calls handle_exit_irqoff(), which handles the interrupt that the exit reason speaks of. Up to
7.3.1 a vcpu that was held back keeps the exit reason of the run before.

The guest walks the Secure EPT, accepts pages in whatever state they are, and takes EPT violations.
While it is in the TDX module no interrupt makes it exit.

Not modelled: exits other than these; the NMI; a
guest that does not accept a page before it uses it; that the filter fails the entry with an EPT
violation as long as the page is missing; how many EPT violations of one instruction the filter
takes (six).
Source: vcpu_enter_guest() in arch/x86/kvm/x86.c, tdx_vcpu_run() and tdx_exit_handlers_fastpath() in
arch/x86/kvm/vmx/tdx.c, vmx_handle_exit_irqoff() in arch/x86/kvm/vmx/vmx.c; TDX module as in
module.py.
"""

from __future__ import annotations

from vmlitmus.lang import KernelFile, Sections, World, sequence, step, when
from vmlitmus.model.kvm.secure_ept.module import (
    ACCEPT,
    ADJUST,
    ENTER,
    FILTER,
    FLUSHES_OTHER,
    LEAVE,
    entry_locked,
    exclusive,
    flush,
    leave,
    note_epoch,
    shared,
)
from vmlitmus.model.kvm.secure_ept.versions import NO_STALE_EXIT
from vmlitmus.world.secure_ept.td import Counts, Entry, Exit, Page, Task, Td, Vcpu

ENTER_GUEST = KernelFile("arch/x86/kvm/x86.c", "vcpu_enter_guest()", "7.2.8")
RUN = KernelFile("arch/x86/kvm/vmx/tdx.c", "tdx_vcpu_run()", "7.2.8")
FASTPATH = KernelFile("arch/x86/kvm/vmx/tdx.c", "tdx_exit_handlers_fastpath()", "7.2.8")
IRQOFF = KernelFile("arch/x86/kvm/vmx/vmx.c", "vmx_handle_exit_irqoff()", "7.2.8")
KICK = KernelFile("virt/kvm/kvm_main.c", "__kvm_vcpu_kick()", "7.2.8")
HOLDS_BACK = "hold vcpus back while a SEAMCALL is made again"


def run(w: World, vcpu: Vcpu) -> Sections:
    """tdx_vcpu_run(), and what vcpu_enter_guest() does after it."""
    td = w.the(Td)
    if td.held_back and w.part(HOLDS_BACK):
        if w.part(NO_STALE_EXIT.part):
            vcpu.exit = Exit.UNDEFINED
        yield "{vcpu} finds wait_for_sept_zap set and stays outside"
    elif vcpu.lp is not None and vcpu.lp != vcpu.cpu:
        vcpu.exit = Exit.UNDEFINED
        yield "TDH.VP.ENTER of {vcpu} is refused: it is associated with another cpu"
    elif td.tracking:
        vcpu.exit = Exit.UNDEFINED
        yield "TDH.VP.ENTER of {vcpu} is busy: the epoch is locked"
    else:
        vcpu.sampling = True
        yield "TDH.VP.ENTER of {vcpu} locks the epoch"
        note_epoch(w, vcpu)
        vcpu.sampling = False
        yield "TDH.VP.ENTER of {vcpu} has noted the epoch"
        if vcpu.suspected and (exclusive(w) or shared(w)):
            vcpu.counts = Counts.NOWHERE
            vcpu.exit = Exit.UNDEFINED
            yield "TDH.VP.ENTER of {vcpu} is busy: the Secure EPT is locked"
        else:
            vcpu.filtering = vcpu.suspected
            yield "TDH.VP.ENTER of {vcpu} goes through the filter"
            vcpu.filtering = False
            if vcpu.cpu.last != vcpu and w.part(FLUSHES_OTHER):
                flush(vcpu)
            vcpu.cpu.last = vcpu
            vcpu.running = True
            yield "{vcpu} enters the TD"
            when(not vcpu.running)
            yield "{vcpu} is back in KVM with IRQs off"
    vcpu.in_guest_mode = False
    yield "{vcpu} sets OUTSIDE_GUEST_MODE"
    if vcpu.exit == Exit.INTERRUPT:
        vcpu.undelivered = False
    yield "{vcpu} has been through handle_exit_irqoff()"


@sequence(source=(ENTER_GUEST, RUN, ENTER, ADJUST, FILTER, FASTPATH, IRQOFF), fair="weak")
def enter_guest(w: World, vcpu: Vcpu) -> Sections:
    td = w.the(Td)
    when(vcpu.cpu.loaded is None and vcpu.wants is None and not td.bugged)
    when(vcpu.initialized and not vcpu.out and not vcpu.cpu.irqs_off and not td.ending)
    when(not td.building)
    if vcpu.flush:
        vcpu.flush = False
        flush(vcpu)
        yield "{vcpu} handles KVM_REQ_TLB_FLUSH"
        when(vcpu.cpu.loaded is None and not vcpu.cpu.irqs_off)
    vcpu.cpu.loaded = vcpu
    vcpu.cpu.irqs_off = True
    vcpu.in_guest_mode = True
    yield "{vcpu} turns IRQs off and sets IN_GUEST_MODE"
    if vcpu.kicked or vcpu.flush or td.bugged:
        vcpu.in_guest_mode = False
        yield "{vcpu} finds a request or a kick and does not enter"
    else:
        yield from run(w, vcpu)
    vcpu.kicked = False
    for task in w.all(Task):
        task.awaits.discard(vcpu)
    vcpu.cpu.loaded = None
    vcpu.cpu.irqs_off = False
    vcpu.cpu.ipi = False
    yield "{vcpu} turns IRQs on"


def in_td(vcpu: Vcpu) -> bool:
    """Say whether the guest executes its own code."""
    return vcpu.running and vcpu.accepting is None


def take_interrupt(vcpu: Vcpu) -> None:
    """An external interrupt ends the run, and waits for its handler."""
    leave(vcpu)
    vcpu.exit = Exit.INTERRUPT
    vcpu.undelivered = True


@step("{vcpu} exits because of an interrupt", source=LEAVE, disturbance="interrupt")
def interrupt(w: World, vcpu: Vcpu) -> None:
    when(in_td(vcpu) and not vcpu.kicked)
    take_interrupt(vcpu)


@step("{vcpu} exits because of a kick", source=LEAVE, fair="strong")
def answer_kick(w: World, vcpu: Vcpu) -> None:
    when(in_td(vcpu) and (vcpu.kicked or vcpu.cpu.ipi))
    take_interrupt(vcpu)


@step("{vcpu} is kicked by another thread", source=KICK, disturbance="kick")
def kick(w: World, vcpu: Vcpu) -> None:
    when(vcpu.in_guest_mode and not vcpu.kicked)
    vcpu.kicked = True


def take_violation(w: World, vcpu: Vcpu, page: Page) -> None:
    """An EPT violation ends the run."""
    leave(vcpu)
    vcpu.exit = Exit.EPT_VIOLATION
    vcpu.wants = page
    vcpu.suspected = w.the(Td).zero_step


@step("{vcpu} walks to {page}, and the TLB keeps it", source=ENTER, disturbance="guest-access")
def walk(w: World, vcpu: Vcpu, page: Page) -> None:
    when(in_td(vcpu) and page.entry == Entry.MAPPED)
    when(page not in vcpu.cpu.tlb or vcpu.suspected)
    vcpu.cpu.tlb.add(page)
    vcpu.suspected = False


@step("{vcpu} takes an EPT violation at {page}", source=LEAVE, disturbance="guest-access")
def violate(w: World, vcpu: Vcpu, page: Page) -> None:
    when(in_td(vcpu) and page not in vcpu.cpu.tlb)
    when(page.entry == Entry.FREE or page.entry == Entry.BLOCKED)
    take_violation(w, vcpu, page)


@step("{vcpu} locks the entry of {page} to accept it", source=ACCEPT, disturbance="guest-access")
def begin_accept(w: World, vcpu: Vcpu, page: Page) -> None:
    when(in_td(vcpu) and not entry_locked(w, page) and not page.host_locked)
    vcpu.accepting = page


@step("TDG.MEM.PAGE.ACCEPT of {vcpu} is done with {page}", source=ACCEPT, fair="weak")
def end_accept(w: World, vcpu: Vcpu, page: Page) -> None:
    when(vcpu.accepting == page)
    vcpu.accepting = None
    if page.entry == Entry.PENDING:
        page.entry = Entry.MAPPED
    elif page.entry != Entry.MAPPED:
        take_violation(w, vcpu, page)
