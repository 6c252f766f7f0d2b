"""The model of the topic smt-protection: everything put together, and set up for a scenario."""

from __future__ import annotations

from vmlitmus.claims.smt_protection import CONDITIONS
from vmlitmus.errors import ScenarioError
from vmlitmus.lang import Model, Settings, Setup, choice, flag, mechanism, number, release
from vmlitmus.model.guest.apic import guest_eoi, guest_ipi, timer_expires
from vmlitmus.model.guest.work import work_alone, work_beside
from vmlitmus.model.hardware.smt.esmtp import Esmtp
from vmlitmus.model.hardware.smt.events import (
    bring_up,
    come_online,
    icr_delivers,
    leave_icr_busy,
    resume_from_smm,
    smi,
    take_smi,
)
from vmlitmus.model.hardware.smt.interrupts import (
    device_irq,
    host_tick,
    idle_wakeup_icr,
    machine_check,
    nmi,
    other_ipi,
    take_irq,
    take_nmi,
    vcpu_nmi,
)
from vmlitmus.model.hardware.smt.protection import SmtHardware
from vmlitmus.model.hardware.smt.readings import READINGS
from vmlitmus.model.hardware.smt.smtp import Smtp
from vmlitmus.model.kvm.smt_protection.approaches import MECHANISMS
from vmlitmus.model.kvm.smt_protection.approaches.gang import GANG_WAITS
from vmlitmus.model.kvm.smt_protection.approaches.kernel_entry import COUNTS_IDLE
from vmlitmus.model.kvm.smt_protection.approaches.tif_handshake import (
    IDLING_ALWAYS,
    IDLING_CLEARED,
    SPIN_IRQS_ON,
)
from vmlitmus.model.kvm.smt_protection.backoff import SPIN_OUTLASTS, BoundedSpin, Yield
from vmlitmus.model.kvm.smt_protection.injection import (
    EVENTINJ_AFTER,
    FromEventinj,
    FromQueue,
    Requeue,
)
from vmlitmus.model.kvm.smt_protection.lock_chain import (
    ask_for_mutex,
    online_store,
    take_mutex,
    write,
)
from vmlitmus.model.kvm.smt_protection.mechanism import Cookies, SmtMechanism
from vmlitmus.model.kvm.smt_protection.run_loop import (
    BackOff,
    guest_exit,
    guest_halt,
    run_vcpu,
    unblock,
)
from vmlitmus.model.scheduler.core_scheduling import (
    SLICE_OUTLASTS,
    change_cookie,
    pick_core_wide,
    pick_idle,
    pick_local,
    sched_tick,
    take_pick,
    user_sleeps,
    user_wakes,
)
from vmlitmus.model.scheduler.idle import drain_softirqs, enter_idle, idle_in, stop_polling
from vmlitmus.model.scheduler.softirq import (
    NO_KSOFTIRQD_RUNNING,
    idle_tick,
    irq_exit,
    ksoftirqd,
    nmi_exit,
    raise_softirq,
    softirq_overrun,
    softirqs_done,
)
from vmlitmus.world.smt_protection import (
    Activity,
    Cookie,
    Core,
    Cpu,
    Host,
    Icr,
    IdleState,
    Protection,
    Task,
    TaskKind,
    Vcpu,
    Writer,
)

HARDWARE = {"none": SmtHardware, "smtp": Smtp, "esmtp": Esmtp}
COOKIES = (Cookie.A, Cookie.B, Cookie.C, Cookie.D)


def populate(make: Setup, s: Settings) -> None:
    """Make cores and cpus, vcpus on the first cpus of the machine, host tasks on the last ones."""
    machine, host = s["machine"], s["host"]
    make(
        Host,
        idle_state=IdleState(host["idle"]),
        x2apic=machine["x2apic"],
        hlt_intercept=s["kvm"]["hlt_intercept"],
        boot_cpu=host["boot_cpu"],
    )
    per_core = machine["cpus_per_core"]
    for _ in range(machine["cores"]):
        core = make(Core)
        for _ in range(per_core):
            make_cpu(make, s, core)
    cpus = make.made(Cpu)
    for which, cpu in enumerate(homes(s, cpus)):
        make_vcpu(make, s, which, cpu)
    for which in range(host["tasks"]):
        make_host_task(make, s, which, cpus[-1 - which])
    if host["writer"]:
        make(Writer)
    if host["ksoftirqd"]:
        make(Task, kind=TaskKind.KSOFTIRQD, cpu=cpus[per_core - 1], runnable=False)


