"""What the VMM, or its manager, may change while the guest runs: pinning, cookies, the host.

Live migration carries the CPUID along. KVM of the destination sees it at KVM_SET_CPUID2 before the
vcpus run there. Pinning and cookies are of the source: whether the destination repeats them is the
manager's choice.

Not modelled: memory, time, a migration that is cancelled.
Source: sched_setaffinity(), PR_SCHED_CORE; QEMU's migration blockers.
"""

from __future__ import annotations

from vmlitmus.lang import KernelFile, Sections, World, sequence, step, when
from vmlitmus.model.kvm.smt_topology.event import CPUID, Bans, note_change, permitted
from vmlitmus.model.kvm.smt_topology.hint import Hint
from vmlitmus.model.scheduler.placement import pinned, smt_active
from vmlitmus.model.vmm.start import COOKIE, accepted, pause
from vmlitmus.world.smt_topology import Host, Layout, Vcpu, Vm

AFFINITY = KernelFile("kernel/sched/syscalls.c", "sched_setaffinity()", "7.2.8")


@step(
    "{vm}'s VMM changes the pinning of the vcpus to {layout}",
    source=AFFINITY,
    disturbance="repinning",
)
def repin(w: World, vm: Vm, layout: Layout) -> None:
    when(
        vm.booted
        and vm.idle
        and layout != vm.layout
        and layout not in (Layout.FOUND, Layout.FIRST_ONLY)
    )
    when(not vm.found or layout == Layout.FREE)
    permitted(w, w.use(Bans).repin(w))
    vm.layout = layout
    for vcpu in w.all(Vcpu):
        vcpu.loose = False
        vcpu.widened = False
        if vcpu.cpu is not None and not pinned(vcpu, vcpu.cpu):
            vcpu.running = False
    note_change(w)


@step("{vm}'s VMM removes the cookies of the vcpus", source=COOKIE, disturbance="cookies")
def untag(w: World, vm: Vm) -> None:
    when(vm.booted and vm.idle and vm.cookies and smt_active(w, vm.host))
    permitted(w, w.use(Bans).cookies(w))
    vm.cookies = False
    note_change(w)


@step("{vm}'s VMM gives the guest cores cookies", source=COOKIE, disturbance="cookies")
def tag_later(w: World, vm: Vm) -> None:
    when(vm.booted and vm.idle and not vm.cookies and smt_active(w, vm.host))
    permitted(w, w.use(Bans).cookies(w))
    vm.cookies = True
    note_change(w)


@sequence(source=CPUID, disturbance="live-migration")
def live_migrate(w: World, vm: Vm, to: Host) -> Sections:
    when(vm.booted and not vm.dead and to is not vm.host and not to.used)
    when(w.use(Hint).may_migrate(w, vm))
    when(not vm.told or accepted(w, vm, to))
    permitted(w, w.use(Bans).migrate(w))
    note_change(w)
    yield "{vm}'s CPUID passes KVM_SET_CPUID2 on {to}"
    pause(w, vm)
    for vcpu in w.all(Vcpu):
        vcpu.cpu = None
        vcpu.loose = False
        vcpu.widened = False
    yield "{vm} is stopped for migration"
    vm.host = to
    to.used = True
    if not w.part("repeat the pinning"):
        vm.layout = Layout.FREE
    if not w.part("repeat the cookies") or not smt_active(w, to):
        vm.cookies = False
    vm.paused = False
    yield "{vm} runs on {to}"
