"""Trees with lost, cut and garbled files: no reader fails, and nothing becomes true by a loss.

A file that cannot be read any more, that ends early or that holds something else says less than
before. So a claim that was not true must not become true, whatever file it is and however it is
damaged. The ordinary tests draw some of the mutations, ``--wide`` makes all.
"""

from __future__ import annotations

import gzip
import random
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from hosts import cookies, machine, qemu, recorded, thread, write

from vmlitmus.audit.claims.fixes import find_changelog
from vmlitmus.audit.facts import read_host
from vmlitmus.audit.host import Wanted, audit_host
from vmlitmus.audit.vm.domain import find_domains
from vmlitmus.host.cpus.cpuidle import read_idle_states
from vmlitmus.host.cpus.cpuset import read_cpuset
from vmlitmus.host.cpus.topology import read_ids, read_topology
from vmlitmus.host.fact import Fact
from vmlitmus.host.kernel.cmdline import read_cmdline
from vmlitmus.host.kernel.release import read_kernel
from vmlitmus.host.kernel.split_lock import read_split_lock
from vmlitmus.host.saved.archive import open_tree
from vmlitmus.host.tasks.cookies import read_cookies
from vmlitmus.host.tasks.debugfs import read_kvm_vms
from vmlitmus.host.tasks.threads import process_ids, read_process
from vmlitmus.host.tree import LIMIT, Tree
from vmlitmus.outcome.audit import Answer

READERS = {
    "topology": read_topology,
    "ids": lambda t: read_ids(t, frozenset(range(4))),
    "idle states": lambda t: read_idle_states(t, 0),
    "command line": read_cmdline,
    "kernel": read_kernel,
    "split locks": read_split_lock,
    "cookies": lambda t: read_cookies(t, []),
    "processes": lambda t: [read_process(t, pid) for pid in process_ids(t)],
    "VMs of KVM": read_kvm_vms,
    "cpuset": lambda t: [read_cpuset(t, {"": "/vm"}), read_cpuset(t, {"cpuset": "/vm"})],
    "changelog": lambda t: find_changelog(t, "6.12.107"),
    "libvirt": lambda t: read_host(t).statuses,
    "domains": lambda t: find_domains(read_host(t)),
}
STATUS = """<domstatus state='running' pid='100'><vcpus><vcpu id='0' pid='101'/><vcpu id='1'
pid='102'/></vcpus><domain type='kvm'><name>a</name><vcpu current='2'>3</vcpu><cputune><vcpupin
vcpu='0' cpuset='1'/><emulatorpin cpuset='0'/></cputune></domain></domstatus>
"""


@dataclass
class Mutated:
    """A tree in which one file has other content, or one folder shows nothing."""

    tree: Tree
    path: str = ""
    content: Fact[bytes] | None = None
    live = False
    files: dict[str, bytes] = field(default_factory=dict)
    folders: set[str] = field(default_factory=set)

    def read(self, path: str, limit: int = LIMIT) -> Fact[bytes]:
        if path == self.path and self.content is not None:
            return self.content
        found = self.tree.read(path, limit)
        if found.value is not None:
            self.files[path] = found.value
        return found

    def names(self, path: str) -> tuple[str, ...]:
        if path == self.path:
            return ()
        found = self.tree.names(path)
        if found:
            self.folders.add(path)
        return found


def mutations(tree: Tree, read) -> Iterator[Mutated]:  # type: ignore[no-untyped-def]
    """Yield the tree with each file that is read damaged in each way, and each folder unseen."""
    whole = Mutated(tree)
    read(whole)
    for folder in sorted(whole.folders):
        yield Mutated(tree, folder)
    for path, old in sorted(whole.files.items()):
        yield Mutated(tree, path, Fact(None, f"/{path}", "permission denied"))
        for new in damaged(old):
            if new != old:
                yield Mutated(tree, path, Fact(new, f"/{path}"))


