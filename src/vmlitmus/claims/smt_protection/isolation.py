"""What executes on a sibling while a protected vcpu is in guest mode."""

from __future__ import annotations

from vmlitmus.lang import Apm, World, condition
from vmlitmus.world.smt_protection import Activity, Cpu, Protection, Vcpu

SMTP = Apm("15.36.17")
EXECUTES_NOTHING = (
    Activity.HLT,
    Activity.C2,
    Activity.MWAIT,
    Activity.C6,
    Activity.STALLED,
    Activity.EXITING,
    Activity.GUEST_HLT,
    Activity.OFFLINE,
)


def executes(cpu: Cpu) -> bool:
    """Say whether a cpu executes instructions."""
    return cpu.activity not in EXECUTES_NOTHING


def declared_legal(vcpu: Vcpu, other: Vcpu) -> bool:
    """Say whether a guest declared that two of its vcpus may share a core."""
    both = vcpu.asks == Protection.ESMTP and other.asks == Protection.ESMTP
    return both and vcpu.vm == other.vm and vcpu.mask == other.mask and vcpu.group == other.group


def foreign_on(w: World, vcpu: Vcpu, cpu: Cpu) -> bool:
    """Say whether a cpu executes anything but a vcpu that is declared legal beside this one."""
    if cpu.activity != Activity.GUEST:
        return executes(cpu)
    return not any(o.cpu is cpu and declared_legal(vcpu, o) for o in w.all(Vcpu))


@condition(
    "sibling-executes",
    "a sibling executes an instruction while a vcpu that asked for protection is in guest mode",
    source=SMTP,
    backed_by=("protected-guest-runs", "sibling-busy"),
)
def sibling_executes(w: World) -> bool:
    return any(
        v.asks != Protection.NONE
        and v.cpu.activity in (Activity.GUEST, Activity.GUEST_HLT)
        and any(o is not v.cpu and o.core is v.cpu.core and foreign_on(w, v, o) for o in w.all(Cpu))
        for v in w.all(Vcpu)
    )


@condition("protected-guest-runs", "a vcpu that asked for protection is in guest mode", source=SMTP)
def protected_guest_runs(w: World) -> bool:
    return any(v.asks != Protection.NONE and v.cpu.activity == Activity.GUEST for v in w.all(Vcpu))


@condition("sibling-busy", "a cpu executes while its sibling is in the vcpu run loop", source=SMTP)
def sibling_busy(w: World) -> bool:
    return any(
        v.cpu.activity == Activity.KERNEL
        and any(o is not v.cpu and o.core is v.cpu.core and executes(o) for o in w.all(Cpu))
        for v in w.all(Vcpu)
    )
