"""The model of the topic cache-flush: everything put together, and set up for a scenario."""

from __future__ import annotations

from vmlitmus.claims.cache_flush import CONDITIONS
from vmlitmus.lang import Model, Settings, Setup, choice, flag, mechanism, number, release
from vmlitmus.model.guest.memory import guest_read, guest_write
from vmlitmus.model.hardware.cache import evict, evict_host_line
from vmlitmus.model.hardware.hotplug import (
    CpusReadLock,
    DyingWriteback,
    HotplugCover,
    LateDeath,
    OfflineCallback,
    come_online,
    drain,
    leave_online_mask,
    play_dead,
)
from vmlitmus.model.kvm.cache_flush.context import copy_context, move_context
from vmlitmus.model.kvm.cache_flush.create_vcpu import create_vcpu
from vmlitmus.model.kvm.cache_flush.destroy import (
    deactivate_other,
    destroy,
    free_other,
    give_page,
    recycle_asid,
)
from vmlitmus.model.kvm.cache_flush.init import sev_init
from vmlitmus.model.kvm.cache_flush.kexec import kexec, seamcall, stop_this_cpu
from vmlitmus.model.kvm.cache_flush.launch import launch_update
from vmlitmus.model.kvm.cache_flush.policies import POLICIES
from vmlitmus.model.kvm.cache_flush.policy import (
    FlushPolicy,
    Mark,
    ReadModifyWrite,
    TestThenSet,
    handle_write_back,
)
from vmlitmus.model.kvm.cache_flush.reclaim import (
    LAST_UNMAP_FREES,
    gmem_invalidate,
    reclaim,
    unregister_region,
)
from vmlitmus.model.kvm.cache_flush.stop_wait import GivesUp, OnlineCount, StopWait
from vmlitmus.model.kvm.cache_flush.versions import FIXES, READ, VERSIONS
from vmlitmus.model.kvm.guest_wbinvd import guest_wbinvd
from vmlitmus.model.kvm.vcpu import enter_guest, vcpu_load, vcpu_migrate, vcpu_put
from vmlitmus.model.vmm.reuse import dma_reuse, host_reuse
from vmlitmus.world import (
    Calls,
    CopyOrder,
    Core,
    Cpu,
    Device,
    GuestWbinvd,
    Host,
    InitOrder,
    MoveFlush,
    Owner,
    Page,
    PageKind,
    ReclaimFlush,
    Role,
    SeamcallMark,
    Task,
    TdxFlush,
    Vcpu,
    Vm,
    VmKind,
    Writeback,
)

MARKS = {"atomic": Mark, "test-then-set": TestThenSet, "read-modify-write": ReadModifyWrite}
PLACES_RECLAIM = tuple(place.value for place in ReclaimFlush)
PLACES_MOVE = tuple(place.value for place in MoveFlush)
INIT_ORDERS = tuple(order.value for order in InitOrder)
COPY_ORDERS = tuple(order.value for order in CopyOrder)
CALLS = tuple(calls.value for calls in Calls)
COVERS = {
    "as-merged": HotplugCover,
    "dying-writeback": DyingWriteback,
    "offline-callback": OfflineCallback,
    "cpus-read-lock": CpusReadLock,
    "cpus-read-lock-late-death": LateDeath,
}


STOP_WAITS = {"stop-mask": StopWait, "online-count": OnlineCount, "gives-up": GivesUp}


def populate(make: Setup, s: Settings) -> None:
    """Make the entities of a scenario; all VMs share the ASID and the pages of the first."""
    machine = s["machine"]
    make(
        Host,
        sme_coherent=machine["sme_coherent"],
        interrupts_first=machine["interrupts"] == "first",
        writeback=Writeback(s["kvm"]["writeback"]),
        clean_lines=machine["clean_lines"],
        recycles_asid=any(vm["role"] == "successor" for vm in s.lists["vm"]),
        racing_vmm=s["vmm"]["racing"],
        reclaim_flush=ReclaimFlush(s["kvm"]["reclaim_flush"]),
        move_flush=MoveFlush(s["kvm"]["move_flush"]),
        init_order=InitOrder(s["kvm"]["init_order"]),
        init_fails=machine["init_fails"],
        copy_order=CopyOrder(s["kvm"]["copy_order"]),
        sme_active=machine["sme_active"],
        kexec_asks_sme=s["kvm"]["kexec_wbinvd"] == "if-sme-active",
        seamcall_mark=SeamcallMark(s["kvm"]["seamcall_mark"]),
        tdx_flush=TdxFlush(s["kvm"]["tdx_flush"]),
        noncoherent_dma=machine["noncoherent_dma"],
        guest_wbinvd=GuestWbinvd(s["kvm"]["guest_wbinvd"]),
        context_calls=Calls(machine["context_calls"]),
        create_calls=Calls(machine["create_calls"]),
    )
    for _ in range(machine["cores"]):
        core = make(Core)
        for _ in range(machine["threads_per_core"]):
            make(Cpu, core=core, incoherent=not machine["tdx"])
    first = s.lists["vm"][0]
    kind = PageKind.GMEM if first["kind"] == "snp" else PageKind.MEMORY
    owner = Owner.GUEST if first["launched"] else Owner.HOST
    pages = [
        make(Page, kind=kind, owner=owner, pinned=first["registered"])
        for _ in range(first["pages"])
    ]
    for vm in s.lists["vm"]:
        make_vm(make, vm, pages)
    for _ in range(machine["tasks"]):
        make(Task)
    make(Device)


