"""The RMP as VMRUN, RMPADJUST and RMPUPDATE see it.

VMRUN needs a VMSA page that is assigned to the VMCB's ASID, has the VMSA attribute and is not in
use, with EFER.SVME set in it, and marks it in use until #VMEXIT. RMPADJUST and RMPUPDATE of a page
in use fail. A hugepage access that collides with a 2 MiB aligned VMSA in use raises a false RMP
fault (the erratum). Linux splits the direct map before it assigns a 4 KiB page, so that the host
has no hugepage there; before it assigns a 2 MiB region it does not, which guest_memfd of 7.2.8
never asks for.
RMPUPDATE of a 4 KiB page fails with FAIL_OVERLAP as long as a 2 MiB entry covers it, or firmware
has the region. It sets the immutable bit of a page that is meant for firmware, and fails for such a
page until firmware has cleared the bit.

Not modelled: other VMPLs, the VMCB and the AVIC backing page.
Source: APM vol. 2, 15.36; message of commit 309d28576f0a.
"""

from __future__ import annotations

from vmlitmus.lang import Apm, Assumption, KernelFile, World, step, when
from vmlitmus.model.hardware.debug_swap import load_debug_registers
from vmlitmus.world.memory import Owner
from vmlitmus.world.snp import Asid, Fault, Features, Host, Mode, Page, Task, Vcpu, Vm

VMRUN = Apm("15.36.12")
RMPADJUST = Apm("15.36.7")
ERRATUM = KernelFile("arch/x86/kvm/svm/sev.c", "snp_safe_alloc_page_node()", "7.2.8")
DIRECT_MAP = KernelFile("arch/x86/virt/svm/sev.c", "adjust_direct_map()", "7.2.8")
SPLIT = "split the direct map before RMPUPDATE"
OVERLAP = KernelFile("arch/x86/virt/svm/sev.c", "rmpupdate()", "7.2.8")
POINTER_CACHED = Assumption(
    "vmsa-pointer-cached",
    "hardware may go on using the VMSA pointer of the last VMRUN while the VMCB is marked clean; "
    "the APM lists the pointer under no clean bit",
    default=False,
    settled_by=(
        "the APM on the VMCB clean bits (15.15.3), or a vcpu on SNP hardware whose "
        "vmsa_pa changes while the VMCB stays clean"
    ),
)
IN_USE = Assumption(
    "rmpadjust-in-use",
    "an RMPADJUST of a VMSA in use faults until the page is free again (message of 309d28576f0a), "
    "or returns FAIL_INUSE, and the guest leaks the page",
    default="faults",
    choices=("faults", "fail-inuse"),
    settled_by=(
        "the APM on RMPADJUST (vol. 3), or a guest on SNP hardware that executes it on "
        "the VMSA of a running vcpu"
    ),
)


def pointer(w: World, vcpu: Vcpu) -> Page | None:
    """Return the VMSA that VMRUN uses."""
    if w.assume(POINTER_CACHED) and vcpu.clean:
        return vcpu.cached
    return vcpu.vmsa


def outcome(w: World, vcpu: Vcpu, page: Page | None, features_checked: bool) -> Fault:
    """Return what VMRUN with this VMSA comes to."""
    if page is None:
        return Fault.NOT_VMSA if vcpu.blank else Fault.POINTER
    if page.assigned and page.asid == Asid.OTHER and w.part("compare the ASID of the RMP entry"):
        return Fault.FOREIGN
    if not page.assigned or not page.vmsa:
        return Fault.NOT_VMSA
    if page.in_use:
        return Fault.BUSY
    if not page.svme:
        return Fault.SVME
    if features_checked and page.features in (Features.INJECTION, Features.DEBUG_SWAP):
        return Fault.FEATURES
    return Fault.NONE


def vmrun(w: World, vcpu: Vcpu, features_checked: bool) -> None:
    """VMRUN: enter the guest, or fail; the caller still has to leave guest mode then."""
    page = pointer(w, vcpu)
    vcpu.fault = outcome(w, vcpu, page, features_checked)
    if page is not None and page in vcpu.retired:
        vcpu.reentered = True
    if page is not None and vcpu.fault == Fault.NONE:
        page.in_use = True
        vcpu.running = True
        vcpu.reported = True
        vcpu.apic = True
        if w.assume(POINTER_CACHED):
            vcpu.cached = page
            vcpu.clean = True
        remember(vcpu, page)


def remember(vcpu: Vcpu, page: Page) -> None:
    """Note what this VMRUN means for what the guest was promised."""
    if vcpu.destroyed:
        vcpu.revived = True
    if page.owner != Owner.GUEST:
        vcpu.ran_freed = True
    if page is vcpu.asked:
        vcpu.due = False


