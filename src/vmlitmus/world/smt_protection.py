"""The world of SMT Protection: cores whose cpus are seen by hardware and by the scheduler.

A cpu's activity says what executes on it; its idleness is what the hardware check at VMRUN looks
at. One bit stands for all vectors pending in a cpu's APIC, one for all raised softirqs. A vcpu has
the part of its virtual APIC that it takes to see a lost vector.
"""

from __future__ import annotations

from enum import Enum
from typing import Annotated

from vmlitmus.lang import Between, Const, Entity, Set, Shared


class Activity(Enum):
    """What a cpu executes; from HLT on, nothing, but for SMM."""

    KERNEL = "host kernel"  # a vcpu task outside guest mode, in KVM
    GUEST = "guest"  # between VMRUN and #VMEXIT
    USER = "user task"
    KTHREAD = "ksoftirqd"
    HARDIRQ = "hard irq"
    SOFTIRQ = "softirq"
    NMI = "NMI handler"  # or a machine check's; neither handles softirqs on its way back
    IDLE_LOOP = "idle loop"  # do_idle(), before cpuidle_idle_call()
    ENTERING = "entering idle"  # IRQs off, an idle state is chosen, HLT not yet executed
    POLL = "poll idle"
    HLT = "HLT"
    C2 = "C2"
    MWAIT = "MWAIT"
    C6 = "C6"
    STALLED = "stalled"  # in a VMRUN that hardware holds back
    EXITING = "exiting"  # in a #VMEXIT that hardware holds back
    GUEST_HLT = "halted guest"  # in guest mode, by a HLT that is not intercepted
    SMM = "SMM"  # the handler of an SMI
    OFFLINE = "offline"


class Protection(Enum):
    """A form of SMT Protection: what a cpu supports, or what a VMSA asks for."""

    NONE = "none"
    SMTP = "smtp"
    ESMTP = "esmtp"
    BOTH = "both"  # SEV_FEATURES with both bits: an illegal request


class Event(Enum):
    """What can be pending at a cpu besides an interrupt."""

    NONE = "none"
    NMI = "NMI"
    MACHINE_CHECK = "machine check"
    SMI = "SMI"
    INIT = "INIT and SIPI"


class Icr(Enum):
    """What IDLE_WAKEUP_ICR (MSR C001_0137) of a cpu sends, and to whom."""

    SIBLING = "sibling"
    UNSET = "unset"
    WRONG = "wrong APIC"


class Exit(Enum):
    """The last exit of a vcpu, as far as it matters here."""

    NONE = "none"
    INTR = "intr"
    OTHER = "other"
    IDLE_REQUIRED = "idle required"  # -3
    ILLSIB = "illsib"
    INVALID = "invalid"  # -1


class Vector(Enum):
    """The vectors of a guest: the local APIC timer (0xec), and an IPI of a higher class (0xfd)."""

    NONE = "none"
    TIMER = "timer"
    IPI = "ipi"


class Cookie(Enum):
    """The core scheduling cookie of a task; ZERO is no cookie."""

    ZERO = "0"
    A = "A"
    B = "B"
    C = "C"
    D = "D"


class IdleState(Enum):
    """What the idle loop enters: one state always, or what the cpuidle governor likes."""

    HLT = "hlt"
    C2 = "c2"
    MWAIT = "mwait"
    C6 = "c6"
    POLL = "poll"
    GOVERNOR = "governor"


class Host(Entity):
    """The machine as a whole."""

    idle_state: Const[IdleState] = IdleState.HLT
    x2apic: Const[bool] = True  # else the APICs are in xAPIC mode
    hlt_intercept: Const[bool] = True  # KVM intercepts HLT of guests
    boot_cpu: Const[bool] = False  # cpu0 of the model is Linux's cpu0, which never goes offline
    device_hotplug_lock: bool = False
    cpu_add_remove_lock: bool = False


class Core(Entity):
    """A physical core."""


class Cpu(Entity, runs_on="self"):
    """A hardware thread as Linux numbers it."""

    core: Const[Core]
    activity: Activity = Activity.IDLE_LOOP
    curr: Task | None = None  # None: the idle task
    pick: Task | None = None  # rq->core_pick
    picked: bool = False  # a pre-pick that this cpu has not taken yet
    need_resched: bool = False
    irqs_off: bool = False  # a vcpu task has turned IRQs off
    irq: bool = False  # an interrupt is pending in the APIC
    event: Event = Event.NONE  # at most one at a time
    softirq: bool = False  # local_softirq_pending()
    before_smm: Activity = Activity.HLT  # what RSM goes back to
    icr: Icr = Icr.SIBLING
    icr_busy: bool = False  # its APIC has not delivered its own last IPI yet
    dying: bool = False  # its hotplug task takes it offline
    dev_mutex: bool = False  # the mutex of its device is held
    chosen: IdleState = IdleState.HLT  # by the cpuidle governor
    idling: Shared[bool] = False  # TIF_IDLING
    protected: Shared[bool] = False  # TIF_SVM_PROTECTED
    unsafe: bool = False  # counted in core_unsafe_nest


class TaskKind(Enum):
    """What a host task is."""

    VCPU = "vcpu"
    USER = "user"
    KSOFTIRQD = "ksoftirqd"


class Task(Entity, runs_on="cpu"):
    """A host task, bound to one cpu."""

    kind: Const[TaskKind]
    cpu: Const[Cpu]
    cookie: Cookie = Cookie.ZERO
    runnable: bool = True
    sleeping: bool = False  # in schedule() while it waits for a sleeping lock


class Vcpu(Entity, runs_on="cpu"):
    """A vcpu with its task; ``group`` is VCPU_ID with the bits of VCPU_SIBLING_MASK cleared."""

    task: Const[Task]
    cpu: Const[Cpu]
    vm: Const[Annotated[int, Between(0, 3)]] = 0  # stands for the ASID
    asks: Const[Protection] = Protection.SMTP
    group: Const[Annotated[int, Between(0, 3)]] = 0
    mask: Const[Annotated[int, Between(0, 3)]] = 3
    exit: Exit = Exit.NONE
    leaving: bool = False  # the guest executes an instruction that exits
    halted: bool = False  # the guest has executed HLT
    irr: Set[Vector]  # the virtual APIC: requested ...
    isr: Set[Vector]  # ... and in service
    injected: Vector = Vector.NONE  # vcpu->arch.interrupt, queued for injection
    event_inj: Vector = Vector.NONE  # EVENTINJ of the VMCB
    handling: Vector = Vector.NONE  # what the guest's handler is at work on
    armed: bool = False  # the guest's timer is set
    ioctl: bool = False  # a thread wants vcpu->mutex, which KVM_RUN holds


class Write(Enum):
    """What is written to the file "online" of a cpu."""

    OFF = "0"
    ON = "1"


class Writer(Entity):
    """A process that may write to the file "online" of a cpu in sysfs."""

    cpu: Cpu | None = None
    what: Write = Write.OFF
