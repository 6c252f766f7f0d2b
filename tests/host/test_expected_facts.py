"""Facts of real machines and domains, against answers that were found by hand."""

from __future__ import annotations

from collections import Counter, defaultdict

from samples import SHARED, asked, tree

from vmlitmus.host.cpus.cpulist import as_list
from vmlitmus.host.cpus.cpuset import read_cpuset
from vmlitmus.host.cpus.topology import read_ids, read_topology
from vmlitmus.host.tasks.cookies import read_cookies
from vmlitmus.host.tasks.debugfs import read_kvm_vms
from vmlitmus.host.tasks.threads import read_process
from vmlitmus.host.vmm.libvirt import parse_domain
from vmlitmus.host.vmm.qemu import parse_qemu, read_args
from vmlitmus.host.vmm.qmp import parse_qmp
from vmlitmus.host.vmm.rust_vmm import parse_config

TOPOLOGY = {
    "online cpus": lambda t: "absent" if t.online.value is None else as_list(t.online.value),
    "cpus with a readable sibling list": lambda t: str(len(t.siblings)),
    "cores among them": lambda t: str(len(set(t.siblings.values()))),
    "cores by number of threads (threads x cores)": lambda t: sizes(t),
    "siblings of the lowest such cpu": lambda t: as_list(t.siblings[min(t.siblings)]),
    "smt/active": lambda t: t.smt_active.value or "absent",
    "smt/control": lambda t: t.smt_control.value or "absent",
    "is this host itself a guest": lambda t: guest(t),
}


def sizes(topology) -> str:
    found = Counter(len(core) for core in set(topology.siblings.values()))
    return " ".join(f"{threads}x{cores}" for threads, cores in sorted(found.items()))


def guest(topology) -> str:
    info = topology.cpuinfo.value
    if info is None:
        return "cannot tell: no cpuinfo in the dump"
    if info.flags is None:
        return "cannot tell: cpuinfo has no x86 flags line"
    return "yes (flag hypervisor)" if "hypervisor" in info.flags else "no"


@asked(*TOPOLOGY)
def test_topology(file: str, question: str, answer: str) -> None:
    assert TOPOLOGY[question](read_topology(tree(file))) == answer


IDS = (
    "distinct physical_package_id",
    "core_id alone identifies a core",
    "(package id, core id) groups = sibling groups",
)


@asked(*IDS)
def test_ids(file: str, question: str, answer: str) -> None:
    topology = read_topology(tree(file))
    ids = read_ids(tree(file), frozenset(topology.siblings))
    alone, pairs = defaultdict(set), defaultdict(set)
    for cpu, found in ids.items():
        alone[found.core].add(cpu)
        pairs[found.package, found.core].add(cpu)
    cores = set(topology.siblings.values())
    found = {
        IDS[0]: str(len({found.package for found in ids.values()})),
        IDS[1]: "yes" if {frozenset(g) for g in alone.values()} == cores else "no",
        IDS[2]: "yes" if {frozenset(g) for g in pairs.values()} == cores else "no",
    }
    assert found[question] == answer


XML = {
    "domain type": lambda d: d.kind,
    "vcpus (current/maximum)": lambda d: f"{d.vcpus}/{d.maximum}",
    "default cpuset of <vcpu>": lambda d: "-" if d.default is None else as_list(d.default),
    "vcpupin as written": lambda d: (
        ";".join(f"{n}={as_list(c)}" for n, c in sorted(d.pins.items())) or "-"
    ),
    "emulatorpin": lambda d: "-" if d.emulator is None else as_list(d.emulator),
    "guest topology (sockets,dies,cores,threads)": lambda d: shape(d.topology),
    "launchSecurity": lambda d: (
        f"{d.security.kind} policy {d.security.policy}" if d.security else "-"
    ),
    "vcpu thread ids": lambda d: ";".join(f"{n}={t}" for n, t in sorted(d.tids.items())),
}


def shape(t) -> str:
    if t is None:
        return "absent: QEMU default, one thread per core"
    return f"{t.sockets},{t.dies},{t.cores},{t.threads}"


@asked(*XML, prefix="xml/")
def test_libvirt(file: str, question: str, answer: str) -> None:
    assert XML[question](parse_domain((SHARED / file).read_bytes(), file)) == answer


ARGS = {
    "-cpu as written (last wins)": lambda a: a.cpu,
    "-smp": lambda a: a.smp_text,
    "-accel": lambda a: ",".join(a.accel),
    "sev object": lambda a: f"{a.sev.kind} policy {a.sev.policy}" if a.sev else "-",
}


@asked(*ARGS, prefix="args/")
def test_qemu(file: str, question: str, answer: str) -> None:
    words = read_args((SHARED / file).read_text(), file)
    assert ARGS[question](parse_qemu(words)) == answer