def homes(s: Settings, cpus: list[Cpu]) -> list[Cpu]:
    """Return the cpu of each vcpu: one each; without SMT, the first cpu of each core."""
    first, vcpus = s["guest"]["first_cpu"], s["guest"]["vcpus"]
    if not s["host"]["smt"]:
        cpus = cpus[:: s["machine"]["cpus_per_core"]]
    if vcpus and first + vcpus > len(cpus):
        raise ScenarioError(
            f"guest.vcpus = {vcpus}, one a cpu from guest.first_cpu = {first} on: there are"
            f" {len(cpus)} cpus"
        )
    return cpus[first : first + vcpus]


def make_cpu(make: Setup, s: Settings, core: Core) -> None:
    """Make a cpu that is about to pick; the last may be offline when kvm_amd is loaded."""
    machine, host = s["machine"], s["host"]
    number = len(make.made(Cpu))
    last = number + 1 == machine["cores"] * machine["cpus_per_core"]
    sibling = number % machine["cpus_per_core"] > 0
    offline = (last and host["sibling_offline"]) or (sibling and not host["smt"])
    make(
        Cpu,
        core=core,
        icr=Icr.UNSET if offline else Icr(host["icr"]),
        activity=Activity.OFFLINE if offline else Activity.IDLE_LOOP,
        need_resched=not offline,
    )


def chosen(s: Settings) -> type[SmtMechanism]:
    """Return the mechanism of the scenario."""
    found = s.mechanism("host", "mechanism")
    assert issubclass(found, SmtMechanism)
    return found


def make_vcpu(make: Setup, s: Settings, which: int, cpu: Cpu) -> None:
    """Make a vcpu with its task; the first is the boot vcpu, the others come by AP creation."""
    guest = s["guest"]
    vm = which % guest["vms"]
    cookies = chosen(s).cookies
    cookie = Cookie.ZERO
    if cookies is Cookies.PER_VCPU:
        if which >= len(COOKIES):
            raise ScenarioError(
                f"guest.vcpus = {s['guest']['vcpus']}: with a cookie each there are at most"
                f" {len(COOKIES)}"
            )
        cookie = COOKIES[which]
    elif cookies is Cookies.PER_VM:
        cookie = COOKIES[vm]
    asks = guest["asks"] if which == 0 else guest["others_ask"]
    filled = which < guest["vms"] or guest["ap_filled"]
    make(
        Vcpu,
        task=make(Task, kind=TaskKind.VCPU, cpu=cpu, cookie=cookie),
        cpu=cpu,
        vm=vm,
        asks=Protection(guest["asks"] if asks == "same" else asks),
        group=which & ~guest["sibling_mask"] & 3 if filled else 0,
        mask=guest["sibling_mask"] if filled else 0,
        armed=guest["timer"],
    )


def make_host_task(make: Setup, s: Settings, which: int, cpu: Cpu) -> None:
    """Make a user task; cpu isolation keeps it off the siblings of vcpus."""
    isolated = chosen(s).isolated
    make(
        Task,
        kind=TaskKind.USER,
        cpu=cpu,
        cookie=Cookie(s["host"]["task_cookie"]),
        runnable=not isolated and s["host"]["tasks_runnable"],
    )


