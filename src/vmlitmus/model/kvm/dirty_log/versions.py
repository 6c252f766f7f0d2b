"""The changes around dirty logging that tell kernel versions apart, and which version has which.

READ names the versions whose source was read. The functions of bitmap, fault and memslot agree in
all of them as far as the model goes; dirty_ring.c of 7.1.13 to 7.3.4 is one file.
"""

from __future__ import annotations

from vmlitmus.lang import Fix, KernelCommit

EMULATED = Fix(
    "mark the page of an emulated atomic operation",
    KernelCommit(
        "910c57dfa4d1", "KVM: x86: Mark target gfn of emulated atomic instruction as dirty"
    ),
    "6.8",
)
RUNS = Fix(
    "a vcpu is marked preempted in KVM_RUN only",
    KernelCommit(
        "118964562969", "KVM: Mark a vCPU as preempted/ready iff it's scheduled out while running"
    ),
    "6.11",
)
SIGNAL = Fix(
    "a signal ends KVM_RESET_DIRTY_RINGS",
    KernelCommit("49005a2a3d2a", "KVM: Bail from the dirty ring reset flow if a signal is pending"),
    "6.17",
)
FIXES = (EMULATED, RUNS, SIGNAL)
UP_TO_6_12 = (EMULATED, RUNS)
VERSIONS = {
    "6.7": (),
    "6.10": (EMULATED,),
    "6.12.107": UP_TO_6_12,
    "6.12.117": UP_TO_6_12,
    "6.12.118": UP_TO_6_12,
    "7.1.13": FIXES,
    "7.2.8": FIXES,
    "7.2.13": FIXES,
    "7.3.4": FIXES,
}
READ = ("6.12.107", "6.12.117", "6.12.118", "7.1.13", "7.2.8", "7.2.13", "7.3.4")
UNREAD = {
    "6.7": "6.12.107 was, without the two fixes",
    "6.10": "6.12.107 was, without the second fix",
}