def make_vm(make: Setup, wanted: object, pages: list[Page]) -> None:
    """Make one VM with its vcpus, each on the next cpu; only the first is SEV from the start."""
    assert isinstance(wanted, dict)
    role = Role(wanted["role"])
    first = role is Role.OWNER
    mapped = first and wanted["launched"] and wanted["memslot"] and wanted["initialised"]
    vm = make(
        Vm,
        kind=VmKind(wanted["kind"]),
        role=role,
        active=first and wanted["initialised"],
        mm=int(wanted["own_mm"] or role is Role.SUCCESSOR),
        newer=not first and not wanted["created_first"],
        memslot=wanted["memslot"],
        hook=wanted["reclaim_hook"],
        has_mask=(first and wanted["initialised"]) or role is Role.SUCCESSOR,
        has=() if role is Role.SUCCESSOR else pages,
        mapped=pages if mapped else (),
    )
    for _ in range(wanted["vcpus"]):
        vmsa = None
        if wanted["vmsa"] and vm.kind is not VmKind.SEV:
            vmsa = make(Page, kind=PageKind.VMSA)
        cpus = make.made(Cpu)
        make(Vcpu, vm=vm, home=cpus[len(make.made(Vcpu)) % len(cpus)], vmsa=vmsa)


MODEL = Model(
    name="cache-flush",
    doc="When must KVM write back the caches of cpus that ran an SEV guest?",
    entities=(Host, Core, Cpu, Page, Vm, Vcpu, Task, Device),
    steps=(
        guest_write,
        guest_read,
        vcpu_load,
        vcpu_migrate,
        vcpu_put,
        enter_guest,
        evict,
        evict_host_line,
        drain,
        leave_online_mask,
        play_dead,
        come_online,
        handle_write_back,
        reclaim,
        unregister_region,
        gmem_invalidate,
        destroy,
        recycle_asid,
        deactivate_other,
        free_other,
        give_page,
        move_context,
        copy_context,
        launch_update,
        sev_init,
        create_vcpu,
        host_reuse,
        dma_reuse,
        kexec,
        stop_this_cpu,
        seamcall,
        guest_wbinvd,
    ),
    conditions=CONDITIONS,
    fixes=FIXES,
    versions=VERSIONS,
    read=READ,
    hooks={FlushPolicy: POLICIES, Mark: MARKS, HotplugCover: COVERS, StopWait: STOP_WAITS},
    assumptions=(LAST_UNMAP_FREES,),
    settings={
        "machine": {
            "cores": number(1, 4, default=2, doc="physical cores", in_time=256),
            "threads_per_core": number(1, 4, default=1, doc="cpus of a core"),
            "tasks": number(1, 3, default=1, doc="host tasks that reclaim, unregister and destroy"),
            "sme_coherent": flag(
                default=False,
                doc="SME_COHERENT: CLFLUSH and cpu accesses reach guest-tagged lines; DMA does not",
            ),
            "interrupts": choice(
                "any-time",
                "first",
                default="any-time",
                doc="when an IPI is taken: at any time, or before all else on its cpu",
            ),
            "clean_lines": flag(
                default=False, doc="follow clean lines of guests too, for stale reads"
            ),
            "sme_active": flag(default=True, doc="the kernel itself uses SME (mem_encrypt=on)"),
            "tdx": flag(default=False, doc="TDX: SEAMCALLs dirty caches, and mark their cpus"),
            "noncoherent_dma": flag(
                default=False, doc="a device that does not snoop caches is assigned to the VM"
            ),
            "init_fails": flag(default=False, doc="the firmware may fail during KVM_SEV_INIT"),
            "context_calls": choice(*CALLS, default="succeed", doc="what comes of MOVE and COPY"),
            "create_calls": choice(*CALLS, default="succeed", doc="what comes of KVM_CREATE_VCPU"),
        },
        "kvm": {
            "cache_flush": mechanism(
                FlushPolicy,
                default="ever-ran",
                doc="which cpus a flush goes to, and who marks them",
            ),
            "hotplug": mechanism(
                HotplugCover,
                default="as-merged",
                doc="what a cpu that goes offline does about its dirty lines",
            ),
            "mark": mechanism(
                Mark,
                default="atomic",
                doc="how a cpu is marked in the mask: in one step or in several",
            ),
            "reclaim_flush": choice(
                *PLACES_RECLAIM,
                default="after-wait",
                doc="where among the steps of the reclaim notifier the flush is",
            ),
            "move_flush": choice(
                *PLACES_MOVE,
                default="under-locks",
                doc="where among the steps of MOVE the flush is",
            ),
            "init_order": choice(
                *INIT_ORDERS,
                default="active-first",
                doc="when KVM_SEV_INIT allocates have_run_cpus and when it sets sev->active",
            ),
            "copy_order": choice(
                *COPY_ORDERS,
                default="mask-first",
                doc="when COPY sets sev->active of the mirror, and whether a call that fails "
                "clears it again",
            ),
            "version": release(default="7.2.8", doc="the kernel version, as far as kexec goes"),
            "kexec_wait": mechanism(
                StopWait, default="stop-mask", doc="when kexec takes another cpu for stopped"
            ),
            "kexec_wbinvd": choice(
                "by-version",
                "by-mark",
                "if-sme-active",
                default="by-version",
                doc="what decides about the WBINVD of the cpu that executes kexec: the version; "
                "by-mark is the same, and if-sme-active what 6.12.107 does",
            ),
            "seamcall_mark": choice(
                *(m.value for m in SeamcallMark),
                default="before",
                doc="when a SEAMCALL sets cache_state_incoherent",
            ),
            "tdx_flush": choice(
                *(f.value for f in TdxFlush),
                default="none",
                doc="when all caches are written back on the way to kexec, for TDX",
            ),
            "guest_wbinvd": choice(
                *(how.value for how in GuestWbinvd),
                default="as-merged",
                doc="what becomes of the mask of a vcpu whose guest has executed WBINVD",
            ),
            "writeback": choice(
                "wbinvd",
                "wbnoinvd",
                default="wbnoinvd",
                doc="the instruction that KVM uses where a write-back is enough",
            ),
        },
        "vmm": {
            "racing": flag(
                default=False, doc="the VMM unregisters memory that its guest still uses"
            )
        },
    },
    lists={
        "vm": {
            "kind": choice(
                "sev",
                "sev-es",
                "snp",
                default="sev",
                doc="what protects the memory and the registers",
            ),
            "role": choice(
                "owner",
                "mirror",
                "target",
                "successor",
                default="owner",
                doc="what the VM is to the first one, whose ASID and pages all of them use",
            ),
            "vcpus": number(0, 3, default=1, doc="vcpus of the VM", in_time=512),
            "pages": number(
                1, 3, default=1, doc="pages that the first VM begins with", in_time=512
            ),
            "registered": flag(
                default=False, doc="the pages are pinned by KVM_MEMORY_ENCRYPT_REG_REGION"
            ),
            "launched": flag(
                default=True, doc="false: the pages are the host's until the firmware encrypts them"
            ),
            "vmsa": flag(default=False, doc="each vcpu has a VMSA page that KVM allocated"),
            "own_mm": flag(
                default=False, doc="the VM's memslots point to another mm than the first one's"
            ),
            "created_first": flag(
                default=False,
                doc="created before the first VM: its notifier is called after the first's",
            ),
            "memslot": flag(default=True, doc="some memslot of the VM covers the pages"),
            "reclaim_hook": flag(
                default=True, doc="the VM's kernel code has kvm_arch_guest_memory_reclaimed()"
            ),
            "initialised": flag(
                default=True, doc="KVM_SEV_INIT has succeeded; false: it is still to come"
            ),
        }
    },
    setup=populate,
    further={"vm": ({"role": "mirror"}, {"role": "target"})},
)
