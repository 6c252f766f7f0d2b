"""The topic vcpu-wakeup: does a vcpu see what was sent to it?

Each vcpu and each task has a cpu of its own. What is sent, and what the vcpu does meanwhile, is
what a test allows: requests, HLT, walks of shadow pages and their zap.
"""

from __future__ import annotations

from vmlitmus.claims.vcpu_wakeup import CONDITIONS
from vmlitmus.lang import (
    DRAIN_ASSUMPTIONS,
    Model,
    Settings,
    Setup,
    choice,
    flag,
    number,
    release,
)
from vmlitmus.model.guest.async_fault import (
    end_nmi,
    fault_in_nmi,
    nmi,
    not_present,
    read_reason,
)
from vmlitmus.model.kvm.vcpu_wakeup.apicv.avic import (
    begin_avic_irq,
    begin_ipi,
    deliver_avic,
    doorbell,
    send_ipi,
)
from vmlitmus.model.kvm.vcpu_wakeup.apicv.id_table import (
    create_again,
    create_fails,
    send_posted_ipi,
    send_to_freed,
)
from vmlitmus.model.kvm.vcpu_wakeup.apicv.inhibit import toggle_inhibit
from vmlitmus.model.kvm.vcpu_wakeup.apicv.irte import (
    destroy_vm,
    handle_ga_log,
    iommu_posts,
    reroute,
)
from vmlitmus.model.kvm.vcpu_wakeup.apicv.posted import (
    assign_device,
    begin_interrupt,
    deliver,
    device_posts,
    ignore_notification,
    process_notification,
    unassign_device,
    wakeup_handler,
)
from vmlitmus.model.kvm.vcpu_wakeup.apicv.vmcs01 import (
    end_interrupt,
    enter_l2,
    exit_l2,
    take_injected,
    take_interrupt,
)
from vmlitmus.model.kvm.vcpu_wakeup.async_pf import (
    acknowledge,
    fault,
    handle_ack,
    page_present,
    read_notice,
)
from vmlitmus.model.kvm.vcpu_wakeup.block import block
from vmlitmus.model.kvm.vcpu_wakeup.entry import (
    after_exit,
    enter_guest,
    halt,
    vmexit,
    vmexit_for_ipi,
)
from vmlitmus.model.kvm.vcpu_wakeup.init_sipi import (
    accept_events,
    ap_halts,
    begin_start,
    notice_init,
    start,
)
from vmlitmus.model.kvm.vcpu_wakeup.kick import begin_request, request, take_ipi
from vmlitmus.model.kvm.vcpu_wakeup.mask import guest_writes
from vmlitmus.model.kvm.vcpu_wakeup.scheduled import loaded, migrate, preempt, schedule_home
from vmlitmus.model.kvm.vcpu_wakeup.track_write import emulate_write, shadow_fault, unshadow
from vmlitmus.model.kvm.vcpu_wakeup.versions import FIXES, READ, VERSIONS
from vmlitmus.model.kvm.vcpu_wakeup.walk import lockless_walk, page_walk, zap
from vmlitmus.world.vcpu_wakeup import (
    Apic,
    Cpu,
    Device,
    GaLog,
    GuestTable,
    Host,
    Page,
    Task,
    Vcpu,
)


def populate(make: Setup, s: Settings) -> None:
    """Make vcpus and tasks, each with its cpu, and a page."""
    machine, guest, kvm = s["machine"], s["guest"], s["kvm"]
    spare = machine["spare_cpus"]
    assigned = kvm["device"] == "assigned"
    avic = kvm["apicv"] == "avic"
    make(
        Host,
        assigned=assigned,
        posts=assigned,
        unblocks=kvm["last_device"] == "unblocks",
        erratum=machine["erratum_1235"],
        ipiv=kvm["ipi_virtualization"],
        two_sipis=guest["sipis"] == 2,
        snapshot=kvm["events"] == "one-operation",
        switchable=kvm["apicv_switchable"],
        ends=guest["eoi"],
        marks=kvm["have_run_cpus"],
        wakes_locked=kvm["ga_log"] == "under-the-lock",
        holds_list=kvm["irte_update"] == "holds-the-lock",
    )
    for number_of in range(machine["vcpus"]):
        home = make(Cpu)
        make(
            Vcpu,
            home=home,
            cpu=home,
            last=home,
            ndst=home,
            entry_cpu=home,
            is_running=avic and not machine["erratum_1235"],
            entry_runs=avic,
            scheduled=spare > 0 or kvm["apicv"] != "off",
            writes=number_of == 0,
            async_pf=guest["async_pf"],
            apic=Apic(kvm["apicv"]),
            ap=guest["ap"],
        )
    first = make.made(Vcpu)[0] if assigned and avic else None
    at = make.made(Cpu)[0] if assigned and avic else None
    make(Device, target=first, listed=first, runs=first is not None, at=at)
    for _ in range(spare):
        make(Cpu, spare=True)
    for _ in range(machine["tasks"]):
        make(Task, cpu=make(Cpu))
    make(GaLog)
    make(Page)
    make(GuestTable, locked_writes=guest["pte_write"] == "locked")


