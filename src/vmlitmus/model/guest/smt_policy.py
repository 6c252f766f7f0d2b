"""What a guest does about SMT, given what it believes about its topology.

Two guest tasks that distrust each other run on different vcpus. A policy decides at boot whether
keeping them apart rests on the topology, and which vcpus may run when.

Not modelled: windows inside the guest's own scheduler, cross-thread attacks themselves.
Source: cpu_smt_update() and nosmt in a Linux guest; the patch of KVM_HINTS_TRUSTWORTHY_SMT.
"""

from __future__ import annotations

from vmlitmus.lang import Hooks, World
from vmlitmus.world.smt_topology import Vcpu, Vm


class GuestPolicy(Hooks):
    """Nothing: siblings share a core, and the guest knows it."""

    def decide(self, w: World, vm: Vm) -> None:
        """The guest boots, or has learnt that it may no longer believe its topology."""

    def runs(self, w: World, vcpu: Vcpu) -> bool:
        """Say whether the guest has the vcpu run its task now."""
        return True


def one_vcpu_a_core(w: World, vm: Vm) -> None:
    """The guest takes the second vcpu of each of its cores offline, where it can believe them."""
    vm.relies = vm.believes
    for vcpu in w.all(Vcpu):
        vcpu.parked = vm.believes and vm.threads == 2 and vcpu.number % 2 == 1


class SmtOff(GuestPolicy):
    """nosmt in the guest: one vcpu of each of its cores, where the topology can be believed."""

    def decide(self, w: World, vm: Vm) -> None:
        one_vcpu_a_core(w, vm)


class GuestCoreScheduling(GuestPolicy):
    """Core scheduling in the guest: tasks that distrust each other never on two siblings."""

    def decide(self, w: World, vm: Vm) -> None:
        vm.relies = vm.believes

    def runs(self, w: World, vcpu: Vcpu) -> bool:
        if not vcpu.vm.relies or vcpu.vm.threads == 1:
            return True
        return not any(other.running for other in w.all(Vcpu) if other is not vcpu)


class Suicidal(SmtOff):
    """nosmt, and the guest stops when it learns that its topology becomes fake."""

    def decide(self, w: World, vm: Vm) -> None:
        one_vcpu_a_core(w, vm)
        if vm.announced:
            vm.dead = True
            for vcpu in w.all(Vcpu):
                vcpu.running = False


class AlwaysStibp(GuestPolicy):
    """STIBP always on, whatever the topology: the predictors are apart, nothing else is."""

    def decide(self, w: World, vm: Vm) -> None:
        vm.stibp = True
