"""SNP: whether the guest's policy forbids SMT, and whether SMT Protection is in force.

Source: SNP firmware ABI, "Guest Policy"; APM vol. 2, 15.36.17; KVM_X86_SNP_POLICY_BITS in
arch/x86/kvm/svm/sev.c.
"""

from __future__ import annotations

from dataclasses import dataclass

from vmlitmus.audit.claims.fixes import Release
from vmlitmus.audit.claims.judge import cannot_tell
from vmlitmus.audit.facts import HostFacts
from vmlitmus.audit.vm.domain import Domain
from vmlitmus.host.kernel.sev_features import SMT_PROTECTION as BIT_15
from vmlitmus.outcome.audit import Answer, Evidence, Judged

_SMT, _RESERVED, _DEBUG, _SINGLE_SOCKET = 1 << 16, 1 << 17, 1 << 19, 1 << 20
_LOOKED_AT = (7, 3)  # the newest kernel in which KVM was read
_PASSES_ON = (7, 2)  # the oldest in which policies were seen to be passed on
_OLD = 0x1BFFFF  # SNP_POLICY_MASK_VALID of 6.12: bits 0 to 17, 19 and 20
_NEW = 0x3FBFFFF  # KVM_SNP_POLICY_MASK_VALID of 7.2.8 and 7.3.4: bits 0 to 17 and 19 to 25


@dataclass(frozen=True)
class SnpPolicy:
    """The bits of a policy that matter here."""

    smt: bool
    reserved: bool
    debug: bool
    single_socket: bool


def policy_bits(policy: int) -> SnpPolicy:
    bits = (_SMT, _RESERVED, _DEBUG, _SINGLE_SOCKET)
    return SnpPolicy(*(bool(policy & bit) for bit in bits))


def launch(policy: int, release: Release | None) -> str:
    """Say what KVM answers to KVM_SEV_SNP_LAUNCH_START with a policy."""
    bits = policy_bits(policy)
    if not bits.reserved:
        return "EINVAL on every KVM: bit 17 must be one"
    if policy & ~_NEW:
        return f"EINVAL on every KVM that was read: no bits {policy & ~_NEW:#x}"
    if bits.smt and not bits.single_socket and not policy & ~_OLD:
        return "accepted by KVM 6.11 and later"
    asked = "bit 16" if not bits.smt else "bits 20 and above to be clear"
    old = f"KVM 6.11 and 6.12 answer EINVAL (they demand {asked})"
    new = "KVM 7.2 passes it to the firmware"
    if release is None:
        return f"{old}; {new}"
    here = (release.major, release.minor)
    return old if here <= (6, 12) else new if here >= _PASSES_ON else f"{old}; {new}"


def forbids_smt(host: HostFacts, domain: Domain, release: Release | None) -> Judged:
    """SNP_FORBIDS_SMT: bit 16 of the policy is clear."""
    claim, policy = "SNP_FORBIDS_SMT", domain.policy
    if policy is None or policy.kind != "sev-snp":
        return cannot_tell(claim, domain.name, "no SNP policy was found")
    if policy.policy is None:
        return cannot_tell(claim, domain.name, f"{policy.where}: no policy is given there")
    shown = Evidence(policy.where, hex(policy.policy))
    wide = any(len(core) > 1 for core in host.topology.cores)
    here = "has SMT on" if wide else "has no two siblings online"
    if policy_bits(policy.policy).smt:
        text = f"bit 16 is set: the guest runs on a host with SMT on as well; this one {here}"
        return Judged(claim, domain.name, Answer.FALSE, text, (shown,))
    text = f"bit 16 is clear; this host {here}; {launch(policy.policy, release)}"
    return Judged(claim, domain.name, Answer.TRUE, text, (shown,))


def smt_protection(host: HostFacts, domain: Domain, release: Release | None) -> Judged:
    """SMT_PROTECTION: in force only where KVM lets the guest set bit 15 of SEV_FEATURES.

    KVM says itself which bits it supports; where it was not asked, its release has to do: no KVM
    up to 7.3 supports bit 15.
    """
    claim, mask = "SMT_PROTECTION", host.sev_features
    if mask.value is not None:
        shown = Evidence(mask.where, hex(mask.value))
        if mask.value & BIT_15:
            text = "KVM supports it; whether the guest has asked is in its encrypted VMSA"
            return cannot_tell(claim, domain.name, text, "SEV_FEATURES of the guest")
        text = "this KVM does not support it: SEV_FEATURES bit 15 stays clear"
        return Judged(claim, domain.name, Answer.FALSE, text, (shown,))
    kernel = Evidence(host.kernel.release.where, host.kernel.release.value or "not known")
    if release is None or (release.major, release.minor) > _LOOKED_AT:
        return cannot_tell(claim, domain.name, "whether this kernel's KVM supports it is not known")
    text = f"KVM of {release} does not support it: SEV_FEATURES bit 15 stays clear"
    if release.vendor:
        text = f"KVM of upstream {release} does not support it; a vendor's patch is not known here"
        return cannot_tell(claim, domain.name, text)
    return Judged(claim, domain.name, Answer.FALSE, text, (kernel,))
