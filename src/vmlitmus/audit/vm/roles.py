"""Which thread of a VMM is what, and why it is taken for that: never by its name alone.

A name counts where something else says the same: QEMU's command line has debug-threads=on, the
program is known to name its threads so, or the kernel has put a worker of its own (PF_USER_WORKER)
into the process, which makes it one that uses KVM. Threads that nothing explains are unknown.
Source: qemu_thread_naming() of QEMU; vhost_task_create() in kernel/vhost_task.c.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass

from vmlitmus.host.tasks.threads import Process, Thread
from vmlitmus.host.vmm.qemu import QemuArgs

_VCPU = re.compile(r"CPU (\d+)/(?:KVM|TCG)|(?:\S*[^A-Za-z0-9])?(?:fc_|crosvm_)?vcpu ?(\d+)")
_IOTHREAD = re.compile(r"IO \S+|_\w+_q\d+|iothread\S*")
KNOWN = {
    "cloud-hypervisor": "cloud-hypervisor",
    "firecracker": "firecracker",
    "crosvm": "crosvm",
}


@dataclass(frozen=True)
class Role:
    """``vcpu`` is its number, None for every other thread."""

    thread: Thread
    name: str
    why: str
    vcpu: int | None = None


def vmm_of(process: Process) -> str:
    """Return which VMM a process is, by its program; "" for one that is not known."""
    program = os.path.basename(process.arguments[0]) if process.arguments else ""
    if re.fullmatch(r"qemu-system-\w+|qemu-kvm|kvm", program):
        return "qemu"
    return KNOWN.get(program, "")


def classify(
    process: Process, vmm: str, given: Mapping[int, tuple[int, str]], args: QemuArgs | None
) -> tuple[Role, ...]:
    """Return the role of each thread. ``given`` maps thread ids to a vcpu and who says so."""
    named = _naming(process, vmm, args)
    return tuple(_role(process, thread, given, named) for thread in process.threads)


def _naming(process: Process, vmm: str, args: QemuArgs | None) -> str:
    """Say what makes names of threads believable here; "" where nothing does."""
    if args is not None and args.debug_threads:
        return "debug-threads=on"
    if vmm in KNOWN.values():
        return f"the program is {vmm}"
    if any(t.helper and t.comm.startswith("kvm-") for t in process.threads):
        return "the process has a worker of KVM"
    return ""


def _role(
    process: Process, thread: Thread, given: Mapping[int, tuple[int, str]], named: str
) -> Role:
    if thread.tid in given:
        number, who = given[thread.tid]
        return Role(thread, f"vcpu {number}", who, number)
    if thread.helper:
        name = "vhost" if thread.comm.startswith("vhost") else "kernel helper"
        return Role(thread, name, "flag PF_USER_WORKER")
    called = named_vcpu(thread)
    if called is not None and named and not given and thread.tid != process.pid:
        return Role(thread, f"vcpu {called}", f"its name, and {named}", called)
    if thread.tid == process.pid:
        return Role(thread, "emulator", "the main thread of the process")
    if named and _IOTHREAD.fullmatch(thread.comm):
        return Role(thread, "iothread", f"its name, and {named}")
    return Role(thread, "unknown", "nothing explains it")


def named_vcpu(thread: Thread) -> int | None:
    """Return the number of the vcpu that a thread is named for, None for another name."""
    found = _VCPU.fullmatch(thread.comm)
    return int((found[1] or found[2])[:6]) if found else None
