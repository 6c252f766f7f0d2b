"""A CREATE with a wrong APIC id: it reaches another vcpu than the guest means, or none.

sev_snp_ap_creation() looks the vcpu up by the APIC id that the guest gives; there is nothing else
by which it could tell whom the guest means. An id that no vcpu has is rejected, and that is all. A
guest that mixes up APIC ids and numbers of its own sends the VMSA of an AP to another vcpu, perhaps
to the one that asks.

Not modelled: DESTROY and CREATE_ON_INIT with a wrong APIC id.
Source: sev_snp_ap_creation() in arch/x86/kvm/svm/sev.c.
"""

from __future__ import annotations

from vmlitmus.lang import Sections, World, sequence, when
from vmlitmus.model.kvm.ap_creation.request import (
    AP_CREATION,
    accept,
    give_back,
    kicked,
    may_ask,
    refused,
    reject,
    replace,
    suits,
    vmgexit,
)
from vmlitmus.world.snp import Page, Vcpu


@sequence(source=AP_CREATION, disturbance="create-wrong-id", fair="weak")
def ap_create_wrong_id(w: World, vcpu: Vcpu, meant: Vcpu, page: Page, reached: Vcpu) -> Sections:
    when(may_ask(w, vcpu, meant) and suits(w, meant, page) and reached is not meant)
    vmgexit(w, vcpu)
    page.meant = meant
    yield "{vcpu} executes VMGEXIT: CREATE with {page}, made for {meant}, by the id of {reached}"
    if refused(w, page):
        yield from reject(w, vcpu, reached, False)
        return
    when(not reached.locked)
    reached.locked = True
    replace(reached, page)
    accept(vcpu, reached, page, on_init=False)
    yield "{vcpu} takes snp_vmsa_mutex of {reached} and stores {page} there"
    yield from kicked(w, vcpu, reached)
    give_back(reached)
    yield "{vcpu} returns from the CREATE that reached {reached}"


@sequence(source=AP_CREATION, disturbance="create-unknown-id", fair="weak")
def ap_create_unknown_id(w: World, vcpu: Vcpu, meant: Vcpu) -> Sections:
    when(may_ask(w, vcpu, meant))
    vmgexit(w, vcpu)
    yield "{vcpu} executes VMGEXIT: CREATE for {meant} by an APIC id that no vcpu has"
    meant.rejected = True
    yield "{vcpu} answers invalid input: there is no such vcpu"
