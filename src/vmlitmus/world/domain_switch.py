"""What one domain leaves in a cpu for the next: predictions, L1D, buffers; and who clears it."""

from __future__ import annotations

from enum import Enum
from typing import Annotated

from vmlitmus.lang import Between, Const, Entity, Set
from vmlitmus.world.cpu import Core


class Rank(Enum):
    """What a domain is; each is controlled by those above it in the same tenant."""

    KERNEL = "the host kernel"
    USER = "a process of the host, such as a VMM"
    GUEST = "a guest, or an L1 hypervisor"
    NESTED = "L2"


class Follow(Enum):
    """Which state of the cpus a scenario follows; the others are left out."""

    PREDICTIONS = "predictions"  # of indirect branches
    L1D = "l1d"
    BUFFERS = "buffers"  # of loads, stores and line fills: MDS, TSA, MMIO stale data
    RETURNS = "returns"  # predictions of returns, CVE-2022-27672
    NOTHING = "nothing"  # only who runs beside whom


class Mode(Enum):
    """Where a thread is."""

    OUT = "out"  # in the kernel, on its way to user mode
    USER = "user"
    LOADED = "loaded"  # a vcpu in KVM_RUN, vcpu_load() done whenever it is on a cpu
    ENTERING = "entering"  # IRQs off, before VM entry
    GUEST = "guest"


class Stibp(Enum):
    """spectre_v2_user= as far as siblings are concerned."""

    OFF = "off"
    PRCTL = "prctl"  # for tasks that have TIF_SPEC_IB
    STRICT = "strict"  # for all, while SMT is active


class MmioMark(Enum):
    """What has_mapped_host_mmio belongs to, and who waits."""

    MERGED = "as-merged"  # a root; who finds it set does not wait
    WAITS = "waits-always"
    VM = "of-the-vm"


class Domain(Entity):
    """Code whose secrets are its own. Tenant 0 is the host."""

    rank: Const[Rank]
    tenant: Const[Annotated[int, Between(0, 3)]]
    opted: Const[bool] = False  # asked for a flush of L1D after it


def harms(one: Domain, other: Domain) -> bool:
    """Say whether the second must be kept from the first."""
    if one.tenant != other.tenant:
        return one.rank != Rank.KERNEL
    if one.rank == other.rank:
        return one is not other
    if one.rank == Rank.NESTED:
        return True
    return one.rank == Rank.GUEST and other.rank == Rank.USER


class KernelObject(Entity):
    """A piece of kernel memory that may hold a vcpu, a VMCB or a VMCS, one after the other."""

    vcpu: Const[bool] = False  # for a struct kvm_vcpu; otherwise a page for a VMCB or VMCS
    free: bool = False


class Host(Entity):
    """The host: its hardware, its command line, and the marks that are for all cpus."""

    follow: Const[Follow]
    amd: Const[bool] = False
    mmio_only: Const[bool] = False  # VERW is owed only to guests that reach MMIO
    shadow_paging: Const[bool] = False  # roots share the tables below them
    mmio_mark: Const[MmioMark] = MmioMark.MERGED
    guest_predictions_apart: Const[bool] = True  # eIBRS: host and guest do not steer each other
    same_mode_ibrs: Const[bool] = False  # AMD_IBRS_SAME_MODE: IBRS keeps L2 from L1 too
    counts_auto: Const[bool] = False  # a nested VM exit looks whether L1 has Automatic IBRS too
    svm_leave_clears: Const[bool] = False  # svm_leave_nested() does as nested_svm_vmexit()
    stibp: Const[Stibp] = Stibp.OFF
    stibp_in_guest: Const[bool] = False  # the host's STIBP stays on in guests (V_SPEC_CTRL)
    smt_active: bool = True  # sched_smt_active()
    base_stibp: bool = True  # STIBP in x86_spec_ctrl_base
    cond_stibp: bool = True  # switch_to_cond_stibp
    clears: Const[bool] = True  # the mitigations ask for VERW before idle while SMT is active
    idle_clear: bool = True  # cpu_buf_idle_clear


