"""The run loop as dirty logging sees it: requests at VM entry, the PML buffer at VM exit, the TLB.

A vcpu serves its requests and enters in one section: the topic tlb-flush has the steps by which
it misses none. At VM exit whoever waits for the vcpu goes on, and the PML buffer is emptied after
that: a kick waits for the exit, not for the buffer. Before KVM_RUN returns it is empty.

A cpu writes through a translation that its TLB holds. To get one it walks: with PML it sets the D
bit and logs the page if the D bit was clear; without it the W bit has to be set. The TLB may drop
a translation at any time.

Not modelled: L2, whose SPTEs are write-protected also where KVM has PML; exits that KVM handles
without leaving the loop, which a kick ends; a PML buffer that is full, which ends in an exit.
Source: vcpu_enter_guest() in arch/x86/kvm/x86.c, vmx_flush_pml_buffer(), __vmx_handle_exit(),
vmx_update_cpu_dirty_logging() in arch/x86/kvm/vmx/vmx.c, kvm_make_all_cpus_request() in
virt/kvm/kvm_main.c.
"""

from __future__ import annotations

from vmlitmus.lang import KernelFile, Sdm, Sections, World, sequence, step, when
from vmlitmus.model.kvm.dirty_log.mark import FULL, mark, ring_full
from vmlitmus.world.dirty_log.guest import Page, Vcpu, Vm
from vmlitmus.world.dirty_log.userspace import Task

VMX = "arch/x86/kvm/vmx/vmx.c"
ENTER = KernelFile("arch/x86/kvm/x86.c", "vcpu_enter_guest()", "7.2.8")
UPDATE = KernelFile(VMX, "vmx_update_cpu_dirty_logging()", "7.2.8")
DRAIN = KernelFile(VMX, "vmx_flush_pml_buffer()", "7.2.8")
EXIT = KernelFile(VMX, "__vmx_handle_exit()", "7.2.8")
REQUEST = KernelFile("virt/kvm/kvm_main.c", "kvm_make_all_cpus_request()", "7.2.8")
IOCTL = KernelFile("virt/kvm/kvm_main.c", "kvm_vcpu_ioctl()", "7.2.8")
EPT_DIRTY = Sdm("vol. 3C, 30.3.5")
PML = Sdm("vol. 3C, 30.3.6")
EMPTIES = "empty the PML buffer at VM exit"


@step("{vcpu} serves its requests and enters the guest", source=(ENTER, UPDATE, FULL), fair="weak")
def enter_guest(w: World, vcpu: Vcpu) -> None:
    when(vcpu.idle and vcpu.in_run and not vcpu.running and not w.the(Vm).stopping)
    when(not ring_full(w, vcpu))
    if vcpu.update:
        vcpu.pml_on = w.the(Vm).counted
        vcpu.update = False
    if vcpu.flush:
        vcpu.tlb.clear()
        vcpu.flush = False
    vcpu.running = True


def may_share(w: World) -> bool:
    """Say whether mmu_lock can be taken for reading; with shadow paging it is for writing."""
    vm = w.the(Vm)
    return not vm.mmu_lock and not (vm.shadow and any(v.mmu_lock for v in w.all(Vcpu)))


def leave(w: World, vcpu: Vcpu) -> None:
    """The VM exit: whoever waits for it goes on."""
    vcpu.running = False
    vcpu.kicked = False
    for task in w.all(Task):
        task.awaits.discard(vcpu)


def empty_pml_buffer(w: World, vcpu: Vcpu) -> None:
    """vmx_flush_pml_buffer(): mark what the cpu has logged."""
    if w.part(EMPTIES):
        for page in w.all(Page):
            if page in vcpu.pml and w.the(Vm).logging:
                mark(w, vcpu, page)
        vcpu.pml.clear()


@sequence(source=(EXIT, DRAIN), disturbance="exit", fair="weak")
def exit_guest(w: World, vcpu: Vcpu) -> Sections:
    when(vcpu.running)
    leave(w, vcpu)
    yield "{vcpu} takes a VM exit"
    empty_pml_buffer(w, vcpu)
    yield "{vcpu} has handled its VM exit"


@sequence(source=(EXIT, DRAIN), fair="weak")
def answer_kick(w: World, vcpu: Vcpu) -> Sections:
    when(vcpu.running and vcpu.kicked)
    leave(w, vcpu)
    yield "{vcpu} takes a VM exit because of a kick"
    empty_pml_buffer(w, vcpu)
    yield "{vcpu} has handled the VM exit that a kick made"


@step("{vcpu} returns from KVM_RUN", source=IOCTL, fair="weak")
def leave_run(w: World, vcpu: Vcpu) -> None:
    when(w.the(Vm).stopping and vcpu.idle and vcpu.in_run and not vcpu.running)
    vcpu.in_run = False


@step(
    "{vcpu} walks to {page} for a write, and its TLB keeps the translation",
    source=(EPT_DIRTY, PML),
    disturbance="guest-write",
)
def walk(w: World, vcpu: Vcpu, page: Page) -> None:
    when(vcpu.running and page not in vcpu.tlb and page.present and page.writable)
    if w.the(Vm).pml and not page.dirty:
        page.dirty = True
        if vcpu.pml_on:
            vcpu.pml.add(page)
    vcpu.tlb.add(page)


@step("the TLB of {vcpu} drops {page}", source=EPT_DIRTY, disturbance="eviction")
def evict(w: World, vcpu: Vcpu, page: Page) -> None:
    when(page in vcpu.tlb)
    vcpu.tlb.discard(page)


@step("{vcpu} writes {page}", source=EPT_DIRTY, disturbance="guest-write")
def write(w: World, vcpu: Vcpu, page: Page) -> None:
    when(vcpu.running and page in vcpu.tlb)
    page.stale = True


def ask(w: World, task: Task, vcpu: Vcpu) -> None:
    """A request with KVM_REQUEST_WAIT was made of the vcpu: kick it, and wait for its exit."""
    if vcpu.running:
        vcpu.kicked = True
        task.awaits.add(vcpu)


def request_flush(w: World, task: Task) -> None:
    """kvm_flush_remote_tlbs(): the caller waits until ``task.awaits`` is empty."""
    for vcpu in w.all(Vcpu):
        if vcpu.online:
            vcpu.flush = True
            ask(w, task, vcpu)
