"""The fixes of the way to kexec, and which kernel version has which.

READ names the versions whose source was read. 6.1.176 has cpus_stop_mask as a stable commit.
"""

from __future__ import annotations

from vmlitmus.lang import Fix, KernelCommit

STOP_MASK = Fix(
    "kexec waits until each cpu has cleared its bit in cpus_stop_mask",
    KernelCommit("1f5e7eb7868e", "x86/smp: Make stop_other_cpus() more robust"),
    "6.5",
)
BY_MARK = Fix(
    "the cpu that executes kexec looks at its own mark",
    KernelCommit("83214a775f33", "x86/sme: Use percpu boolean to control WBINVD during kexec"),
    "6.18",
)
FIXES = (STOP_MASK, BY_MARK)
VERSIONS = {
    "6.4": (),
    "6.1.176": (STOP_MASK,),
    "6.12.107": (STOP_MASK,),
    "6.12.117": (STOP_MASK,),
    "6.12.118": (STOP_MASK,),
    "7.1.13": FIXES,
    "7.2.8": FIXES,
    "7.2.13": FIXES,
    "7.3.4": FIXES,
}
READ = ("6.1.176", "6.12.107", "6.12.117", "6.12.118", "7.1.13", "7.2.8", "7.2.13", "7.3.4")
