"""A page of guest_memfd goes away: kvm_gmem_punch_hole(); and its memslot does: kvm_set_memslot().

Atomic sections: under mmu_lock, mmu_invalidate_in_progress and the zap; since d1a3c2162334
KVM_REQ_VMSA_PAGE_RELOAD of each vcpu that uses the page, one after the other, with a kick that
waits; the remote TLB flush, only if an SPTE was zapped, which waits for every vcpu that is not
OUTSIDE_GUEST_MODE; the truncation, which makes the page shared in the RMP, after PSMASH if a 2 MiB
entry covers it, and frees it even if that fails; the end. mmu_lock is held up to the end of the
flush. So a second task that finds no SPTE, or a vcpu that was kicked already, does not go on before
the first one's waits are over. A vcpu that installs a VMSA meanwhile comes after it and sees that
the invalidation is under way; here it sees that at once.

Folios of 7.2.8 have order 0 and RMP entries of guest_memfd are 4 KiB, so that a punch hole meets no
2 MiB entry: ``page.large`` is a kernel to come.

The users of a page are found by its memslots; one that is bound to none is truncated, and that is
all. To delete a memslot: an invalid copy takes its place, srcu is synchronized, its pages are
zapped and their users kicked, and it is unbound, under the lock that a punch hole holds. That moves
no mmu_invalidate_seq.

Not modelled: the last close of the guest_memfd file, which kicks the users of all its pages too.

A freed page may go to another VM. Its guest_memfd clears it, which is an RMP fault if the page is
still assigned, and assigns it to the other VM's ASID; its guest may make it a VMSA.

Source: kvm_gmem_punch_hole() in virt/kvm/guest_memfd.c; kvm_invalidate_memslot() in
virt/kvm/kvm_main.c; kvm_arch_flush_shadow_memslot() in mmu.c; sev_gmem_invalidate() and
sev_gmem_invalidate_range() in arch/x86/kvm/svm/sev.c.
"""

from __future__ import annotations

from vmlitmus.lang import KernelFile, Sections, World, sequence, step, when
from vmlitmus.model.hardware.rmp import overlaps, rmpupdate_shared
from vmlitmus.model.kvm.ap_creation.fixes import INVALIDATE
from vmlitmus.model.kvm.ap_creation.kick import Kick
from vmlitmus.world.memory import Owner
from vmlitmus.world.snp import Asid, Host, Mode, Page, Task, Vcpu, Vm

PUNCH = KernelFile("virt/kvm/guest_memfd.c", "kvm_gmem_punch_hole()", "7.2.8")
DELETE = (
    KernelFile("virt/kvm/kvm_main.c", "kvm_set_memslot()", "7.2.8"),
    KernelFile("arch/x86/kvm/mmu/mmu.c", "kvm_arch_flush_shadow_memslot()", "7.2.8"),
)
FREE = KernelFile("arch/x86/kvm/svm/sev.c", "sev_gmem_invalidate()", "7.2.8")


def request_reload(w: World, task: Task, page: Page) -> Sections:
    """sev_gmem_invalidate_range(): make the request and kick, for each vcpu with this VMSA."""
    for vcpu in w.all(Vcpu):
        if vcpu.guest_vmsa is page:
            vcpu.reload = True
            if w.use(Kick).reaches(w, vcpu):
                vcpu.mode = Mode.EXITING
                task.awaits.add(vcpu)
            yield "{task} makes KVM_REQ_VMSA_PAGE_RELOAD of {vcpu} and kicks it"
            when(not task.awaits)


def wait_for_users(w: World, task: Task, zapped: bool) -> Sections:
    """Flush TLBs if an SPTE was zapped, and wait for that."""
    if zapped:
        flush_tlbs(w, task)
        yield "{task} requests a TLB flush"
        when(not task.awaits)


def flush_tlbs(w: World, task: Task) -> None:
    """kvm_flush_remote_tlbs(): KVM_REQ_TLB_FLUSH has KVM_REQUEST_WAIT."""
    for vcpu in w.all(Vcpu):
        if vcpu.mode != Mode.OUTSIDE:
            vcpu.mode = Mode.EXITING
            task.awaits.add(vcpu)


@sequence(
    "{task} ends the invalidation", source=(PUNCH, FREE), disturbance="punch-hole", fair="weak"
)
def punch_hole(w: World, task: Task, page: Page) -> Sections:
    vm = w.the(Vm)
    when(page.present and not page.launch and vm.invalidating is None and not vm.mmu_lock)
    vm.mmu_lock = True
    vm.invalidating = page
    zapped = page.slot and page.mapped
    page.mapped = page.mapped and not page.slot
    yield "{task} punches {page} out of guest_memfd: zaps it under mmu_lock"
    if page.slot and w.part(INVALIDATE):
        yield from request_reload(w, task, page)
    yield from wait_for_users(w, task, zapped)
    vm.mmu_lock = False
    if page.large and w.part("PSMASH before RMPUPDATE"):
        page.large = False
        yield "{task} splits the RMP entry of {page} by PSMASH"
    while overlaps(w, page):
        yield "{task} executes RMPUPDATE of {page} again after FAIL_OVERLAP"
    page.present = False
    page.owner = Owner.FREE
    rmpupdate_shared(page)
    yield "{task} executes RMPUPDATE and frees {page}"
    vm.invalidating = None
    vm.seq += 1


@sequence(source=DELETE, disturbance="delete-memslot", fair="weak")
def delete_memslot(w: World, task: Task, page: Page) -> Sections:
    vm = w.the(Vm)
    when(page.slot and not page.slot_invalid and not page.launch)
    page.slot_invalid = True
    yield "{task} marks the memslot of {page} KVM_MEMSLOT_INVALID"
    when(not any(vcpu.looks is page for vcpu in w.all(Vcpu)) and not vm.mmu_lock)
    vm.mmu_lock = True
    zapped = page.mapped
    page.mapped = False
    yield "{task} has synchronized srcu and zaps {page}"
    if w.part(INVALIDATE) and w.part("invalidate the VMSA with its memslot"):
        yield from request_reload(w, task, page)
    yield from wait_for_users(w, task, zapped)
    vm.mmu_lock = False
    yield "{task} has kicked each vcpu that uses {page}"
    when(vm.invalidating is not page)
    page.slot = False
    yield "{task} deletes the memslot of {page} and unbinds guest_memfd"


def host_takes(w: World, page: Page) -> None:
    """The host allocates a free page and clears it; that is an RMP fault if it is assigned."""
    when(page.owner == Owner.FREE)
    page.owner = Owner.HOST
    if page.assigned:
        w.the(Host).rmp_fault = True


@step("the host writes {page}, which it owns now", source=FREE, disturbance="host-reuse")
def host_writes(w: World, page: Page) -> None:
    host_takes(w, page)
    if w.the(Host).sme_coherent:
        page.dirty = False


@step(
    "the host gives {page} to another VM, whose guest makes it a VMSA",
    source=FREE,
    disturbance="other-vm",
)
def other_vm_takes(w: World, page: Page) -> None:
    host_takes(w, page)
    if not page.assigned:
        page.assigned = True
        page.asid = Asid.OTHER
        page.vmsa = True
