"""The changes around the Secure EPT that tell kernel versions apart, and which version has which.

READ names the versions whose source was read: tdx.c of 7.1.13 to 7.3.4 agrees as far as the model
goes, apart from the fix. 6.12 has no TDX host.
"""

from __future__ import annotations

from vmlitmus.lang import Fix, KernelFile

NO_STALE_EXIT = Fix(
    "a vcpu that is held back has no exit reason",
    KernelFile("arch/x86/kvm/vmx/tdx.c", "tdx_vcpu_run()", "7.3.4"),
    "7.3.2",
)
FIXES = (NO_STALE_EXIT,)
VERSIONS = {
    "7.1.13": (),
    "7.2.8": (),
    "7.2.13": (),
    "7.3.4": FIXES,
}
READ = tuple(VERSIONS)
