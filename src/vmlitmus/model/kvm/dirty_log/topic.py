"""The topic dirty-log: can a live migration lose a page that the guest has written?

Logging is on at the start and every page was sent, or logging is off and the SPTEs are writable.
"""

from __future__ import annotations

from vmlitmus.claims.dirty_log import CONDITIONS
from vmlitmus.lang import Model, Settings, Setup, choice, flag, number, release
from vmlitmus.model.kvm.dirty_log.creation import create_vcpu
from vmlitmus.model.kvm.dirty_log.fault import page_fault, prefault
from vmlitmus.model.kvm.dirty_log.kvm_write import (
    emulate_atomic,
    emulate_string,
    kvm_write,
    schedule_out,
)
from vmlitmus.model.kvm.dirty_log.memslot import start_logging, stop_logging, zap
from vmlitmus.model.kvm.dirty_log.migration import migration_round, stop_vcpus
from vmlitmus.model.kvm.dirty_log.ring import signal
from vmlitmus.model.kvm.dirty_log.run_loop import (
    answer_kick,
    enter_guest,
    evict,
    exit_guest,
    leave_run,
    walk,
    write,
)
from vmlitmus.model.kvm.dirty_log.shadow import change_gpte, sync_roots
from vmlitmus.model.kvm.dirty_log.versions import FIXES, READ, UNREAD, VERSIONS
from vmlitmus.world.dirty_log.guest import Log, Page, Vcpu, Vm
from vmlitmus.world.dirty_log.userspace import Task


def populate(make: Setup, s: Settings) -> None:
    """Make the VM with its pages and vcpus, and the threads of the VMM."""
    kvm, vmm, machine = s["kvm"], s["vmm"], s["machine"]
    on = vmm["logging"] == "on-at-the-start"
    pml = kvm["tracking"] == "pml"
    make(
        Vm,
        log=Log(vmm["log"]),
        pml=pml,
        shadow=kvm["paging"] == "shadow",
        initially_set=vmm["initially_set"],
        reads_early=vmm["reads"] == "before-pages-are-tracked-again",
        one_round=vmm["rounds"] == "one-at-a-time",
        flushes_first=kvm["reset"] == "flushes-under-slots-lock",
        finishes_batch=kvm["signal"] == "finishes-the-batch",
        small_ring=vmm["ring"] == "of-one-entry",
        looks_for_room=kvm["pushes"] == "stop-at-a-full-ring",
        logging=on,
        counted=on,
        copied=on,
    )
    for _ in range(machine["pages"]):
        split = on and machine["sptes"] == "of-a-huge-page"
        make(
            Page,
            writable=not on or (pml and not split),
            dirty=not on or split,
            stale=not on,
        )
    for i in range(machine["vcpus"]):
        there = i < machine["vcpus"] - machine["to_come"]
        make(Vcpu, created=there, online=there, in_run=there, pml_on=pml and on and there)
    for _ in range(machine["tasks"]):
        make(Task)


MODEL = Model(
    name="dirty-log",
    doc="Can a live migration lose a page that the guest has written?",
    entities=(Vm, Page, Vcpu, Task),
    steps=(
        enter_guest,
        exit_guest,
        answer_kick,
        leave_run,
        walk,
        evict,
        write,
        page_fault,
        prefault,
        kvm_write,
        emulate_atomic,
        emulate_string,
        change_gpte,
        sync_roots,
        schedule_out,
        start_logging,
        stop_logging,
        zap,
        create_vcpu,
        migration_round,
        stop_vcpus,
        signal,
    ),
    conditions=CONDITIONS,
    fixes=FIXES,
    versions=VERSIONS,
    read=READ,
    unread=UNREAD,
    settings={
        "machine": {
            "pages": number(1, 3, default=1, doc="pages of the guest, in one memslot"),
            "sptes": choice(
                "tracked",
                "of-a-huge-page",
                default="tracked",
                doc="what they are if logging is on at the start: tracked, or of a huge page that "
                "was write-protected, with its D bit",
            ),
            "vcpus": number(1, 3, default=1, doc="vcpus, each on a cpu of its own"),
            "to_come": number(0, 2, default=0, counts=False, doc="of these, vcpus not created yet"),
            "tasks": number(1, 3, default=1, doc="threads of the VMM, and tasks that zap"),
        },
        "kvm": {
            "version": release(default="7.2.8", doc="the kernel version: which changes are in"),
            "tracking": choice(
                "write-protect",
                "pml",
                default="write-protect",
                doc="how a page is tracked: its W bit is clear, or with PML its D bit",
            ),
            "paging": choice(
                "direct",
                "shadow",
                default="direct",
                doc="whether SPTEs shadow page tables: of a guest without nested paging, or of an "
                "L1 for its L2",
            ),
            "reset": choice(
                "as-merged",
                "flushes-under-slots-lock",
                default="as-merged",
                doc="whether KVM_RESET_DIRTY_RINGS flushes TLBs before it drops slots_lock",
            ),
            "signal": choice(
                "as-merged",
                "finishes-the-batch",
                default="as-merged",
                doc="what a signal does to the pages whose ring entries were taken already",
            ),
            "pushes": choice(
                "as-merged",
                "stop-at-a-full-ring",
                default="as-merged",
                doc="whether KVM_PRE_FAULT_MEMORY, a string instruction that is emulated, and the "
                "synchronization of shadow pages look for room in the dirty ring",
            ),
        },
        "vmm": {
            "log": choice(
                *(log.value for log in Log),
                default="get",
                doc="how the VMM gets the log: KVM_GET_DIRTY_LOG alone, with KVM_CLEAR_DIRTY_LOG, "
                "or dirty rings",
            ),
            "ring": choice(
                "large",
                "of-one-entry",
                default="large",
                doc="what a dirty ring has room for: all pages, or what one exit needs",
            ),
            "initially_set": flag(default=False, doc="KVM_DIRTY_LOG_INITIALLY_SET is enabled"),
            "logging": choice(
                "on-at-the-start",
                "off-at-the-start",
                default="on-at-the-start",
                doc="whether the memslot has KVM_MEM_LOG_DIRTY_PAGES at the start",
            ),
            "rounds": choice(
                "of-each-thread",
                "one-at-a-time",
                default="of-each-thread",
                doc="whether threads of the VMM go through their rounds at the same time",
            ),
            "reads": choice(
                "after-pages-are-tracked-again",
                "before-pages-are-tracked-again",
                default="after-pages-are-tracked-again",
                doc="when the VMM reads the pages that the log named",
            ),
        },
    },
    setup=populate,
)
