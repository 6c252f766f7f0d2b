"""A guest's own requests: a page-state change, and a message for firmware.

The page-state-change buffer is shared with the guest, which may rewrite it at any time: its indices
are checked, and then used. A guest request has a response page that firmware writes: a page of KVM
that is firmware's as long as the VM lives, or, in the first patches, the guest's page, which is
made firmware's for the request and was not given back when the request failed. guest_req_mutex is
held throughout: a VM has one request at a time.

Source: snp_begin_psc(), snp_handle_guest_req() in arch/x86/kvm/svm/sev.c; AMDESE/AMDSEV, 220.
"""

from __future__ import annotations

from vmlitmus.lang import KernelFile, Sections, World, sequence, step, when
from vmlitmus.model.kvm.page_state.versions import ONCE
from vmlitmus.world.page_state import Host, Page, Rmp, Vcpu

PSC = KernelFile("arch/x86/kvm/svm/sev.c", "snp_begin_psc()", "7.2.8")
REQUEST = KernelFile("arch/x86/kvm/svm/sev.c", "snp_handle_guest_req()", "7.2.8")
RESPONSE = "give the response page of a failed request back"
CHECK = "check the indices of a page-state change"


@sequence(source=(PSC, ONCE.source), disturbance="page-state-change", fair="weak")
def page_state_change(w: World, vcpu: Vcpu) -> Sections:
    vcpu.checked = True
    vcpu.rewritten = not w.part(CHECK)
    yield "KVM has read and checked the indices of {vcpu}'s page-state change"
    if vcpu.rewritten:
        w.the(Host).out_of_bounds = True
    vcpu.checked = False
    vcpu.rewritten = False
    yield "KVM uses the entries of {vcpu}'s page-state change"


@step("the guest rewrites the buffer of {vcpu}", source=PSC, disturbance="rewrite")
def rewrite(w: World, vcpu: Vcpu) -> None:
    when(vcpu.checked and not vcpu.rewritten and not w.part(ONCE.part))
    vcpu.rewritten = True


@sequence(source=REQUEST, disturbance="guest-request", fair="weak")
def guest_request(w: World, vcpu: Vcpu, page: Page) -> Sections:
    when(w.the(Host).guest_response and page.rmp != Rmp.GUEST and not page.private)
    when(not w.the(Host).guest_req_mutex)
    if page.rmp == Rmp.FIRMWARE:
        w.the(Host).rmp_fault = True
    w.the(Host).guest_req_mutex = True
    page.rmp = Rmp.FIRMWARE
    page.failed = False
    yield "{vcpu} makes a guest request with {page} for the response"
    if not w.the(Host).update_fails or w.part(RESPONSE):
        page.rmp = Rmp.SHARED
    page.failed = w.the(Host).update_fails
    w.the(Host).guest_req_mutex = False
    yield "{vcpu} gets the answer to its guest request"