def dash(number: int | None) -> str:
    return "-" if number is None else str(number)


QMP = {
    "vcpu index = host thread id": lambda q: ";".join(f"{v.index}={v.tid}" for v in q.vcpus),
    "vcpu index = guest socket/die/core/thread": lambda q: ";".join(
        f"{v.index}={dash(v.socket)}/{dash(v.die)}/{dash(v.core)}/{dash(v.thread)}" for v in q.vcpus
    ),
    "SEV in use": lambda q: "no; QEMU 7.2 form without sev-type" if q.sev == "" else q.sev,
    "accelerator": lambda q: (
        "not KVM although KVM is present" if q.kvm == (False, True) else str(q.kvm)
    ),
}


@asked(*QMP, prefix="qmp/")
def test_qmp(file: str, question: str, answer: str) -> None:
    assert QMP[question](parse_qmp((SHARED / file).read_text(), file)) == answer


SCOPES = {
    "Vm": "one for all vcpu threads; vmm, virtio and vhost threads have none",
    "": "cannot tell from the file: no core_scheduling key (version before 52, or default)",
}
VMM = {
    "cookie scope": lambda c: SCOPES[c.core_scheduling],
    "vcpu = host cpus": lambda c: (
        ";".join(f"{n}={as_list(cpus)}" for n, cpus in sorted(c.pins.items()))
        if c.pins
        else "unpinned"
    ),
    "guest threads per core": lambda c: {1: "1 (smt absent = false)", 2: "2 (smt true)"}[c.threads],
    "pinning": lambda c: (
        'none in the file: Firecracker has no knob; threads are named "fc_vcpu N"'
        if c.pins is None and c.vmm == "firecracker"
        else str(c.pins)
    ),
}


@asked(*VMM, prefix="vmm/")
def test_rust_vmms(file: str, question: str, answer: str) -> None:
    assert VMM[question](parse_config((SHARED / file).read_text(), file)) == answer


@asked("vcpu thread ids by debugfs")
def test_debugfs(file: str, question: str, answer: str) -> None:
    vms = read_kvm_vms(tree(file))
    found = "; ".join(
        f"{vm.maker}: " + " ".join(f"{n}={t}" for n, t in sorted(vm.vcpus.items())) for vm in vms
    )
    assert found == answer


@asked("affinity", "affinity of every vcpu")
def test_affinity(file: str, question: str, answer: str) -> None:
    if question == "affinity of every vcpu":
        wanted = dict.fromkeys((60, 61, 62, 63, 64, 65), answer)
    else:
        parts = [part.split(": ") for part in answer.split("; ")]
        wanted = {int(tid): cpus for tids, cpus in parts for tid in tids.split(", ")}
    processes = {57, 58} if question == "affinity of every vcpu" else {687, 688}
    found = {
        thread.tid: as_list(thread.allowed.value or ())
        for pid in processes
        for thread in read_process(tree(file), pid).threads
    }
    assert {tid: found[tid] for tid in wanted} == wanted


@asked("cookie groups", "cookies", prefix="snapshots/")
def test_cookies(file: str, question: str, answer: str) -> None:
    cookies = read_cookies(tree(file), ())
    if question == "cookies":
        assert answer.startswith(f"cannot be read: {cookies.support};")
        assert set(cookies.values.values()) == {cookies.support}
        return
    groups = defaultdict(set)
    for tid, value in cookies.values.items():
        groups[value].add(tid)
    assert groups.pop(0)
    found = {hex(v): (min(tids), tids) for v, tids in groups.items()}
    assert (
        "; ".join(
            [f"{first} and its threads {v}" for v, (first, _) in found.items()]
            + ["all other tasks 0"]
        )
        == answer
    )
    for first, tids in found.values():
        assert {thread.tid for thread in read_process(tree(file), first).threads} == tids


@asked(
    "partition of VM 66 (cgroup /vm1)",
    "partition of VM 67 (cgroup /vm2)",
    "partition of cgroup /bad",
    "/sys/devices/system/cpu/isolated",
)
def test_partitions(file: str, question: str, answer: str) -> None:
    if question.startswith("/sys"):
        assert read_topology(tree(file)).isolated.value == frozenset()
        return
    path = question.rpartition(" ")[2].rstrip(")")
    group = read_cpuset(tree(file), {"": path})
    found = group.partition.value
    if found.reason:
        assert answer == f"{found.kind} invalid ({found.reason}): gives no exclusion"
    elif found.keeps_out:
        cpus = as_list(group.effective.value)
        assert answer in (
            f"{found.kind}, cpus {cpus}, valid: no task of another cgroup runs there",
            f"{found.kind}, still valid",
        )
    else:
        assert (
            answer == f"{found.kind}, cpus {as_list(group.effective.value)}: others may run there"
        )
    assert found.keeps_out == ("valid" in answer and "invalid" not in answer)