MODEL = Model(
    name="vcpu-wakeup",
    doc="Does a vcpu see what was sent to it?",
    entities=(Host, Cpu, Vcpu, Page, GuestTable, Device, GaLog, Task),
    steps=(
        enter_guest,
        vmexit,
        vmexit_for_ipi,
        halt,
        after_exit,
        block,
        begin_request,
        request,
        take_ipi,
        lockless_walk,
        page_walk,
        guest_writes,
        zap,
        emulate_write,
        shadow_fault,
        unshadow,
        fault,
        read_notice,
        acknowledge,
        handle_ack,
        page_present,
        not_present,
        nmi,
        fault_in_nmi,
        end_nmi,
        read_reason,
        preempt,
        schedule_home,
        migrate,
        loaded,
        device_posts,
        begin_interrupt,
        deliver,
        process_notification,
        ignore_notification,
        take_interrupt,
        take_injected,
        end_interrupt,
        enter_l2,
        exit_l2,
        wakeup_handler,
        assign_device,
        unassign_device,
        begin_ipi,
        send_ipi,
        create_again,
        create_fails,
        send_posted_ipi,
        send_to_freed,
        begin_avic_irq,
        deliver_avic,
        doorbell,
        iommu_posts,
        handle_ga_log,
        destroy_vm,
        reroute,
        toggle_inhibit,
        begin_start,
        start,
        ap_halts,
        accept_events,
        notice_init,
    ),
    conditions=CONDITIONS,
    assumptions=DRAIN_ASSUMPTIONS,
    fixes=FIXES,
    versions=VERSIONS,
    read=READ,
    settings={
        "machine": {
            "vcpus": number(1, 2, default=1, doc="vcpus, each on a cpu of its own"),
            "spare_cpus": number(0, 1, default=0, doc="further cpus, to which vcpus may migrate"),
            "erratum_1235": flag(default=False, doc="the cpus have erratum 1235 of AVIC"),
            "tasks": number(1, 2, default=1, doc="tasks that send something, each on its cpu"),
        },
        "kvm": {
            "version": release(default="7.2.8", doc="the kernel version: which fixes are in"),
            "apicv": choice(
                *(apic.value for apic in Apic),
                default="off",
                doc="how interrupts reach a vcpu in the guest",
            ),
            "ipi_virtualization": flag(
                default=False, doc="VMX posts IPIs of the guest without an exit of the sender"
            ),
            "apicv_switchable": flag(
                default=False,
                doc="follow irr_pending, and what VMX keeps where APICv may be inhibited",
            ),
            "have_run_cpus": flag(
                default=False, doc="a vcpu marks its cpu, and who frees a page flushes those marked"
            ),
            "events": choice(
                "bit-by-bit",
                "one-operation",
                default="bit-by-bit",
                doc="how a vcpu takes INIT and SIPI",
            ),
            "device": choice(
                "none", "assigned", default="none", doc="whether a device posts from the start"
            ),
            "irte_update": choice(
                "as-merged",
                "holds-the-lock",
                default="as-merged",
                doc="under which lock an IRTE of AVIC is given to another vcpu",
            ),
            "ga_log": choice(
                "as-merged",
                "under-the-lock",
                default="as-merged",
                doc="where the handler of the GA log wakes a vcpu",
            ),
            "last_device": choice(
                "goes",
                "unblocks",
                default="goes",
                doc="whether KVM wakes up all vcpus when the last device goes",
            ),
        },
        "guest": {
            "ap": flag(default=False, doc="the vcpus are APs that are started, and nothing more"),
            "sipis": number(1, 2, default=1, counts=False, doc="SIPIs after each INIT"),
            "async_pf": flag(default=False, doc="the guest has enabled asynchronous page faults"),
            "eoi": flag(default=False, doc="an interrupt is in service until the guest writes EOI"),
            "pte_write": choice(
                "plain",
                "locked",
                default="plain",
                doc="by what the guest writes to its page table",
            ),
        },
    },
    setup=populate,
)