MODEL = Model(
    name="smt-protection",
    doc="Does any approach keep siblings idle for a protected vcpu, and does the vcpu still run?",
    entities=(Host, Core, Cpu, Task, Vcpu, Writer),
    steps=(
        device_irq,
        other_ipi,
        host_tick,
        nmi,
        machine_check,
        vcpu_nmi,
        take_irq,
        take_nmi,
        idle_wakeup_icr,
        smi,
        take_smi,
        resume_from_smm,
        leave_icr_busy,
        icr_delivers,
        bring_up,
        come_online,
        raise_softirq,
        irq_exit,
        nmi_exit,
        softirqs_done,
        softirq_overrun,
        idle_tick,
        ksoftirqd,
        enter_idle,
        drain_softirqs,
        idle_in,
        stop_polling,
        pick_local,
        pick_idle,
        pick_core_wide,
        take_pick,
        sched_tick,
        user_wakes,
        user_sleeps,
        change_cookie,
        write,
        online_store,
        ask_for_mutex,
        take_mutex,
        run_vcpu,
        unblock,
        guest_exit,
        guest_halt,
        guest_ipi,
        timer_expires,
        guest_eoi,
        work_alone,
        work_beside,
    ),
    conditions=CONDITIONS,
    hooks={
        SmtHardware: HARDWARE,
        SmtMechanism: MECHANISMS,
        BackOff: {"none": BackOff, "yield": Yield, "spin": BoundedSpin},
        Requeue: {"none": Requeue, "eventinj": FromEventinj, "queue": FromQueue},
    },
    assumptions=(
        *READINGS,
        EVENTINJ_AFTER,
        SPIN_OUTLASTS,
        COUNTS_IDLE,
        GANG_WAITS,
        SPIN_IRQS_ON,
        IDLING_CLEARED,
        IDLING_ALWAYS,
        SLICE_OUTLASTS,
    ),
    fixes=(NO_KSOFTIRQD_RUNNING,),
    versions={
        "6.1.176": (),
        "7.2.8": (NO_KSOFTIRQD_RUNNING,),
        "7.2.13": (NO_KSOFTIRQD_RUNNING,),
        "7.3.4": (NO_KSOFTIRQD_RUNNING,),
        "6.4": (),
        "6.16": (NO_KSOFTIRQD_RUNNING,),
    },
    read=("6.1.176", "7.2.8", "7.2.13", "7.3.4"),
    settings={
        "machine": {
            "cores": number(1, 2, default=1, doc="physical cores", in_time=8),
            "cpus_per_core": number(2, 4, default=2, doc="cpus of a core"),
            "protection": mechanism(
                SmtHardware, default="smtp", doc="what SMT Protection the hardware has"
            ),
            "x2apic": flag(default=True, doc="the APICs are in x2APIC mode; false: in xAPIC mode"),
        },
        "host": {
            "kernel": release(default="7.2.8", doc="the kernel version"),
            "mechanism": mechanism(
                SmtMechanism, default="none", doc="the approach that is to keep siblings idle"
            ),
            "idle": choice(
                "hlt",
                "c2",
                "mwait",
                "c6",
                "poll",
                "governor",
                default="hlt",
                doc="what the idle loop enters",
            ),
            "boot_cpu": flag(default=False, doc="cpu0 is Linux's cpu0, which never goes offline"),
            "icr": choice(
                "sibling",
                "unset",
                "wrong APIC",
                default="sibling",
                doc="what IDLE_WAKEUP_ICR holds",
            ),
            "tasks": number(0, 2, default=0, doc="user tasks, on the last cpus"),
            "task_cookie": choice(
                "0", "A", "D", default="0", doc="the core-scheduling cookie of the user tasks"
            ),
            "tasks_runnable": flag(default=True, doc="the user tasks are runnable at the start"),
            "sibling_offline": flag(
                default=False, doc="the last cpu is offline when kvm_amd is loaded"
            ),
            "smt": flag(
                default=True,
                doc="false: SMT is off, and each core has only its first cpu online",
            ),
            "ksoftirqd": flag(default=False, doc="the last cpu of the first core has a ksoftirqd"),
            "writer": flag(default=False, doc='a process may write to the file "online" of a cpu'),
        },
        "kvm": {
            "hlt_intercept": flag(default=True, doc="KVM intercepts HLT of guests"),
            "back_off": mechanism(
                BackOff,
                default="none",
                doc="what a vcpu does after IDLE_REQUIRED before it tries again",
            ),
            "requeue": mechanism(
                Requeue,
                default="none",
                doc="who queues an event again that a failed VMRUN did not deliver",
            ),
        },
        "guest": {
            "vcpus": number(0, 4, default=1, doc="protected vcpus, one a cpu", in_time=16),
            "first_cpu": number(0, 3, default=0, counts=False, doc="the cpu of the first vcpu"),
            "vms": number(
                1, 2, default=1, doc="VMs that the vcpus belong to, in turn", in_time=len(COOKIES)
            ),
            "others_ask": choice(
                "same",
                "none",
                "smtp",
                "esmtp",
                default="same",
                doc="the protection that the vcpus after the first ask for",
            ),
            "asks": choice(
                "none",
                "smtp",
                "esmtp",
                "both",
                default="smtp",
                doc="the protection that the first vcpu asks for",
            ),
            "sibling_mask": number(
                0, 3, default=3, counts=False, doc="VCPU_SIBLING_MASK of each vcpu"
            ),
            "ap_filled": flag(
                default=True, doc="AP creation fills the eSMTP fields of the other vcpus"
            ),
            "timer": flag(default=False, doc="the guest's timer is armed at the start"),
        },
    },
    setup=populate,
)
