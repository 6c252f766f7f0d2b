"""Split locks: the detection bit, who takes #AC, and the kernel's means of putting the bit back."""

from __future__ import annotations

from enum import Enum
from typing import Annotated

from vmlitmus.lang import Between, Const, Entity
from vmlitmus.world.cpu import Core


class HostMode(Enum):
    """What the host was booted with: split_lock_detect=."""

    OFF = "off"
    WARN = "warn"
    FATAL = "fatal"
    RATELIMIT = "ratelimit"


class GuestMode(Enum):
    """The same for a guest kernel; UNAWARE is one without split-lock code, or that says so."""

    UNAWARE = "unaware"
    OFF = "off"
    WARN = "warn"
    FATAL = "fatal"


class Context(Enum):
    """Where in the guest the split locks are."""

    USER = "user"
    KERNEL = "kernel"


class ForcedOn(Enum):
    """The proposed CPUID bit that tells a guest that detection is on whether it likes it or not."""

    ABSENT = "absent"
    SET = "set"
    ACKNOWLEDGED = "acknowledged"  # a guest that knows the bit has told KVM so


class Plug(Enum):
    """Where a cpu is on its way out of the system, as far as split locks care."""

    ONLINE = "online"
    LEAVING = "leaving"  # not active: the scheduler has pushed its tasks away
    OFFLINE = "offline"


class Event(Enum):
    """What came of a vcpu's last split lock."""

    NONE = "none"
    LOCKED = "locked"  # executed: the bus was locked
    UNSEEN = "unseen"  # executed while another VM had the bit cleared
    PLAIN = "plain"  # emulated as a plain write, and nobody else wrote the line meanwhile
    TORN = "torn"  # emulated as a plain write over what another vcpu wrote meanwhile
    HOST_AC = "host-ac"  # #AC, dealt with by the host
    GUEST_AC = "guest-ac"  # #AC in the guest, which had asked for it
    UNASKED_AC = "unasked-ac"  # #AC in a guest that had not
    L1_EXIT = "l1-exit"  # an exit to the L1 hypervisor that it did not ask for


class Answer(Enum):
    """What KVM decided about a vcpu's last exit, or emulation."""

    NONE = "none"
    INJECT = "inject"  # #AC into the guest
    L1 = "l1"  # the exit goes to the L1 hypervisor
    HOST = "host"  # the host's handler, or the VMM
    PLAIN = "plain"  # emulated by a plain write
    LOCKED = "locked"  # emulated by a locked access


class Host(Entity):
    """The host kernel, and KVM's choices."""

    mode: Const[HostMode]
    mitigate: bool = True  # sysctl kernel.split_lock_mitigate
    toggles: Const[bool] = False  # root writes the sysctl while guests run
    timer_signal: Const[bool] = False  # a timer of the VMM signals its vcpus every 10 ms or faster
    per_cpu_work: Const[bool] = False  # not merged: a work that releases buslock_sem on each cpu
    advertise: Const[bool] = False  # guests may see the split-lock feature
    forced_on: Const[ForcedOn] = ForcedOn.ABSENT
    forward: Const[bool] = False  # on fatal: forward #AC instead of killing the guest
    bus_lock_exit: Const[bool] = False  # KVM_CAP_X86_BUS_LOCK_EXIT
    amd: Const[bool] = False  # bus-lock threshold, fault-like; no #AC for split locks
    semaphore: bool = False  # buslock_sem is taken
    died: bool = False  # #AC in the kernel's own code


class TestCtrl(Entity):
    """MSR_TEST_CTRL: one register for the cpus of a core, on all parts so far."""

    detects: bool = True  # SPLIT_LOCK_DETECT
    cleared_by: Vm | None = None  # for whose sake the bit is clear


class Cpu(Entity, runs_on="self"):
    """A hardware thread as Linux numbers it."""

    core: Const[Core]
    msr: Const[TestCtrl]
    plug: Plug = Plug.ONLINE
    bound: bool = True  # the workers of its pool run here and nowhere else

    @property
    def online(self) -> bool:
        """True while the scheduler may put a task here."""
        return self.plug == Plug.ONLINE


class Work(Entity, runs_on="at"):
    """A struct delayed_work that sets the bit again: one a cpu, or one for all of them."""

    home: Const[Cpu | None] = None  # None: one for all cpus
    unlocks: Const[bool] = False  # sl_reenable_unlock: releases buslock_sem as well
    pending: bool = False  # WORK_STRUCT_PENDING
    armed: bool = False  # its timer runs
    target: Cpu | None = None  # the cpu asked for
    pool: Cpu | None = None  # in whose pool it is queued, or was last
    at: Cpu | None = None  # where a worker executes it


class Vm(Entity):
    """A tenant's VM; its vcpus do nothing but split locks."""

    guest: Const[GuestMode] = GuestMode.UNAWARE
    context: Const[Context] = Context.USER
    cr0_am: Const[bool] = False
    eflags_ac: Const[bool] = False
    emulated: Const[bool] = False  # makes KVM emulate the locked instruction
    nested: Const[bool] = False  # the split locks are in L2
    fifo: Const[bool] = False  # its vcpu threads are SCHED_FIFO
    neighbour: Const[bool] = False  # only there to disturb: no claim is about what it sees
    killed: bool = False  # by the host: SIGBUS or -EFAULT in KVM_RUN
    crashed: bool = False  # its own kernel called die()


class Vcpu(Entity, runs_on="cpu"):
    """A vcpu and its thread."""

    vm: Const[Vm]
    home: Const[Cpu]
    cpu: Cpu | None = None  # where its thread runs
    in_guest: bool = False
    sld: bool = False  # SPLIT_LOCK_DETECT of its MSR_TEST_CTRL, as KVM emulates it
    booted: bool = True  # its guest kernel has written MSR_TEST_CTRL
    tif_sld: bool = False  # TIF_SLD of its thread: detection is off for it
    place: Annotated[int, Between(0, 512)] = 0  # in the queue of buslock_sem; 0: not in it
    answer: Answer = Answer.NONE
    sleeping: bool = False  # interruptibly, in split_lock_warn()
    signalled: bool = False  # a signal is pending that ends such a sleep
    preempt_off: bool = False  # between get_cpu() and put_cpu()
    emulating: bool = False  # KVM's emulator has read the operand and not written it yet
    overwritten: bool = False  # ... and another vcpu has written the line since
    slept: bool = True  # its thread has slept since its last bus lock, or made none yet
    stepping: bool = False  # AMD: the threshold counter lets the next bus lock pass
    failed: bool = False  # an exit handler of KVM has failed
    returned: bool = False  # ... and KVM_RUN returns an error for it
    entered_again: bool = False  # ... and the VMM, not knowing, has entered the guest again
    stopped: bool = False  # uses split locks no more
    trying: bool = False  # its split lock has faulted and will be retried
    event: Event = Event.NONE
    missed: bool = False  # its last split lock should have raised #AC
    unslowed: bool = False  # it made its last two bus locks without sleeping in between
    exits: Annotated[int, Between(0, 2)] = 0  # bus-lock exits for its current instruction
    passed: Annotated[int, Between(0, 3)] = 0  # others that got buslock_sem while it waited

    @property
    def detected(self) -> bool:
        """True while the bit of the core it runs on is set."""
        return self.cpu is not None and self.cpu.msr.detects
