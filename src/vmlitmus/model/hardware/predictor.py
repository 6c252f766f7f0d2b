"""Branch predictions and what clears them: who can steer the code that a cpu executes.

A domain that executes trains the predictor of its cpu. IBPB ends the control of everything that
executed before on the same thread; whether it also acts on what the sibling trained is an
assumption, and so is whether a sibling that has gone offline still steers. STIBP keeps a cpu from
being steered by its sibling, now or from before. Nothing says that a thread which goes offline
loses what it trained.

Not modelled: tags and aliases of single entries, the RSB (but see CVE-2022-27672), BHI. Source:
SDM vol. 3 on speculation control; Documentation/admin-guide/hw-vuln/spectre.rst.
"""

from __future__ import annotations

from vmlitmus.lang import Assumption, Sdm, World
from vmlitmus.world.domain_switch import Cpu, Domain, Follow, Host, beside

SPECULATION = Sdm("CPUID.07H:EDX[26], EDX[27] (IBRS and IBPB, STIBP)")
IBPB_COVERS_CORE = Assumption(
    "ibpb-covers-core",
    "an IBPB also stops predictions that the sibling trained before it",
    default=False,
    settled_by="a manual that says more than 'on the same logical processor'",
)


def follows(w: World, state: Follow) -> bool:
    """Say whether the scenario follows this kind of state."""
    return w.the(Host).follow == state


def train(w: World, cpu: Cpu, domain: Domain) -> None:
    """A domain begins to execute."""
    if follows(w, Follow.PREDICTIONS):
        cpu.trained.add(domain)


def ibpb(w: World, cpu: Cpu) -> None:
    """Indirect branch prediction barrier."""
    if follows(w, Follow.PREDICTIONS):
        cpu.needless = cpu.flushed and not cpu.trained
        cpu.flushed = True
        cpu.trained.clear()
        if w.assume(IBPB_COVERS_CORE):
            for other in w.all(Cpu):
                if beside(cpu, other):
                    other.trained.clear()
                    if other.running is not None:
                        other.trained.add(other.running)