def answer(w: World, vcpu: Vcpu) -> None:
    """The vcpu is outside guest mode with IRQs on: whoever waits for its IPI goes on."""
    vcpu.mode = Mode.OUTSIDE
    for other in w.the(Vm).askers:
        if other.awaits is vcpu:
            other.awaits = None
    for task in w.all(Task):
        task.awaits.discard(vcpu)


def leave_guest(w: World, vcpu: Vcpu) -> None:
    """#VMEXIT: the VMSA is written and no longer in use."""
    page = pointer(w, vcpu)
    if page is not None:
        page.in_use = False
        if w.the(Vm).frees_launch:
            page.dirty = True
        load_debug_registers(w, vcpu, page)
    vcpu.running = False
    answer(w, vcpu)


def overlaps(w: World, page: Page) -> bool:
    """Say whether RMPUPDATE of a 4 KiB page fails with FAIL_OVERLAP."""
    return page.large or w.the(Host).busy


def rmpupdate_shared(page: Page) -> None:
    """RMPUPDATE to shared; it fails for a page in use, and for an immutable one."""
    if not page.in_use and not page.immutable:
        page.assigned = False
        page.vmsa = False


def free_to_act(vcpu: Vcpu) -> bool:
    """Say whether guest code on a vcpu goes on: it runs, and no RMPADJUST of it faults."""
    return vcpu.running and vcpu.adjusting is None


def done_with(w: World, vcpu: Vcpu, page: Page) -> bool:
    """Say whether guest code may take a VMSA page back: AP_CREATION has returned for it."""
    if not free_to_act(vcpu) or not page.vmsa or page.launch or page.leaked or len(vcpu.asks) == 0:
        return False
    if page.asid == Asid.OTHER:
        return False
    vcpus = page.takers
    retired = any(page in v.retired for v in vcpus) and not any(v.asked is page for v in vcpus)
    return retired or not page.svme or not w.the(Vm).honest


@step("{vcpu} clears VMSA of {page} by RMPADJUST", source=(RMPADJUST, IN_USE))
def rmpadjust_clear(w: World, vcpu: Vcpu, page: Page) -> None:
    when(not page.launch and len(vcpu.asks) > 0)
    when(not page.in_use and done_with(w, vcpu, page))
    page.vmsa = False


@step(
    "{vcpu} executes RMPADJUST of {page}, which fails because the page is in use",
    source=(RMPADJUST, IN_USE),
)
def rmpadjust_fails(w: World, vcpu: Vcpu, page: Page) -> None:
    when(not page.launch and len(vcpu.asks) > 0)
    when(page.in_use and done_with(w, vcpu, page))
    page.met_in_use = True
    if w.assume(IN_USE) == "fail-inuse":
        page.leaked = True
    else:
        vcpu.adjusting = page


@step("{vcpu} executes RMPADJUST of {page} again", source=(RMPADJUST, IN_USE), fair="strong")
def rmpadjust_retried(w: World, vcpu: Vcpu, page: Page) -> None:
    when(not page.launch and len(vcpu.asks) > 0)
    when(vcpu.running and vcpu.adjusting is page and not page.in_use)
    vcpu.adjusting = None
    if page.asid == Asid.THIS:
        page.vmsa = False


@step("{vcpu} makes {page} a VMSA by RMPADJUST", source=RMPADJUST, disturbance="reuse")
def rmpadjust_set(w: World, vcpu: Vcpu, page: Page) -> None:
    when(free_to_act(vcpu) and len(vcpu.asks) > 0 and not page.vmsa and not page.launch)
    when(page.assigned and page.owner == Owner.GUEST)
    page.vmsa = True
    page.svme = True


@step(
    "the host accesses the hugepage that {page} is part of",
    source=(ERRATUM, DIRECT_MAP),
    disturbance="hugepage-access",
)
def access_hugepage(w: World, page: Page) -> None:
    unlucky = page.launch and not w.part("allocate launch VMSAs off 2 MiB alignment")
    when((page.pfn_aligned or unlucky) and page.in_use)
    when(page.hugepage or not w.part(SPLIT))
    w.the(Host).false_fault = True


@step("firmware locks the RMP entries of the region", source=OVERLAP, disturbance="region-busy")
def take_region(w: World) -> None:
    host = w.the(Host)
    when(not host.busy)
    host.busy = True


@step("firmware unlocks the RMP entries of the region", source=OVERLAP, fair="weak")
def leave_region(w: World) -> None:
    host = w.the(Host)
    when(host.busy)
    host.busy = False
