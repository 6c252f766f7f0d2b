"""Does the guest notice that a page was replaced, and does an SVSM know its own VMSAs?"""

from __future__ import annotations

from vmlitmus.lang import Apm, KernelFile, Lore, World, condition
from vmlitmus.world.page_state import Host, Page

PVALIDATE = Apm("15.36.6")
CREATE_RACE = Lore(
    "4139ce4c: svsm/requests: fix race condition during SVSM_CORE_CREATE_VCPU",
    "Carlos López",
    "2023-03-06",
)
DELETE_RACE = Lore(
    "6cae63d9: kernel/protocols: Do not deregister VMSA before updating RMP state",
    "Joerg Roedel",
    "2026-05-13",
)
CALLING_AREAS = Lore(
    "f49731f0: kernel/percpu: Track CAA address in PERCPU_VMSAS", "Joerg Roedel", "2026-05-13"
)
ONE_LOCK = Lore(
    "994a5590: kernel/protocols: Make some core protocol calls mutually exclusive",
    "Joerg Roedel",
    "2026-05-20",
)
PREPARE = KernelFile("arch/x86/kvm/svm/sev.c", "sev_gmem_prepare()", "7.2.8")


@condition("page-replaced", "a page that the guest accepted was replaced", source=PVALIDATE)
def page_replaced(w: World) -> bool:
    return any(page.replaced for page in w.all(Page))


@condition(
    "replaced-page-used",
    "the guest uses a page whose content the host has replaced",
    source=PVALIDATE,
    backed_by=("page-replaced",),
)
def replaced_page_used(w: World) -> bool:
    return w.the(Host).replaced_used


@condition("guest-ends", "the guest has found a page replaced, and terminates", source=PVALIDATE)
def guest_ends(w: World) -> bool:
    return w.the(Host).guest_ends


@condition("fault-failed", "KVM_RUN fails because a page could not be assigned", source=PREPARE)
def fault_failed(w: World) -> bool:
    return w.the(Host).fault_failed


@condition("svsm-vmsa", "the SVSM has made a page a VMSA", source=CREATE_RACE)
def svsm_vmsa(w: World) -> bool:
    return any(page.vmsa for page in w.all(Page))


@condition(
    "svsm-two-vmsas",
    "one page is the VMSA of two vcpus",
    source=CREATE_RACE,
    backed_by=("svsm-vmsa",),
)
def svsm_two_vmsas(w: World) -> bool:
    return w.the(Host).two_vmsas


@condition(
    "svsm-zeroes-vmsa",
    "the SVSM zeroes a page that the RMP says is a VMSA",
    source=DELETE_RACE,
    backed_by=("svsm-vmsa",),
)
def svsm_zeroes_vmsa(w: World) -> bool:
    return w.the(Host).vmsa_touched


@condition("svsm-calling-area", "a vcpu has a calling area of the SVSM", source=CALLING_AREAS)
def svsm_calling_area(w: World) -> bool:
    return any(page.calling for page in w.all(Page))


@condition(
    "svsm-zeroes-calling-area",
    "the SVSM zeroes a calling area in use",
    source=CALLING_AREAS,
    backed_by=("svsm-calling-area",),
)
def svsm_zeroes_calling_area(w: World) -> bool:
    return w.the(Host).calling_touched


@condition(
    "svsm-deletes-no-vmsa",
    "the SVSM deletes the VMSA in a page that is an ordinary one",
    source=ONE_LOCK,
    backed_by=("svsm-vmsa",),
)
def svsm_deletes_no_vmsa(w: World) -> bool:
    return w.the(Host).deleted_none
