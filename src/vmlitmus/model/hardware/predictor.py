"""Branch predictions and what clears them: who can steer the code that a cpu executes.

A domain that executes trains the predictor of its cpu. IBPB ends the control of everything that
executed before on the same thread; whether it also acts on what the sibling trained is an
assumption. STIBP keeps a cpu from being steered by its sibling, now or from before.

Not modelled: tags and aliases of single entries, the RSB (but see CVE-2022-27672), BHI. Source:
SDM vol. 3 on speculation control; Documentation/admin-guide/hw-vuln/spectre.rst.
"""

from __future__ import annotations

from vmlitmus.lang import Assumption, KernelFile, Sdm, World
from vmlitmus.world.domain_switch import Cpu, Domain, Follow, Host, Rank, Vcpu

SPECULATION = Sdm("CPUID.07H:EDX[26], EDX[27] (IBRS and IBPB, STIBP)")
SPECTRE = KernelFile("Documentation/admin-guide/hw-vuln/spectre.rst", "IBPB", "7.2.8")
IBPB_COVERS_CORE = Assumption(
    "ibpb-covers-core",
    "an IBPB also ends the control of what the sibling trained before it",
    default=False,
    settled_by="a manual that says more than 'on the same logical processor'",
)


def follows(w: World, state: Follow) -> bool:
    """Say whether the scenario follows this kind of state."""
    return w.the(Host).follow == state


def sibling(w: World, cpu: Cpu, other: Cpu) -> bool:
    """Say whether two cpus are online threads of one core."""
    return other is not cpu and other.core is cpu.core and other.online


def harms(one: Domain, other: Domain) -> bool:
    """Say whether the second must be kept from the first."""
    if one.tenant != other.tenant:
        return one.rank != Rank.KERNEL
    if one.rank == other.rank:
        return one is not other
    if one.rank == Rank.NESTED:
        return True
    return one.rank == Rank.GUEST and other.rank == Rank.USER


def train(w: World, cpu: Cpu, domain: Domain) -> None:
    """A domain begins to execute."""
    if follows(w, Follow.PREDICTIONS):
        cpu.trained.add(domain)


def ibpb(w: World, cpu: Cpu) -> None:
    """Indirect branch prediction barrier."""
    if follows(w, Follow.PREDICTIONS):
        cpu.trained.clear()
        if w.assume(IBPB_COVERS_CORE):
            for other in w.all(Cpu):
                if sibling(w, cpu, other):
                    other.trained.clear()
                    if other.running is not None:
                        other.trained.add(other.running)


def protected(w: World, cpu: Cpu) -> bool:
    """Say whether STIBP is in force for what the cpu executes now."""
    for vcpu in w.all(Vcpu):
        if vcpu.cpu is cpu and cpu.running is not None and cpu.running.rank != Rank.USER:
            return vcpu.vm.stibp or (cpu.stibp and w.the(Host).stibp_in_guest)
    return cpu.stibp


def apart(w: World, one: Domain, other: Domain) -> bool:
    """Say whether hardware keeps predictions of host and guest apart."""
    guest = one.rank in (Rank.GUEST, Rank.NESTED)
    other_guest = other.rank in (Rank.GUEST, Rank.NESTED)
    return w.the(Host).guest_predictions_apart and guest != other_guest


def steers(w: World, domain: Domain, cpu: Cpu) -> bool:
    """Say whether a domain can steer what the cpu executes."""
    if cpu.running is None or not harms(domain, cpu.running) or apart(w, domain, cpu.running):
        return False
    return domain in cpu.trained or any(
        sibling(w, cpu, other) and domain in other.trained and not protected(w, cpu)
        for other in w.all(Cpu)
    )
