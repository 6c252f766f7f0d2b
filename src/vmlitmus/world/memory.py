"""Pages of memory, and devices that write them."""

from __future__ import annotations

from enum import Enum

from vmlitmus.lang import Const, Entity


class Owner(Enum):
    """Who a page belongs to. HOST and DEVICE have written data of their own into it."""

    GUEST = "guest"
    FREE = "free"
    HOST = "host"
    DEVICE = "device"


class PageKind(Enum):
    """How a page reached the guest."""

    MEMORY = "memory"  # through a userspace mapping, under mmu_notifier
    GMEM = "guest_memfd"
    VMSA = "vmsa"  # allocated by KVM, written by hardware at #VMEXIT


class Page(Entity):
    """A 4 KiB page of physical memory."""

    kind: Const[PageKind] = PageKind.MEMORY
    owner: Owner = Owner.GUEST
    pinned: bool = False  # by KVM_MEMORY_ENCRYPT_REG_REGION
    present: bool = True  # in the guest_memfd file
    intact: bool = True  # memory holds what the owner wrote last
    settled: bool = False  # KVM_MEMORY_ENCRYPT_UNREG_REGION has returned


class Device(Entity):
    """A device that writes memory by DMA."""
