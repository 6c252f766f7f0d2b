"""KVM_SEV_INIT makes a VM an SEV VM, while its process may already let go of memory.

7.2.8 sets sev->active first; then it looks for an ASID and has the firmware initialise the
platform, which may sleep or fail; have_run_cpus comes last. sev_guest_memory_reclaimed() holds no
lock: it reads sev->active, and then the mask. Where cpumask_var_t is a pointer
(CONFIG_CPUMASK_OFFSTACK), a mask that is not allocated is NULL. kvm->lock is held all the time.

Not modelled: SNP, whose reclaim hook returns early. create_vcpu.py has the vcpus, which are made
later.
Source: __sev_guest_init() in arch/x86/kvm/svm/sev.c.
"""

from __future__ import annotations

from enum import Enum

from vmlitmus.lang import KernelFile, Sections, World, sequence, when
from vmlitmus.model.kvm.cache_flush.context import fault_in
from vmlitmus.model.kvm.cache_flush.create_vcpu import counts_no_vcpu
from vmlitmus.world import Host, InitOrder, Role, Task, Vm

INIT = KernelFile("arch/x86/kvm/svm/sev.c", "__sev_guest_init()", "7.2.8")


class Firmware(Enum):
    """What comes of the firmware's part."""

    SUCCEEDS = "succeeds"
    FAILS = "fails"


@sequence("{task} returns from KVM_SEV_INIT", source=INIT, disturbance="init")
def sev_init(w: World, task: Task, vm: Vm, firmware: Firmware) -> Sections:
    when(vm.role == Role.OWNER and not vm.active and vm.alive and not vm.kvm_lock)
    when(not vm.has_mask)
    when(firmware == Firmware.SUCCEEDS or w.the(Host).init_fails)
    when(counts_no_vcpu(vm) or not w.part("refuse INIT once a vcpu is counted"))
    vm.kvm_lock = True
    yield "{task} takes kvm->lock of {vm} in KVM_SEV_INIT"
    if w.the(Host).init_order != InitOrder.ACTIVE_FIRST:
        vm.has_mask = True
        yield "{task} allocates have_run_cpus of {vm} first"
    if w.the(Host).init_order != InitOrder.ACTIVE_LAST:
        vm.active = True
        yield "{task} sets sev->active of {vm}"
    if firmware == Firmware.SUCCEEDS:
        vm.has_mask = True
        vm.active = True
        fault_in(vm)
        yield "{task} gets an ASID and initialises the platform; {vm} is an SEV VM"
    else:
        vm.active = False
        yield "{task} sees that the firmware has failed; {vm} is not active"
        vm.has_mask = False
    vm.kvm_lock = False
