"""What a core does with a locked access that crosses a cache line.

With SPLIT_LOCK_DETECT set the access faults with #AC before it is made, at any CPL; with the bit
clear it is made and locks the bus. The bit belongs to the core, so a write on one cpu changes it
for the sibling. The legacy alignment check needs CPL 3, CR0.AM and EFLAGS.AC and faults either
way.

Not modelled: how long the bus stays locked (a timing says that), misaligned accesses without LOCK.
Source: SDM vol. 4, MSR_TEST_CTRL; arch/x86/kernel/cpu/bus_lock.c.
"""

from __future__ import annotations

from vmlitmus.lang import KernelFile, Sdm, World
from vmlitmus.world.split_lock import Context, Cpu, Event, Vcpu, Vm

TEST_CTRL = Sdm("vol. 4, 2.1 (MSR_TEST_CTRL)")
UPDATE_MSR = KernelFile("arch/x86/kernel/cpu/bus_lock.c", "sld_update_msr()", "7.2.8")


def set_bit(cpu: Cpu) -> None:
    """sld_update_msr(true)."""
    cpu.msr.detects = True
    cpu.msr.cleared_by = None


def clear_bit(cpu: Cpu, vm: Vm) -> None:
    """sld_update_msr(false), for the sake of a VM's vcpu."""
    cpu.msr.detects = False
    cpu.msr.cleared_by = vm


def legacy_ac(vcpu: Vcpu) -> bool:
    """Say whether the access would fault without split-lock detection as well."""
    vm = vcpu.vm
    return vm.context == Context.USER and vm.cr0_am and vm.eflags_ac


def asked_for(w: World, vcpu: Vcpu) -> bool:
    """Say whether #AC is what bare metal would give: some thread of this guest's core set the bit.

    On bare metal too the bit is the core's, so what another vcpu of the VM on this core set counts.
    """
    return legacy_ac(vcpu) or any(o.sld and same_core(o, vcpu) for o in w.all(Vcpu))


def due(w: World, vcpu: Vcpu) -> bool:
    """Say whether bare metal is sure to give #AC: all threads of the guest's core set the bit."""
    return legacy_ac(vcpu) or all(o.sld or not same_core(o, vcpu) for o in w.all(Vcpu))


def same_core(one: Vcpu, other: Vcpu) -> bool:
    """Say whether two vcpus are threads of one core to their guest: not if they share a cpu."""
    if one is other:
        return True
    return one.vm is other.vm and one.home is not other.home and one.home.core is other.home.core


def lock_bus(w: World, vcpu: Vcpu) -> None:
    """The locked access is made, undetected."""
    vcpu.event = Event.LOCKED
    if vcpu.cpu is not None:
        if vcpu.cpu.msr.cleared_by is not None and vcpu.cpu.msr.cleared_by is not vcpu.vm:
            vcpu.event = Event.UNSEEN
    vcpu.missed = due(w, vcpu)
    vcpu.trying = False
    vcpu.exits = 0
    vcpu.unslowed = not vcpu.slept
    vcpu.slept = False


def slowed(vcpu: Vcpu) -> None:
    """Something makes the vcpu's thread sleep before its next split lock."""
    vcpu.slept = True
