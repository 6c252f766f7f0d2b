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
    create,
    may_ask,
    suits,
    vmgexit,
)
from vmlitmus.world.snp import Page, Vcpu


@sequence(source=AP_CREATION, disturbance="create-wrong-id", fair="weak")
def ap_create_wrong_id(w: World, vcpu: Vcpu, meant: Vcpu, page: Page, reached: Vcpu) -> Sections:
    when(may_ask(w, vcpu, meant) and suits(w, meant, page) and reached is not meant)
    vmgexit(w, vcpu)
    page.meant = meant
    yield "{vcpu} executes VMGEXIT: CREATE with {page} for {meant}, with the id of {reached}"
    yield from create(w, vcpu, reached, page)


@sequence(source=AP_CREATION, disturbance="create-unknown-id", fair="weak")
def ap_create_unknown_id(w: World, vcpu: Vcpu, meant: Vcpu) -> Sections:
    when(may_ask(w, vcpu, meant))
    vmgexit(w, vcpu)
    yield "{vcpu} executes VMGEXIT: CREATE for {meant}, with an id that no vcpu has"
    meant.rejected = True
    yield '{vcpu} returns "invalid input" to its guest, as there is no such vcpu'
