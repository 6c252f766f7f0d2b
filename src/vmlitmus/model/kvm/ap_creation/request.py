"""sev_snp_ap_creation(): a vcpu asks for CREATE_ON_INIT, CREATE or DESTROY of another.

Atomic sections: #VMEXIT; under the target's snp_vmsa_mutex, the checks, the stores and the request
bit; the kick; the return, which still is under the mutex. Before d26638bfcdfc the stores came
before the checks, so that a rejected request was a DESTROY; it was kicked, unless it was a
CREATE_ON_INIT. That it is one was noted only after the features were looked at, so a CREATE_ON_INIT
that these refuse was kicked, too. RFC v8 made an UNINITIALIZED target RUNNABLE before it posted the
request.

Not modelled: an unknown request; misdirected.py has requests for another vcpu than was meant.
Source: sev_snp_ap_creation() in arch/x86/kvm/svm/sev.c; GHCB specification, 4.1.9.
"""

from __future__ import annotations

from vmlitmus.lang import Ghcb, KernelFile, Sections, World, sequence, when
from vmlitmus.model.hardware.rmp import free_to_act
from vmlitmus.model.kvm.ap_creation.debug_registers import exit_guest
from vmlitmus.model.kvm.ap_creation.fixes import (
    CHECK_FIRST,
    FEATURES,
    START_INIT_RECEIVED,
    START_UNINITIALIZED,
)
from vmlitmus.model.kvm.ap_creation.kick import request_and_kick
from vmlitmus.world.snp import Features, MpState, Page, Vcpu, Vm

AP_CREATION = (
    KernelFile("arch/x86/kvm/svm/sev.c", "sev_snp_ap_creation()", "7.2.8"),
    Ghcb("4.1.9"),
)


def vmgexit(w: World, vcpu: Vcpu) -> None:
    """#VMEXIT for a VMGEXIT: KVM maps the GHCB, which is followed for APs only."""
    exit_guest(w, vcpu)
    vcpu.ghcb = not vcpu.bsp


def may_ask(w: World, vcpu: Vcpu, target: Vcpu) -> bool:
    """Say whether guest code on a vcpu may now send a request for a target."""
    return free_to_act(vcpu) and target in vcpu.asks and (w.the(Vm).knows_ids or target.reported)


def suits(w: World, target: Vcpu, page: Page) -> bool:
    """Say whether the guest would give a target this page as its VMSA."""
    vm = w.the(Vm)
    if page.launch or (vm.honest and not page.vmsa) or (vm.careful and page.gpa_aligned):
        return False
    return not vm.honest or not any(v.asked is page and v is not target for v in page.takers)


def refused_for_features(w: World, page: Page) -> bool:
    """Say whether KVM's check of RAX fails, which comes first."""
    rax = Features.MANAGED if w.the(Vm).lies else page.features
    if w.part(FEATURES):
        return rax != Features.MANAGED
    return rax == Features.INJECTION


def refused(w: World, page: Page) -> bool:
    """Say whether KVM's checks of a CREATE fail."""
    return page.gpa_aligned or refused_for_features(w, page)


def accept(vcpu: Vcpu, target: Vcpu, page: Page | None, *, on_init: bool) -> None:
    """Store a request in its target, and note what that promises the guest."""
    target.pending = page
    target.waiting = True
    target.asked = page
    target.on_init = on_init
    target.due = page is not None and not on_init
    target.destroyed = False
    target.accepted = True
    target.rejected = False
    if page is not None:
        target.retired.discard(page)
    vcpu.posthumous = vcpu.posthumous or vcpu.destroyed


def replace(target: Vcpu, page: Page | None) -> None:
    """Note that the request being handled replaces the target's VMSAs, all but this one."""
    target.doomed = target.retired
    doom(target, target.vmsa)
    doom(target, target.pending)
    doom(target, target.guest_vmsa)
    if page is not None:
        target.doomed.discard(page)


def doom(target: Vcpu, page: Page | None) -> None:
    if page is not None:
        target.doomed.add(page)


def give_back(target: Vcpu) -> None:
    """Drop snp_vmsa_mutex; AP_CREATION has returned, and what it replaced is done with."""
    target.retired = target.doomed
    target.doomed.clear()
    target.locked = False


def start(w: World, target: Vcpu) -> bool:
    """Say whether KVM makes a target RUNNABLE before it posts the request."""
    if target.mp_state == MpState.UNINITIALIZED:
        return w.part(START_UNINITIALIZED)
    return target.mp_state == MpState.INIT_RECEIVED and w.part(START_INIT_RECEIVED)