def damaged(old: bytes) -> list[bytes]:
    cuts = [old[: len(old) * part // 8] for part in range(8)] + [old[:-1], old[:-2]]
    words = [
        b"\n",
        b"(null)\n",
        b"-1\n",
        b"99999999999\n",
        b"x" * 300 + b"\n",
        b"\xff\xfe\0\x1b[2J\n",
    ]
    return [*dict.fromkeys([*cuts, *words, old[::-1], old[::-1] + b"\n", old + old])]


def some(request: pytest.FixtureRequest, every: list[Mutated], count: int) -> list[Mutated]:
    """Return ``count`` of the mutations by a seed of their own, all with --wide."""
    if request.config.getoption("--wide"):
        return every
    return random.Random(len(every)).sample(every, min(count, len(every)))


@pytest.fixture(scope="module")
def rich(tmp_path_factory) -> Tree:  # type: ignore[no-untyped-def]
    """A host with everything that readers read: two QEMU domains, libvirt, debugfs, cpusets."""
    root = machine(tmp_path_factory.mktemp("rich"), [[0, 2], [1, 3]])
    qemu(root, 100, "a", ["2", "0-3"], smp="2,maxcpus=3,threads=1", rest="0")
    qemu(root, 200, "b", ["1", "3"], smp="2,cores=1,threads=2", rest="0-3")
    thread(root, 300, 300, "stranger", "0-3")
    write(root, "proc/300/status", "Threads:\t1\n")
    cookies(root, {100: 0, 101: 5, 102: 5, 200: 0, 201: 0, 202: 0, 300: 5, 2: 0})
    write(root, "cookies_after.tsv", (root / "cookies.tsv").read_bytes())
    for number, tid in enumerate((101, 102)):
        write(root, f"sys/kernel/debug/kvm/100-9/vcpu{number}/pid", f"{tid}\n")
    write(root, "sys/kernel/debug/kvm/exits", "9\n")
    write(root, "run/libvirt/qemu/a.xml", STATUS)
    cpu = "sys/devices/system/cpu"
    for n in range(4):
        write(root, f"{cpu}/cpu{n}/topology/core_id", f"{n}\n")
        write(root, f"{cpu}/cpu{n}/topology/physical_package_id", "0\n")
    for name, value in (
        ("present", "0-3"),
        ("possible", "0-3"),
        ("isolated", ""),
        ("smt/active", "1"),
    ):
        write(root, f"{cpu}/{name}", f"{value}\n")
    write(root, f"{cpu}/vulnerabilities/mds", "Mitigation: x; SMT vulnerable\n")
    write(root, f"{cpu}/cpu0/cpuidle/state0/name", "POLL\n")
    write(root, f"{cpu}/cpu0/cpuidle/state0/disable", "0\n")
    write(root, "proc/version", "Linux version 6.12.107 (a) (gcc (Debian 12.2.0-14) 12.2.0) #1 x\n")
    write(root, "proc/version_signature", "Ubuntu 6.12.0-1.1-generic 6.12.107\n")
    write(root, "proc/config.gz", gzip.compress(b"CONFIG_SCHED_CORE=y\n"))
    write(root, "dmesg", "[    0.000000] x\n[    0.1] x86/split lock detection: disabled\n")
    write(root, "proc/sys/kernel/split_lock_mitigate", "1\n")
    write(root, "sys/module/kvm_amd/parameters/sev_snp", "Y\n")
    write(root, "sys/kernel/livepatch/x/enabled", "1\n")
    write(root, "usr/share/doc/linux-image-6.12.107/changelog.Debian.gz", gzip.compress(b"x\n"))
    write(root, "sys/fs/cgroup/cgroup.controllers", "cpuset\n")
    write(root, "sys/fs/cgroup/vm/cpuset.cpus.effective", "0-1\n")
    write(root, "sys/fs/cgroup/vm/cpuset.cpus.partition", "isolated\n")
    write(root, "sys/fs/cgroup/cpuset/vm/cpuset.effective_cpus", "0-1\n")
    write(root, "proc/300/task/300/cgroup", "0::/vm\n")
    return open_tree(root)


@pytest.mark.parametrize("reader", READERS)
def test_no_reader_fails(reader: str, rich: Tree, request: pytest.FixtureRequest) -> None:
    read = READERS[reader]
    every = list(mutations(rich, read))
    assert any(m.content is not None for m in every)
    for mutated in some(request, every, 30):
        read(mutated)


def answers(tree: Tree) -> dict[tuple[str, str], Answer]:
    wanted = Wanted(trust_topology=True, for_ever=False)
    return {(j.about, j.claim): j.answer for j in audit_host(tree, wanted, "x").all_judged}


@pytest.mark.parametrize("name", ["rich", "2vm-partition", "2vm-cookies", "smt4-off"])
def test_nothing_becomes_true_by_a_loss(
    name: str, rich: Tree, request: pytest.FixtureRequest
) -> None:
    tree = rich if name == "rich" else recorded(name)
    before = answers(Mutated(tree))
    every = list(mutations(tree, answers))
    wrong = [
        (m.path, m.content and m.content.value, key)
        for m in some(request, every, 45)
        for key, answer in answers(m).items()
        if answer is Answer.TRUE and before.get(key, Answer.TRUE) is not Answer.TRUE
    ]
    assert not wrong, wrong[:5]
