"""What stands between a host and a change: a ban, and a guest that wants to be told first.

Every change of the host goes through ``permitted`` and is noted in ``note_change``, which is
history only. A ban is a part, so that the smallest sets of bans that keep a hint true can be
computed.
Source: the thread on KVM_HINTS_TRUSTWORTHY_SMT for re-enlightenment; bans are the question, not a
mechanism.
"""

from __future__ import annotations

from vmlitmus.claims.smt_topology.facts import THREAD
from vmlitmus.lang import Assumption, Hooks, KernelFile, World, step, when
from vmlitmus.model.guest.smt_policy import GuestPolicy
from vmlitmus.world.smt_topology import Host, Vm

CPUID = KernelFile("arch/x86/kvm/cpuid.c", "kvm_set_cpuid()", "7.2.8")


class Bans(Hooks):
    """Nothing is forbidden."""

    def smt_control(self, w: World) -> bool:
        """Root may write to smt/control."""
        return True

    def hotplug(self, w: World) -> bool:
        """Root may take a cpu offline and bring it back."""
        return True

    def repin(self, w: World) -> bool:
        """The VMM may pin vcpus elsewhere."""
        return True

    def cookies(self, w: World) -> bool:
        """The VMM may set or remove cookies."""
        return True

    def migrate(self, w: World) -> bool:
        """The VM may be migrated to another host."""
        return True

    def lie(self, w: World) -> bool:
        """The VMM may claim what it has not found out."""
        return True

    def hibernate(self, w: World) -> bool:
        """The host may be hibernated."""
        return True

    def load_driver(self, w: World) -> bool:
        """The processor driver may be loaded, as a module."""
        return True

    def cpuset(self, w: World) -> bool:
        """Root may change the cpuset of a cgroup."""
        return True

    def start_vm(self, w: World) -> bool:
        """Another VM may be started."""
        return True

    def plug(self, w: World) -> bool:
        """The VMM may plug a vcpu."""
        return True


class Banned(Bans):
    """Everything is forbidden, one part each."""

    def smt_control(self, w: World) -> bool:
        return not w.part("forbid smt/control")

    def hotplug(self, w: World) -> bool:
        return not w.part("forbid cpu hotplug")

    def repin(self, w: World) -> bool:
        return not w.part("forbid repinning")

    def cookies(self, w: World) -> bool:
        return not w.part("forbid changing cookies")

    def migrate(self, w: World) -> bool:
        return not w.part("forbid live migration")

    def lie(self, w: World) -> bool:
        return not w.part("forbid lying")

    def hibernate(self, w: World) -> bool:
        return not w.part("forbid hibernation")

    def load_driver(self, w: World) -> bool:
        return not w.part("forbid loading the processor driver")


class OnceStarted(Bans):
    """Nobody writes to smt/control once KVM has seen the CPUID."""

    def smt_control(self, w: World) -> bool:
        return not any(vm.booted for vm in w.all(Vm))


class Reenlightenment(Hooks):
    """As proposed in the patch: none; a guest reads the hint once."""

    def may_change(self, w: World, vm: Vm) -> bool:
        """Whether the host may change something now."""
        return True

    def may_announce(self, w: World, vm: Vm) -> bool:
        """Whether the host may announce to the guest that the fact ends."""
        return False


class TellsAfter(Reenlightenment):
    """The host changes, then tells the guest."""

    def may_announce(self, w: World, vm: Vm) -> bool:
        return vm.changed


class TellsBefore(Reenlightenment):
    """The host announces a change and waits until the guest has answered."""

    def may_change(self, w: World, vm: Vm) -> bool:
        return vm.acknowledged or not vm.booted or not vm.told

    def may_announce(self, w: World, vm: Vm) -> bool:
        return True


def permitted(w: World, allowed: bool) -> None:
    """Guard of every change: no ban, nobody frozen, and no guest that must be told first."""
    when(allowed and not any(host.frozen for host in w.all(Host)))
    when(all(w.use(Reenlightenment).may_change(w, vm) for vm in w.all(Vm)))


def note_change(w: World) -> None:
    """History: from the moment at which the hint is decided, the host is not what it was."""
    for vm in w.all(Vm):
        if vm.booted or not vm.idle:
            vm.changed = True


@step("{vm} is told by the host that the hint ends", source=THREAD)
def announce(w: World, vm: Vm) -> None:
    when(vm.booted and vm.told and not vm.announced)
    when(w.use(Reenlightenment).may_announce(w, vm))
    vm.announced = True


ACKS = Assumption(
    "guest-acknowledges",
    "a guest that is told that its topology becomes fake does answer; nothing obliges it to",
    settled_by="a protocol for it: there is none",
)


@step("{vm}'s guest acts on the announcement and acknowledges it", source=(THREAD, ACKS))
def acknowledge(w: World, vm: Vm) -> None:
    when(vm.announced and not vm.acknowledged and bool(w.assume(ACKS)))
    vm.acknowledged = True
    vm.bit = vm.inverted
    w.use(GuestPolicy).decide(w, vm)
