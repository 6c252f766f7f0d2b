"""Whether a hint that is set is true: at boot, and after a change of the host."""

from __future__ import annotations

from vmlitmus.claims.smt_topology.facts import (
    HYPERV,
    THREAD,
    accurate,
    accurate_conversely,
    no_non_arch_core_sharing,
    no_smt,
)
from vmlitmus.lang import Assumption, KernelFile, World, condition
from vmlitmus.world.smt_topology import Fact, Host, SmtControl, Task, TaskKind, Vcpu, Vm

CONTROL = KernelFile("kernel/cpu.c", "__store_smt_control()", "7.2.8")
READING = Assumption(
    "accurate-reading",
    "ACCURATE_TOPOLOGY is meant both ways: siblings in the guest are siblings on the host, and "
    "conversely",
    default="both",
    choices=("siblings", "converse", "both"),
    settled_by="a text of the hint, which was never merged",
)
OTHER_VMS = Assumption(
    "sharing-covers-other-vms",
    "NO_NON_ARCH_CORE_SHARING speaks of the vcpus of other VMs as well",
    default=False,
    settled_by="the Hyper-V specification, which says another virtual processor, not of which VM",
)


def true_as_read(w: World) -> bool:
    """ACCURATE_TOPOLOGY in the reading that is assumed."""
    if w.assume(READING) == "siblings":
        return accurate(w)
    if w.assume(READING) == "converse":
        return accurate_conversely(w)
    return accurate(w) and accurate_conversely(w)


def beside_a_vcpu(w: World, kind: TaskKind) -> bool:
    """A task of a kind runs on the core of a vcpu, at the same time, on another cpu."""
    return any(
        vcpu.running
        and vcpu.cpu is not None
        and task.kind == kind
        and task.cpu is not None
        and task.cpu is not vcpu.cpu
        and task.cpu.core is vcpu.cpu.core
        for vcpu in w.all(Vcpu)
        for task in w.all(Task)
    )


def true_now(w: World) -> bool:
    """The fact that the VM's hint speaks of."""
    vm = w.the(Vm)
    if vm.says == Fact.NO_SMT:
        return no_smt(w, vm.host)
    if vm.says == Fact.ACCURATE_TOPOLOGY:
        return true_as_read(w)
    if w.assume(OTHER_VMS) and beside_a_vcpu(w, TaskKind.OTHER_VM):
        return False
    return no_non_arch_core_sharing(w)


def set_and_false(w: World) -> bool:
    vm = w.the(Vm)
    return vm.booted and not vm.dead and vm.told and not true_now(w)


@condition(
    "hint-false",
    "the hint is set in the guest's CPUID and the fact that it states is not true",
    source=(THREAD, HYPERV),
    backed_by=("hint-set-while-running",),
)
def hint_false(w: World) -> bool:
    return set_and_false(w)


@condition(
    "hint-false-at-boot",
    "the hint is set in the guest's CPUID and has never been true on this host as it was booted",
    source=(THREAD, HYPERV),
    backed_by=("hint-set-while-running",),
)
def hint_false_at_boot(w: World) -> bool:
    return set_and_false(w) and not w.the(Vm).changed


@condition(
    "hint-false-later",
    "something on the host has changed, and the hint is still set and no longer true",
    source=(THREAD, HYPERV),
)
def hint_false_later(w: World) -> bool:
    return set_and_false(w) and w.the(Vm).changed


@condition("hint-set", "the guest has booted with the hint set", source=THREAD)
def hint_set(w: World) -> bool:
    return w.the(Vm).booted and w.the(Vm).told


@condition("hint-set-while-running", "a vcpu runs with the hint set", source=THREAD)
def hint_set_while_running(w: World) -> bool:
    return w.the(Vm).told and any(vcpu.running for vcpu in w.all(Vcpu))


@condition(
    "smt-possible-again",
    "the hint is set because SMT was impossible, and cpu_smt_control says on or off now",
    source=THREAD,
    backed_by=("hint-set-while-running",),
)
def smt_possible_again(w: World) -> bool:
    vm = w.the(Vm)
    return vm.booted and vm.told and vm.host.smt in (SmtControl.ON, SmtControl.OFF)


@condition(
    "forceoff-undone",
    "the hint is set because SMT was impossible, cpu_smt_control says on or off, and nobody is "
    "bringing siblings up or down",
    source=THREAD,
    backed_by=("hint-set-while-running", "host-changed"),
)
def forceoff_undone(w: World) -> bool:
    vm = w.the(Vm)
    rests = vm.host.idle and vm.host.rescans == SmtControl.ON
    return rests and vm.booted and vm.told and vm.host.smt in (SmtControl.ON, SmtControl.OFF)


@condition(
    "off-not-in-force",
    "smt/control has taken off or forceoff without an error, nobody has written or brought "
    "siblings up since, and cpu_smt_control says on",
    source=CONTROL,
    backed_by=("off-in-force",),
)
def off_not_in_force(w: World) -> bool:
    return any(h.said_off and h.idle and h.smt == SmtControl.ON for h in w.all(Host))


@condition(
    "off-in-force",
    "smt/control has taken off or forceoff without an error, and SMT is off",
    source=CONTROL,
)
def off_in_force(w: World) -> bool:
    return any(h.said_off and h.idle and h.smt != SmtControl.ON for h in w.all(Host))


@condition("host-changed", "the host changes while the guest runs", source=THREAD)
def host_changed(w: World) -> bool:
    return w.the(Vm).booted and w.the(Vm).changed


@condition("vm-moved", "the VM runs on another host than it started on", source=THREAD)
def vm_moved(w: World) -> bool:
    return w.the(Vm).booted and w.the(Vm).host.index > 0