class Cpu(Entity, runs_on="self"):
    """A hardware thread: what was left in it, and the marks that decide what is cleared."""

    core: Const[Core]
    online: bool = True
    running: Domain | None = None  # whose code it executes, if not the kernel's
    trained: Set[Domain]  # who can steer it by what they did on this thread
    l1d: Set[Domain]  # whose data is in the part of L1D that this thread filled
    buffers: Set[Domain]  # whose data is in the buffers that this thread uses
    returns: Set[Domain]  # whose return predictions it may consume
    busy: bool = False  # in a handler of the host
    mark: KernelObject | None = None  # last_vcpu, current_vmcb or current_vmcs
    l1tf_flush: bool = False  # irq_stat.kvm_cpu_l1tf_flush_l1d
    exit_ibpb: bool = False  # x86_ibpb_exit_to_user
    owes_ibpb: bool = False  # an IBPB that is put off, of a proposal that keeps it by cpu
    last_mm: Domain | None = None  # cpu_tlbstate.last_user_mm_spec
    last_ib: bool = False  # its bit LAST_USER_MM_IBPB
    last_l1d: bool = False  # its bit LAST_USER_MM_L1D_FLUSH
    stibp: bool = False  # STIBP in its SPEC_CTRL
    last_tif: bool = False  # TIF_SPEC_IB of the thread that it switched to last
    resched: bool = False  # the core-wide pick has sent it a reschedule IPI
    flushed: bool = False  # it has executed an IBPB
    needless: bool = False  # its last IBPB, not the first, had nothing to clear


def beside(cpu: Cpu, other: Cpu) -> bool:
    """Say whether two cpus are threads of one core, and the other is online."""
    return other is not cpu and other.core is cpu.core and other.online


class Vm(Entity):
    """A VM, whose VMM is a process of the host."""

    user: Const[Domain]  # the VMM
    cookie: Const[Annotated[int, Between(0, 3)]] = 0  # of its threads; 0: none
    asks_ibrs: Const[bool] = True  # IBRS is advertised to it
    auto_ibrs: Const[bool] = False  # Automatic IBRS is advertised to it
    stibp: Const[bool] = False  # its kernel sets STIBP, or IBRS where that implies it
    esmtp: Const[bool] = False  # Enhanced SMT Protection
    owns_hlt: Const[bool] = False  # HLT exits are disabled (KVM_CAP_X86_DISABLE_EXITS)
    has_device: Const[bool] = False  # a device is assigned to it: its BARs are host MMIO
    successor: Const[bool] = False  # created when another VM is gone
    reaches_mmio: bool = False  # an SPTE for host MMIO is in place


class Vcpu(Entity, runs_on="cpu"):
    """A vcpu and its thread."""

    vm: Const[Vm]
    home: Const[Cpu]
    l1: Const[Domain]
    l2: Const[Domain | None] = None
    l1_other: Const[Domain | None] = None  # a second process of the guest
    spec_ib: Const[bool] = False  # TIF_SPEC_IB of its thread
    cpu: Cpu | None = None
    mode: Mode = Mode.LOADED
    nested: bool = False  # L2 is what runs next
    in_smm: bool = False  # an SMI has taken it out of L2
    runs_other: bool = False  # the second process is what runs in the guest
    last: Cpu | None = None  # where it was loaded last, if a mechanism asks
    l1d_last: Cpu | None = None  # the same for the L1D flush
    alive: bool = True
    object: KernelObject | None = None  # struct kvm_vcpu
    vmcb01: KernelObject | None = None  # for VMX: VMCS
    vmcb02: KernelObject | None = None
    need_ibpb: bool = False  # of the proposal to put IBPBs off
    user_ibpb: bool = False  # of an approach that marks the task instead of the cpu
    handling: bool = False  # an exit handler that may touch secrets runs
    mapping: bool = False  # holds mmu_lock in a fault on MMIO
    mmio_marked: bool = False  # has_mapped_host_mmio of its root
    verw: bool = False  # its entry has seen that mark
    awaits: Set[Vcpu]  # who has to leave the guest before it goes on
    halted: bool = False  # the guest has executed HLT, without an exit

    @property
    def domain(self) -> Domain:
        """The domain that runs in the guest next."""
        if self.nested and self.l2 is not None:
            return self.l2
        return self.l1_other if self.runs_other and self.l1_other is not None else self.l1

    @property
    def vmcb(self) -> KernelObject | None:
        """svm->vmcb, or vmx->loaded_vmcs."""
        return self.vmcb02 if self.nested else self.vmcb01


class Task(Entity, runs_on="cpu"):
    """A thread of another process of the host."""

    domain: Const[Domain]
    mm: Const[Domain]  # its process: the domain of its first thread
    home: Const[Cpu]
    cookie: Const[Annotated[int, Between(0, 3)]] = 0
    spec_ib: Const[bool] = False  # TIF_SPEC_IB
    spec_l1d: Const[bool] = False  # TIF_SPEC_L1D_FLUSH
    cpu: Cpu | None = None
    mode: Mode = Mode.OUT
    kill: bool = False  # l1d_flush_kill is queued
    dead: bool = False
