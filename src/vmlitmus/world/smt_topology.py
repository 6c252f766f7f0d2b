"""What the topic smt-topology needs: hosts with SMT, a VM with hints, and who may run on a core."""

from __future__ import annotations

from enum import Enum
from typing import Annotated

from vmlitmus.lang import Between, Const, Entity, Set


class SmtControl(Enum):
    """What /sys/devices/system/cpu/smt/control shows."""

    ON = "on"
    OFF = "off"  # nosmt, or written at run time: root may switch it on again
    FORCEOFF = "forceoff"  # nosmt=force, or written at run time: for good
    NOTSUPPORTED = "notsupported"  # CPUID enumerates one thread a core
    NOTIMPLEMENTED = "notimplemented"  # kernel without CONFIG_HOTPLUG_SMT


class Layout(Enum):
    """Where the VMM pins the vcpus, if it does."""

    FREE = "to no cpu"
    SAME_CORE = "to the siblings of one core"
    OWN_CORES = "to a core of their own each"
    FIRST_ONLY = "the first one to a cpu of its own, the others to none"
    FOUND = "as an audit found them"


class Fact(Enum):
    """What a hint says about the host."""

    NO_SMT = "NO_SMT"
    ACCURATE_TOPOLOGY = "ACCURATE_TOPOLOGY"
    NO_NON_ARCH_CORE_SHARING = "NO_NON_ARCH_CORE_SHARING"


class TaskKind(Enum):
    """What a host task is to the VM."""

    OTHER_VM = "a vcpu of another VM"
    HOST = "a host task"
    EMULATOR = "the emulator thread of QEMU"
    VHOST = "a vhost worker"


class Host(Entity):
    """A physical machine under one kernel; the VM may be migrated from one to another."""

    smt: SmtControl = SmtControl.ON
    frozen: bool = False  # user space is frozen for hibernation
    used: bool = False  # the VM is or was here
    passed: bool = False  # a write of "on" is past the refusals of smt/control, not yet at its lock
    rescans: SmtControl = SmtControl.ON  # what a rescan has read and will store again; on: none
    loading: bool = False  # the processor driver is being loaded and brings siblings up and down
    waits: bool = False  # a write of "on" has passed the refusals meanwhile, and waits
    knows: Const[bool] = True  # its KVM knows the hint
    one_thread: bool = False  # cpu_smt_num_threads is 1
    said_off: bool = False  # off or forceoff was written without an error, and nothing came since
    retests: Const[bool] = False  # smt/control tests its refusals again under the lock
    by_core: Const[bool] = False  # on brings up only siblings of a primary thread that is online
    rescan_locks: Const[bool] = False  # loading the driver holds the lock of smt/control
    compares: Const[bool] = False  # smt/control compares states, not numbers of threads
    takedown_fails: Const[bool] = False  # a cpu may fail to go down
    bringup_fails: Const[bool] = False  # a cpu may fail to come up while control says "on"


class Core(Entity):
    """A physical core; ``number`` counts within its host."""

    host: Const[Host]
    number: Const[Annotated[int, Between(0, 7)]]


class Cpu(Entity, runs_on="self"):
    """A hardware thread as Linux numbers it; thread 0 of a core is the primary one."""

    core: Const[Core]
    thread: Const[Annotated[int, Between(0, 3)]]
    present: bool = True  # can be brought up at all
    online: bool = True  # in cpu_online_mask
    inactive: bool = False  # in it, but not in cpu_active_mask: no task may run there
    booted_once: bool = True  # in cpus_booted_once_mask
    interrupted: bool = False  # runs a handler, or a softirq at its end

    @property
    def active(self) -> bool:
        """True while tasks may run here."""
        return self.online and not self.inactive


class Vm(Entity):
    """The VM whose guest reads the hint.

    ``says`` is what the hint says when it is set; ``inverted`` marks a hint whose set bit says the
    opposite. ``changed`` is history: something on the host changed after the hint was decided.
    ``found`` marks a VM whose affinities and cookies were read from a host.
    """

    says: Const[Fact]
    inverted: Const[bool] = False
    reads_hint: Const[bool] = True  # false: a guest that is older than the hint
    found: Const[bool] = False
    host: Host
    threads: Annotated[int, Between(1, 2)] = 1  # threads per core in the guest's CPUID
    layout: Layout = Layout.FREE
    one_cookie: Const[bool] = False  # all vcpus have the same cookie, if they have one
    child_cpuset: Const[bool] = False  # its threads are in a cpuset below the root
    sleeps: Const[bool] = False  # its vcpus sleep while a cpu is being taken down
    cookies: bool = False  # the vcpus of each guest core have a core-scheduling cookie of their own
    claims: bool = False  # what the VMM found out: the fact is to be claimed
    liar: bool = False  # the VMM claims it whatever it found out
    kernel_liar: bool = False  # the host kernel vouches for it, and places vcpus as it likes
    known: bool = False  # CPUID shows that the host knows the hint
    bit: bool = False  # the bit in the guest's CPUID
    booted: bool = False
    relies: bool = False  # the guest keeps its tasks apart by its topology
    stibp: bool = False  # the guest's cpus do not share branch predictions
    announced: bool = False  # the host has announced that the fact ends
    acknowledged: bool = False  # and the guest has answered
    dead: bool = False
    paused: bool = False
    changed: bool = False

    @property
    def told(self) -> bool:
        """True when a guest that can read the hint concludes from it that the fact holds."""
        return not self.bit if self.inverted else self.bit and self.known

    @property
    def believes(self) -> bool:
        """True when the guest takes the fact for granted; an old guest always does."""
        return self.told if self.reads_hint else True


class Vcpu(Entity, runs_on="cpu"):
    """A vcpu, and the host task that runs it. ``cpu`` is task_cpu(): where it runs or last ran.

    Guest tasks that distrust each other run on different vcpus, one each. Of a vcpu that was
    found on a host, ``allowed`` is its affinity, ``cpuset`` what its cgroup allows.
    """

    vm: Const[Vm]
    number: Const[Annotated[int, Between(0, 3)]]
    allowed: Const[Set[Cpu]]
    cpuset: Const[Set[Cpu]]
    cookie: Const[Annotated[int, Between(0, 3)]] = 0
    cpu: Cpu | None = None
    running: bool = False  # in the guest
    loose: bool = False  # the scheduler has broken its affinity
    widened: bool = False  # it has its cpuset's mask; what the user asked for is kept
    parked: bool = False  # taken offline by the guest


class Task(Entity, runs_on="cpu"):
    """Another host task; none has a cookie of the VM's vcpus, unless it was found with one.

    ``allowed``, ``cpuset`` and ``cookie`` are as of a vcpu, for a task that was ``found``.
    """

    kind: Const[TaskKind]
    found: Const[bool] = False
    allowed: Const[Set[Cpu]]
    cpuset: Const[Set[Cpu]]
    cookie: Const[Annotated[int, Between(0, 3)]] = 0
    exists: bool = True
    tagged: bool = True  # still has the cookie that was found
    repinned: bool = False  # runs anywhere in its cpuset
    loose: bool = False  # the scheduler has broken its affinity, or its cpuset has changed
    cpu: Cpu | None = None  # where it runs now
