"""How RFC v8 looked a VMSA page up: gfn_to_pfn_restricted(), which what was merged has not.

Before it takes a new VMSA the vcpu looks up the new gpa, not the old one, to see whether it has to
un-pin the old page; if there is no private page at the new gpa it drops a reference to the old page
that nobody took. Where there is no memslot at all, as for the gpa of a DESTROY, the error message
reads through the NULL pointer: an oops, under snp_vmsa_mutex.

Not modelled: panic_on_oops; the last reference, which is taken to be the file's.
Source: "[PATCH RFC v8 47/56] KVM: SVM: Support SEV-SNP AP Creation NAE event", 2023-02-20.
"""

from __future__ import annotations

from vmlitmus.lang import World
from vmlitmus.model.kvm.ap_creation.fixes import LOOKUP
from vmlitmus.world.memory import Owner
from vmlitmus.world.snp import Page, Vcpu


def oopses(w: World, vcpu: Vcpu, old: Page | None) -> bool:
    """Say whether one of the two look-ups finds no memslot."""
    if w.part(LOOKUP):
        return False
    if vcpu.pending is None:
        return old is not None and not old.launch
    return not vcpu.pending.slot


def unpin(w: World, vcpu: Vcpu, old: Page | None) -> None:
    """Drop the reference to the old page unless the new gpa is private."""
    if not w.part(LOOKUP) and vcpu.pending is not None and old is not None and not old.launch:
        if not vcpu.pending.private and old.owner == Owner.GUEST:
            old.owner = Owner.FREE
