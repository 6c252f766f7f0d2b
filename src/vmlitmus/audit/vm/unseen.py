"""Whether a vcpu may run in a thread that the audit does not take for one.

A claim about all vcpus of a VM is not true for want of seeing one of them. KVM's debugfs and
libvirt's status file list all vcpus, with their threads; names of threads do not say how many
there are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from vmlitmus.audit.vm.roles import Role, named_vcpu
from vmlitmus.host.tasks.debugfs import KvmVm
from vmlitmus.host.tasks.threads import Process


def by_kvm(vm: KvmVm, process: Process) -> str:
    """Return "" where each vcpu that KVM lists has a thread that was read, else who has not."""
    threads = {thread.tid for thread in process.threads}
    for number, tid in vm.vcpus.items():
        if tid is None:
            return f"the thread of vcpu {number} could not be read in debugfs: kvm/{vm.folder}"
        if tid and tid not in threads:
            return f"vcpu {number} runs in thread {tid}, which could not be read"
    return "" if vm.vcpus else f"debugfs: kvm/{vm.folder} shows no vcpu"


def by_names(
    process: Process,
    known: Mapping[int, tuple[int, str]],
    roles: Iterable[Role],
    count: int | None,
) -> str:
    """The same where ``known`` are the threads that the monitor or libvirt list, if any does."""
    threads = {thread.tid: thread for thread in process.threads}
    for tid, (number, who) in known.items():
        if tid not in threads:
            return f"vcpu {number} runs in thread {tid} ({who}), which could not be read"
    if known:
        return _unlisted(process, known)
    nameless = next((tid for tid, thread in threads.items() if not thread.comm), None)
    if nameless is not None:
        return f"thread {nameless} could not be read; it may run a vcpu"
    found = sum(role.vcpu is not None for role in roles)
    if found and count is not None and found < count:
        return f"{count} vcpus are configured, the threads of {found} are known"
    return ""


def _unlisted(process: Process, known: Mapping[int, tuple[int, str]]) -> str:
    """A list may be older than the process: a thread with a vcpu's name that it lacks says so."""
    who = next(iter(known.values()))[1]
    for thread in process.threads:
        if thread.tid not in known and thread.tid != process.pid and named_vcpu(thread) is not None:
            return f"thread {thread.tid} is called {thread.comm}, and {who} does not have it"
    return ""
