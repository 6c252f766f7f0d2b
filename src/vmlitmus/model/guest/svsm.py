"""An SVSM at VMPL0 keeps a list of the guest's VMSAs beside what the RMP says of them.

SVSM_CORE_CREATE_VCPU: the page is looked up in the list, put there, and made a VMSA by RMPADJUST.
Until 4139ce4c the list was unlocked between the two. SVSM_CORE_DELETE_VCPU makes it an ordinary
page again; until 6cae63d9 it left the list before that. SVSM_CORE_PVALIDATE zeroes a page that is
not in the list; since d162b9df a lock keeps CREATE out meanwhile, so that it is one section here.
All of it is of coconut-svsm, and the guest may call it on several vcpus.

Not modelled: 5003e950, a list of pages that is checked at its first byte only, which takes no
second cpu; calling areas.
Source: kernel/src/protocols/core.rs of coconut-svsm; its messages of 4139ce4c and 6cae63d9.
"""

from __future__ import annotations

from vmlitmus.lang import Apm, Lore, Sections, World, sequence, when
from vmlitmus.world.page_state import Host, Page, Vcpu

RMPADJUST = Apm("15.36.7")
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


@sequence(source=(RMPADJUST, CREATE_RACE), disturbance="svsm-create")
def create_vcpu(w: World, vcpu: Vcpu, page: Page) -> Sections:
    when(not page.listed)
    page.listed = w.the(Host).registers_at_check
    yield "the SVSM does not find {page} in its list, for {vcpu}"
    page.listed = True
    if page.vmsa:
        w.the(Host).two_vmsas = True
    page.vmsa = True
    yield "the SVSM makes {page} a VMSA by RMPADJUST, for {vcpu}"


@sequence(source=(RMPADJUST, DELETE_RACE), disturbance="svsm-delete")
def delete_vcpu(w: World, vcpu: Vcpu, page: Page) -> Sections:
    when(page.listed and page.vmsa)
    if w.the(Host).deregisters_last:
        page.vmsa = False
        yield "the SVSM makes {page} an ordinary page, for {vcpu}"
        page.listed = False
        yield "the SVSM takes {page} off its list, for {vcpu}"
    else:
        page.listed = False
        yield "the SVSM takes {page} off its list while it still is a VMSA, for {vcpu}"
        page.vmsa = False
        yield "the SVSM makes {page} an ordinary page only now, for {vcpu}"


@sequence(source=(RMPADJUST, DELETE_RACE), disturbance="svsm-pvalidate")
def pvalidate(w: World, vcpu: Vcpu, page: Page) -> Sections:
    when(not page.listed)
    if page.vmsa:
        w.the(Host).vmsa_touched = True
    yield "the SVSM validates and zeroes {page}, for {vcpu}"
