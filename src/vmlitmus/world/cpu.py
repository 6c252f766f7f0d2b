"""The host: cores, their cpus, and what each cpu's caches hold."""

from __future__ import annotations

from enum import Enum

from vmlitmus.lang import Const, Entity, Set
from vmlitmus.world.memory import Page


class Writeback(Enum):
    """The instruction that KVM uses where only a write-back is needed."""

    WBINVD = "wbinvd"
    WBNOINVD = "wbnoinvd"


class Hotplug(Enum):
    """Where a cpu is on its way out of the system."""

    ONLINE = "online"
    LEAVING = "leaving"  # online bit cleared, play-dead WBINVD not yet executed
    OFFLINE = "offline"


class Host(Entity):
    """The machine as a whole."""

    sme_coherent: Const[bool] = False  # X86_FEATURE_SME_COHERENT
    writeback: Const[Writeback] = Writeback.WBNOINVD
    clean_lines: Const[bool] = False  # follow clean lines too, for stale reads
    recycles_asid: Const[bool] = False  # a second VM gets the ASID of the first
    racing_vmm: Const[bool] = False  # the VMM unregisters memory that its guest still uses
    oops: bool = False  # the kernel dereferenced a NULL pointer


class Core(Entity):
    """A physical core."""


class Cpu(Entity, runs_on="self"):
    """A hardware thread as Linux numbers it, with the guest-tagged lines its caches hold.

    A page has 64 lines, so several cpus may hold dirty lines of one page.
    """

    core: Const[Core]
    hotplug: Hotplug = Hotplug.ONLINE
    dirty: Set[Page]  # guest-tagged (C=1) lines not written back
    clean: Set[Page]  # guest-tagged lines that equal memory
    old: Set[Page]  # guest-tagged lines filled before the page went to another guest
    host_dirty: Set[Page]  # host-tagged (C=0) lines not written back

    @property
    def online(self) -> bool:
        """True while the cpu is in cpu_online_mask."""
        return self.hotplug == Hotplug.ONLINE
