"""The fixes that tell kernel versions apart, and which version has which.

Each is a part: "5.7-rc1" has host-side detection and none of them. READ names the versions whose
source was read. 6.1.176 has the work for each cpu, 6.12.107 to 6.12.118 do not; the return value of
an exit handler is lost in all but 6.12.117, 6.12.118 and 7.3.4. The commit that brought the exit
for AMD is not a fix: it is machine.amd.
"""

from __future__ import annotations

from vmlitmus.lang import Fix, KernelCommit

GUEST_AC = Fix(
    "the host's handler gets a guest's split-lock #AC",
    KernelCommit(
        "e6f8b6c12f03",
        "KVM: VMX: Extend VMXs #AC interceptor to handle split lock #AC in guest",
    ),
    "5.7",
)
EMULATED = Fix(
    "the emulator makes a split lock a plain write",
    KernelCommit("9de6fe3c28d6", "KVM: x86: Emulate split-lock access as a write in emulator"),
    "5.7",
)
NESTED_BUS_LOCK = Fix(
    "L0 keeps bus-lock exits of L2",
    KernelCommit("24a996ade34d", "KVM: nVMX: Fix nested bus lock VM exit"),
    "5.15",
)
NESTED_AC = Fix(
    "L0 keeps split-lock #AC of L2",
    KernelCommit("b33bb78a1fad", "KVM: nVMX: Handle split-lock #AC exceptions that happen in L2"),
    "5.19",
)
MISERY = Fix(
    "delayed work sets the bit again, not the context switch",
    KernelCommit("b041b525dab9", "x86/split_lock: Make life miserable for split lockers"),
    "5.19",
)
SYSCTL = Fix(
    "sysctl kernel.split_lock_mitigate",
    KernelCommit("727209376f49", "x86/split_lock: Add sysctl to control the misery mode"),
    "6.2",
)
PER_CPU = Fix(
    "each cpu has a delayed work of its own without mitigation",
    KernelCommit("c929d08df8be", "x86/split_lock: Fix the delayed detection logic"),
    "6.15",
)
RETURN_VALUE = Fix(
    "vmx_handle_exit() keeps a negative return value",
    KernelCommit(
        "cef48693da1e",
        "KVM: VMX: Preserve negative return value in vmx_handle_exit() with bus lock detected",
    ),
    "7.3",
)
FIXES = (
    GUEST_AC,
    EMULATED,
    NESTED_BUS_LOCK,
    NESTED_AC,
    MISERY,
    SYSCTL,
    PER_CPU,
    RETURN_VALUE,
)
_5_7 = (GUEST_AC, EMULATED)
_5_19 = (*_5_7, NESTED_BUS_LOCK, NESTED_AC, MISERY)
VERSIONS = {
    "5.7-rc1": (),
    "5.7": _5_7,
    "5.14": _5_7,
    "5.18": (*_5_7, NESTED_BUS_LOCK),
    "5.19": _5_19,
    "6.2": (*_5_19, SYSCTL),
    "6.1.176": (*_5_19, SYSCTL, PER_CPU),
    "6.12.107": (*_5_19, SYSCTL),
    "6.12.117": (*_5_19, SYSCTL, RETURN_VALUE),
    "6.12.118": (*_5_19, SYSCTL, RETURN_VALUE),
    "7.1.13": (*_5_19, SYSCTL, PER_CPU),
    "7.2.8": (*_5_19, SYSCTL, PER_CPU),
    "7.2.13": (*_5_19, SYSCTL, PER_CPU),
    "7.3.4": FIXES,
    "7.3": FIXES,
}
READ = ("6.1.176", "6.12.107", "6.12.117", "6.12.118", "7.1.13", "7.2.8", "7.2.13", "7.3.4")
UNREAD = {"7.3": "7.3.4 was"}
