"""What kernels print where the audit reads a word: each with the trees that have it.

Read in 6.12.107, 6.12.117, 6.12.118, 7.1.13, 7.2.8, 7.2.13 and 7.3.4: OLD are those of 6.12, NEW
the others.
"""

from __future__ import annotations

OLD, NEW = ("6.12.107", "6.12.117", "6.12.118"), ("7.1.13", "7.2.8", "7.2.13", "7.3.4")
ALL = (*OLD, *NEW)
_AC = "#AC: crashing the kernel on kernel split_locks and {} on user-space split_locks"

# smt_states[] of kernel/cpu.c; control_show() prints a number of threads instead where the state is
# "on" and it is not that of all threads: 1 after a write of off that has failed
SMT_CONTROL = ("on", "off", "forceoff", "notsupported", "notimplemented")

# cpuset_partition_show() with perr_strings[] of kernel/cgroup/cpuset.c, the same in all
PARTITION_ERRORS = (
    "Invalid cpu list in cpuset.cpus.exclusive",
    "Parent is an invalid partition root",
    "Parent is not a partition root",
    "Cpu list in cpuset.cpus not exclusive",
    "Parent unable to distribute cpu downstream",
    "No cpu available due to hotplug",
    "cpuset.cpus and cpuset.cpus.exclusive are empty",
    "partition config conflicts with housekeeping setup",
    "Enable partition not permitted",
    "Have remote partition underneath",
)
PARTITIONS = {
    "member": False,
    "root": True,
    "isolated": True,
    **{f"{kind} invalid": False for kind in ("root", "isolated")},
    **{
        f"{kind} invalid ({error})": False
        for kind in ("root", "isolated")
        for error in PARTITION_ERRORS
    },
}

# what has the prefix "x86/split lock detection: ": arch/x86/kernel/cpu/intel.c of 6.12, bus_lock.c
# of the others. The state is "" where the message says nothing of it
SPLIT_LOCK: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("disabled", "off", OLD),
    (_AC.format("warning"), "warn", ALL),
    (_AC.format("sending SIGBUS"), "fatal", ALL),
    ("#DB: warning on user-space bus_locks", "warn", ALL),
    ("#DB: sending SIGBUS on user-space bus_locks", "fatal", ALL),
    ("#DB: sending SIGBUS on user-space bus_locks from non-WB", "fatal", OLD),
    ("#DB: setting system wide bus lock rate limit to 20/sec", "ratelimit", ALL),
    ("MSR access failed: Disabled", "off", ALL),
    ("No splitlock CPU offline handler", "", ALL),
    ("#AC: CPU 0/KVM/1234 took a split_lock trap at address: 0x401136", "", ALL),
    ("#AC: x trap at a/1 fatal split_lock trap at address: 0x401136", "", ALL),
    ("#AC: CPU 0/KVM/1234 bogus split_lock trap at address: 0x401136", "", ALL),
    ("#DB: a b/77 took a bus_lock trap at address: 0x7f0011223344", "", ALL),
)

# match_option() in the same files, behind cmdline_find_option() of arch/x86/lib/cmdline.c
SPLIT_LOCK_OPTION = {
    "quiet": "warn",
    "split_lock_detect": "warn",
    "split_lock_detect=": "warn",
    "split_lock_detect=off": "off",
    "split_lock_detect=warn": "warn",
    "split_lock_detect=fatal": "fatal",
    "split_lock_detect=fatal split_lock_detect=off": "off",
    "split_lock_detect=off quiet split_lock_detect=on": "warn",
    "split_lock_detect=fatal -- split_lock_detect=off": "off",
    "split-lock-detect=fatal": "warn",
    '"split_lock_detect=fatal"': "warn",
    'split_lock_detect="fatal"': "warn",
    "xsplit_lock_detect=fatal": "warn",
    "split_lock_detect=FATAL": "warn",
    "split_lock_detect=fatal,off": "warn",
    "split_lock_detect=ratelimit": "warn",
    "split_lock_detect=ratelimit:": "ratelimit",
    "split_lock_detect=ratelimit:1": "ratelimit",
    "split_lock_detect=ratelimit:1000": "ratelimit",
    "split_lock_detect=ratelimit:10x": "ratelimit",
    "split_lock_detect=ratelimit:0": "warn",
    "split_lock_detect=ratelimit:1001": "warn",
    "split_lock_detect=ratelimit:-5": "warn",
    "split_lock_detect=ratelimit:00000000010": "warn",
}
