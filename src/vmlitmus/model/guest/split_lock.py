"""What a guest kernel does with split locks: a Linux of 5.7 or later, or one without the code.

off, warn and fatal are split_lock_detect= of the guest kernel. Its user-mode handler looks only
for EFLAGS.AC and for fatal: in warn it clears the bit, retries, and sets the bit again at the
next context switch; in off, where no #AC was expected, it does just the same. #AC in kernel mode
is die(). A kernel without the code sends SIGBUS, or dies.

Not modelled: what the guest prints. Source: handle_user_split_lock() in
arch/x86/kernel/cpu/intel.c (Linux 5.7), exc_alignment_check() in arch/x86/kernel/traps.c.
"""

from __future__ import annotations

from vmlitmus.lang import KernelFile, World, step, when
from vmlitmus.model.hardware.split_lock import asked_for, legacy_ac
from vmlitmus.model.kvm.split_lock.policy import AcPolicy
from vmlitmus.world.split_lock import Context, Event, ForcedOn, GuestMode, Host, HostMode, Vcpu, Vm

USER_HANDLER = KernelFile("arch/x86/kernel/cpu/bus_lock.c", "handle_user_split_lock()", "7.2.8")
SWITCH = KernelFile("arch/x86/kernel/cpu/intel.c", "switch_to_sld()", "5.7, not read")


def forced_on(host: Host, vm: Vm) -> ForcedOn:
    """Return what the guest sees of FORCED_ON: a host that is off does not show it.

    The bit is CPUID of one VM; the neighbour's VM is not shown it either.
    """
    if host.mode == HostMode.OFF or vm.neighbour:
        return ForcedOn.ABSENT
    if host.forced_on == ForcedOn.ACKNOWLEDGED and vm.guest == GuestMode.UNAWARE:
        return ForcedOn.SET
    return host.forced_on


def guest_wants(host: Host, vm: Vm) -> GuestMode:
    """Return the mode that the guest kernel ends up in, given what its CPUID shows.

    Without the feature a kernel that knows split locks is off; one that acknowledged FORCED_ON is
    fatal. UNAWARE stays what it is.
    """
    if vm.guest == GuestMode.UNAWARE:
        return vm.guest
    if forced_on(host, vm) == ForcedOn.ACKNOWLEDGED:
        return GuestMode.FATAL
    return vm.guest if host.advertise else GuestMode.OFF


def deliver_ac(w: World, vcpu: Vcpu) -> None:
    """#AC arrives in the guest; its handler runs to the end."""
    vcpu.event = Event.GUEST_AC if asked_for(w, vcpu) else Event.UNASKED_AC
    mode = guest_wants(w.the(Host), vcpu.vm)
    if vcpu.vm.context == Context.KERNEL:
        vcpu.vm.crashed = True
        vcpu.trying = False
    elif legacy_ac(vcpu) or mode == GuestMode.UNAWARE or mode == GuestMode.FATAL:
        vcpu.trying = False
    else:
        vcpu.sld = False


@step("the guest kernel on {vcpu} switches tasks and sets its bit again", source=SWITCH)
def guest_switches_task(w: World, vcpu: Vcpu) -> None:
    when(guest_wants(w.the(Host), vcpu.vm) == GuestMode.WARN)
    when(vcpu.idle and vcpu.cpu is not None and not vcpu.sld and not vcpu.stopped)
    when(vcpu.booted)
    vcpu.sld = True
    w.use(AcPolicy).on_wrmsr(w, vcpu)


@step("the guest kernel on {vcpu} boots and sets its bit", source=SWITCH, disturbance="guest-boot")
def guest_sets_bit(w: World, vcpu: Vcpu) -> None:
    when(vcpu.idle and vcpu.cpu is not None and not vcpu.booted)
    vcpu.booted = True
    vcpu.sld = guest_wants(w.the(Host), vcpu.vm) in (GuestMode.WARN, GuestMode.FATAL)
    w.use(AcPolicy).on_wrmsr(w, vcpu)


@step("{vcpu}'s guest stops using split locks", source=USER_HANDLER, disturbance="stopping")
def stop(w: World, vcpu: Vcpu) -> None:
    when(vcpu.idle and not vcpu.stopped)
    vcpu.stopped = True
    vcpu.trying = False
