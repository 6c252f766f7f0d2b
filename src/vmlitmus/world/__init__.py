"""What exists: declarations only. Every topic uses the fields it needs; the others cost nothing."""

from vmlitmus.world.cpu import (
    Calls,
    CopyOrder,
    Core,
    Cpu,
    GuestWbinvd,
    Host,
    Hotplug,
    InitOrder,
    MoveFlush,
    OtherAsid,
    ReclaimFlush,
    SeamcallMark,
    TdxFlush,
    Writeback,
)
from vmlitmus.world.memory import Device, Owner, Page, PageKind
from vmlitmus.world.task import Task
from vmlitmus.world.vm import Role, Vcpu, Vm, VmKind

__all__ = [
    "Calls",
    "CopyOrder",
    "Core",
    "Cpu",
    "Device",
    "GuestWbinvd",
    "Host",
    "Hotplug",
    "InitOrder",
    "MoveFlush",
    "OtherAsid",
    "Owner",
    "Page",
    "PageKind",
    "ReclaimFlush",
    "Role",
    "SeamcallMark",
    "Task",
    "TdxFlush",
    "Vcpu",
    "Vm",
    "VmKind",
    "Writeback",
]
