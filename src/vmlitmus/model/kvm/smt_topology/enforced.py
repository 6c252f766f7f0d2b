"""KVM_FEATURE_NO_SMT: KVM lets userspace set it only where SMT is off.

"Off" may mean impossible (cpu_smt_possible() is false) or off at the moment (sched_smt_active() is
false); KVM may also keep SMT off from then on.
Source: reply of 2019-11-05 in the thread on KVM_HINTS_TRUSTWORTHY_SMT; nothing of it was merged.
"""

from __future__ import annotations

from vmlitmus.lang import World
from vmlitmus.model.kvm.smt_topology.hint import Hint, smt_possible
from vmlitmus.model.scheduler.placement import smt_active
from vmlitmus.world.smt_topology import Fact, Host, Vm


class NoSmt(Hint):
    """Set if and only if SMT is impossible on this host."""

    SAYS = Fact.NO_SMT

    def kvm_reports(self, w: World, host: Host) -> bool:
        return not smt_possible(host)

    def vmm_claims(self, w: World, vm: Vm, reported: bool) -> bool:
        return reported

    def kvm_accepts(self, w: World, host: Host) -> bool:
        return not smt_possible(host)


class NoSmtNow(NoSmt):
    """Set if and only if no core has two cpus online at that moment."""

    def kvm_reports(self, w: World, host: Host) -> bool:
        return not smt_active(w, host)

    def kvm_accepts(self, w: World, host: Host) -> bool:
        return not smt_active(w, host)


class NoSmtHeld(NoSmtNow):
    """The same, and kvm_online_cpu() lets no cpu come online while the VM exists."""

    def lets_smt_on(self, w: World, host: Host) -> bool:
        return not any(vm.bit and vm.host is host for vm in w.all(Vm))
