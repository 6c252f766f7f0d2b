"""Virtual machines and their vcpus."""

from __future__ import annotations

from enum import Enum
from typing import Annotated

from vmlitmus.lang import Between, Const, Entity, Set
from vmlitmus.world.cpu import Cpu
from vmlitmus.world.memory import Page


class VmKind(Enum):
    """What protects a VM's memory and registers."""

    SEV = "sev"
    SEV_ES = "sev-es"
    SNP = "snp"


class Role(Enum):
    """What a VM is to the first one; all of them use the first one's ASID and pages."""

    OWNER = "owner"
    MIRROR = "mirror"  # made by KVM_CAP_VM_COPY_ENC_CONTEXT_FROM
    TARGET = "target"  # made by KVM_CAP_VM_MOVE_ENC_CONTEXT_FROM
    SUCCESSOR = "successor"  # gets the ASID after the first one is gone


class Vm(Entity):
    """A VM as KVM sees it."""

    kind: Const[VmKind]
    role: Const[Role] = Role.OWNER
    active: bool = True  # sev->active: KVM treats the VM as SEV
    alive: bool = True
    locked: bool = False  # an ioctl holds all vcpu mutexes
    kvm_lock: bool = False  # an ioctl holds kvm->lock
    mmu_lock: bool = False  # a notifier, or guest_memfd, zaps SPTEs and waits for the TLB flush
    mm: Const[Annotated[int, Between(0, 1)]] = 0  # whose mappings its memslots point to
    newer: Const[bool] = False  # created after the first VM: its notifier is called earlier
    memslot: Const[bool] = True  # some memslot covers the pages
    hook: Const[bool] = True  # its kernel code has kvm_arch_guest_memory_reclaimed()
    notified: bool = True  # its mmu_notifier is registered
    invalidating: Set[Page]  # pages between range_start and range_end: not faulted in
    has: Set[Page]  # pages that are still in those mappings
    mapped: Set[Page]  # pages with a present SPTE
    have_run: Set[Cpu]  # have_run_cpus
    has_mask: bool = True  # have_run_cpus is allocated
    creating: bool = False  # created_vcpus counts a vcpu that online_vcpus does not count yet
    created: bool = False  # KVM_CREATE_VCPU has returned for that vcpu
    plain_vcpu: bool = False  # it was set up while the VM was no SEV VM


class Vcpu(Entity, runs_on="cpu"):
    """A vcpu. ``in_guest`` is vcpu->mode != OUTSIDE_GUEST_MODE; IRQs are off on its cpu then."""

    vm: Const[Vm]
    home: Const[Cpu]  # where it is loaded without migration
    vmsa: Const[Page | None] = None
    cpu: Cpu | None = None  # vcpu_load() .. vcpu_put()
    last_cpu: Cpu | None = None  # where it last ran
    in_guest: bool = False
    running: bool = False  # between VMRUN and #VMEXIT
    alive: bool = True
    tlb: Set[Page]  # translations that may be cached
    saw_stale: bool = False  # read a line that another guest left behind
    wbinvd_mask: Set[Cpu]  # wbinvd_dirty_mask
    preemptible: bool = False  # in kvm_emulate_wbinvd_noskip(), after put_cpu()
    wrote: Set[Cpu]  # where it has written, and nothing has been written back since
    fell_short: bool = False  # a WBINVD of its guest did not reach one of them
