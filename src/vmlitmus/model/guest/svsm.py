"""An SVSM at VMPL0 keeps a list of the guest's VMSAs and calling areas beside what the RMP says.

SVSM_CORE_CREATE_VCPU: the page is looked up in the list, put there, and made a VMSA by RMPADJUST.
Until 4139ce4c the list was unlocked between the two. SVSM_CORE_DELETE_VCPU makes it an ordinary
page again; until 6cae63d9 it left the list before that. Since 994a5590 all requests take
PVALIDATE_LOCK, but DELETE looks for the page before it does. SVSM_CORE_PVALIDATE zeroes a page that
is not in the list; it takes the lock that keeps the others out, so that it is one section here. It
looked only at the first page of a huge page until df7c78a3. SVSM_CORE_REMAP_CA clears the new
calling area: up to v2026.07-devel it looks at the list before it takes the lock, and since 943289ec
after that. Calling areas are in the list since f49731f0. The guest may call all of it on several
vcpus.

Not modelled: the list that PVALIDATE reads (5003e950 checks all of it, as df7c78a3 does with the
pages); where in its page a calling area lies; the calling area that a vcpu leaves.
Source: kernel/src/protocols/core.rs and kernel/src/cpu/percpu.rs of coconut-svsm, and the messages
of these commits.
"""

from __future__ import annotations

from vmlitmus.claims.page_state.guest import (
    CALLING_AREAS,
    CREATE_RACE,
    DELETE_RACE,
    ONE_LOCK,
)
from vmlitmus.lang import Apm, Lore, Sections, World, sequence, when
from vmlitmus.world.page_state import Host, Page, Vcpu

RMPADJUST = Apm("15.36.7")
REGIONS = Lore(
    "df7c78a3: kernel/protocols: Check for region validity in core_pvalidate_one()",
    "Joerg Roedel",
    "2026-05-13",
)
GUEST_POINTERS = Lore(
    "943289ec: kernel: protocols/core: replace TryPtr with GuestPtr", "Carlos López", "2026-08-05"
)


def known(w: World, page: Page) -> bool:
    """Whether the SVSM finds the page in its list: valid_phys_region() refuses it then."""
    return page.listed or (page.calling and w.the(Host).lists_calling)


def zero(w: World, page: Page) -> None:
    """The SVSM writes zeroes to the page."""
    if page.vmsa:
        w.the(Host).vmsa_touched = True
    if page.calling:
        w.the(Host).calling_touched = True


@sequence(source=(RMPADJUST, CREATE_RACE), disturbance="svsm-create")
def create_vcpu(w: World, vcpu: Vcpu, page: Page) -> Sections:
    when(not known(w, page))
    if not w.the(Host).deletes_unlocked:  # 994a5590 has all of it under PVALIDATE_LOCK
        page.listed = w.the(Host).registers_at_check
        yield "the SVSM does not find {page} in its list, for {vcpu}"
    when(not w.the(Host).svsm_lock)
    page.listed = True
    if page.vmsa:
        w.the(Host).two_vmsas = True
    page.vmsa = True
    yield "the SVSM makes {page} a VMSA by RMPADJUST, for {vcpu}"


@sequence(source=(RMPADJUST, DELETE_RACE, ONE_LOCK), disturbance="svsm-delete")
def delete_vcpu(w: World, vcpu: Vcpu, page: Page) -> Sections:
    when(page.listed and page.vmsa)
    if w.the(Host).deletes_unlocked:
        yield "the SVSM finds {page} in its list, for {vcpu}, and waits for PVALIDATE_LOCK"
        when(not w.the(Host).svsm_lock)
        w.the(Host).svsm_lock = True
        if not page.vmsa:
            w.the(Host).deleted_none = True
        page.vmsa = False
        yield "the SVSM takes PVALIDATE_LOCK and makes {page} an ordinary page, for {vcpu}"
        page.listed = False
        w.the(Host).svsm_lock = False
        yield "the SVSM takes {page} off its list, for {vcpu}, and releases PVALIDATE_LOCK"
    elif w.the(Host).deregisters_last:
        page.vmsa = False
        yield "the SVSM makes {page} an ordinary page, for {vcpu}"
        page.listed = False
        yield "the SVSM takes {page} off its list, for {vcpu}"
    else:
        page.listed = False
        yield "the SVSM takes {page} off its list while it still is a VMSA, for {vcpu}"
        page.vmsa = False
        yield "the SVSM makes {page} an ordinary page after that, for {vcpu}"


@sequence(source=(RMPADJUST, DELETE_RACE), disturbance="svsm-pvalidate")
def pvalidate(w: World, vcpu: Vcpu, page: Page) -> Sections:
    when(not known(w, page) and not w.the(Host).svsm_lock)
    zero(w, page)
    yield "the SVSM validates and zeroes {page}, for {vcpu}"


@sequence(source=(RMPADJUST, REGIONS), disturbance="svsm-pvalidate-huge")
def pvalidate_huge(w: World, vcpu: Vcpu, first: Page, other: Page) -> Sections:
    when(first.starts_huge and not other.starts_huge and not known(w, first))
    when(not w.the(Host).checks_region or not known(w, other))
    when(not w.the(Host).svsm_lock)
    zero(w, first)
    zero(w, other)
    yield "the SVSM validates and zeroes the huge page of {first} and {other}, for {vcpu}"


@sequence(source=(CALLING_AREAS, ONE_LOCK, GUEST_POINTERS), disturbance="svsm-remap")
def remap_ca(w: World, vcpu: Vcpu, page: Page) -> Sections:
    when(not known(w, page))
    if w.the(Host).remaps_unlocked:
        yield "the SVSM does not find {page} in its list, for {vcpu}, and waits for PVALIDATE_LOCK"
    when(not w.the(Host).svsm_lock)
    zero(w, page)
    if not known(w, page):  # remap_ca() looks again
        page.calling = True
    yield "the SVSM clears {page} for the calling area of {vcpu}"