def kicked(w: World, vcpu: Vcpu, target: Vcpu) -> Sections:
    """Post KVM_REQ_UPDATE_PROTECTED_GUEST_STATE and kick, under the target's snp_vmsa_mutex."""
    if start(w, target):
        target.mp_state = MpState.RUNNABLE
        yield "{vcpu} makes {target} RUNNABLE"
    target.update = True
    yield "{vcpu} makes KVM_REQ_UPDATE_PROTECTED_GUEST_STATE of {target}"
    yield from request_and_kick(w, vcpu, target)


def reject(w: World, vcpu: Vcpu, target: Vcpu, deferred: bool) -> Sections:
    """A request that the checks refuse; ``deferred`` if KVM has noted that it waits for INIT."""
    when(not target.locked)
    target.rejected = True
    if not w.part(CHECK_FIRST):
        target.pending = None
        target.waiting = True
        target.locked = True
        yield "{vcpu} stores INVALID_PAGE as the pending gpa of {target}, and then its checks fail"
        if not deferred:
            yield from kicked(w, vcpu, target)
        target.locked = False
    yield '{vcpu} returns "invalid input" to its guest'


def create(w: World, vcpu: Vcpu, target: Vcpu, page: Page) -> Sections:
    """What KVM does with a CREATE for the vcpu that has the APIC id."""
    if refused(w, page):
        yield from reject(w, vcpu, target, False)
        return
    when(not target.locked)
    target.locked = True
    replace(target, page)
    accept(vcpu, target, page, on_init=False)
    yield "{vcpu} takes snp_vmsa_mutex and stores {page} as the pending gpa of {target}"
    yield from kicked(w, vcpu, target)
    give_back(target)
    yield "{vcpu} returns from sev_snp_ap_creation()"


@sequence(source=AP_CREATION, disturbance="create", fair="weak")
def ap_create(w: World, vcpu: Vcpu, target: Vcpu, page: Page) -> Sections:
    when(target in vcpu.asks)
    when(target.own is None or target.own is page)
    when(target.own is None or target.asked is None)
    when(may_ask(w, vcpu, target) and suits(w, target, page))
    vmgexit(w, vcpu)
    yield "{vcpu} executes VMGEXIT: CREATE of {target} with {page}"
    yield from create(w, vcpu, target, page)


@sequence(source=AP_CREATION, disturbance="create-on-init", fair="weak")
def ap_create_on_init(w: World, vcpu: Vcpu, target: Vcpu, page: Page) -> Sections:
    when(may_ask(w, vcpu, target) and suits(w, target, page))
    vmgexit(w, vcpu)
    yield "{vcpu} executes VMGEXIT: CREATE_ON_INIT of {target} with {page}"
    if refused(w, page):
        yield from reject(w, vcpu, target, not refused_for_features(w, page))
        return
    when(not target.locked)
    accept(vcpu, target, page, on_init=True)
    yield "{vcpu} stores {page} as the pending gpa of {target}, for its next INIT"


@sequence(source=AP_CREATION, disturbance="destroy", fair="weak")
def ap_destroy(w: World, vcpu: Vcpu, target: Vcpu) -> Sections:
    when(target in vcpu.asks)
    when(may_ask(w, vcpu, target))
    vmgexit(w, vcpu)
    yield "{vcpu} executes VMGEXIT: DESTROY of {target}"
    when(not target.locked)
    target.locked = True
    replace(target, None)
    accept(vcpu, target, None, on_init=False)
    yield "{vcpu} takes snp_vmsa_mutex and stores INVALID_PAGE as the pending gpa of {target}"
    yield from kicked(w, vcpu, target)
    give_back(target)
    target.destroyed = True
    yield "{vcpu} returns from sev_snp_ap_creation() after DESTROY"


@sequence(source=AP_CREATION, disturbance="bad-create", fair="weak")
def ap_bad_create(w: World, vcpu: Vcpu, target: Vcpu) -> Sections:
    when(may_ask(w, vcpu, target))
    vmgexit(w, vcpu)
    yield "{vcpu} executes VMGEXIT: CREATE of {target} with a bad gpa"
    yield from reject(w, vcpu, target, False)


@sequence(source=AP_CREATION, disturbance="bad-create-on-init", fair="weak")
def ap_bad_create_on_init(w: World, vcpu: Vcpu, target: Vcpu) -> Sections:
    when(may_ask(w, vcpu, target))
    vmgexit(w, vcpu)
    yield "{vcpu} executes VMGEXIT: CREATE_ON_INIT of {target} with a bad gpa"
    yield from reject(w, vcpu, target, True)
