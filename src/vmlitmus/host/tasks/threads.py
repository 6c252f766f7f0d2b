"""Every thread of the host: who it is, where it may run, in which cgroup.

A file of a thread that ends while it is read is no error: the thread is gone. The name of a thread
is chosen by its program, its flags by the kernel.
Source: proc_pid_status(5), proc_pid_stat(5); Documentation/filesystems/proc.rst.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from vmlitmus.host.cpus.cpulist import Cpus, cpu_list
from vmlitmus.host.fact import Fact, lost
from vmlitmus.host.tree import Tree, text

_PF_KTHREAD, _PF_USER_WORKER = 0x00200000, 0x00004000  # include/linux/sched.h
_LINE = re.compile(r"^(\w+):[ \t]*(.*)$", re.MULTILINE)
_STATUS = 1 << 16
NOBODY = -1  # stands for threads that are there and cannot be read


@dataclass(frozen=True)
class Thread:
    """A thread. ``allowed`` is its affinity, which may name cpus that are not online.

    ``start`` is in ticks since boot and tells a reused thread id; ``policy`` and ``priority`` are
    those of field 41 and 40 of stat; ``uid`` is the real one; ``cgroups`` maps controllers ("" for
    v2) to paths.
    ``kernel`` is None where it is not known whether it is a kernel thread.
    """

    tgid: int
    tid: int
    comm: str
    start: int
    policy: int
    priority: int
    allowed: Fact[Cpus]
    cgroups: dict[str, str]
    kernel: bool | None
    uid: int | None = None
    helper: bool = False  # made by the kernel inside a process: vhost, KVM's recovery worker
    inner: tuple[int, ...] = ()  # NSpid: ids in inner pid namespaces


@dataclass(frozen=True)
class Process:
    """A process; ``arguments`` is empty for kernel threads and where it cannot be read."""

    pid: int
    arguments: tuple[str, ...]
    threads: tuple[Thread, ...]


def process_ids(tree: Tree) -> tuple[int, ...]:
    """Return the processes that /proc shows."""
    return tuple(int(name) for name in tree.names("proc") if re.fullmatch(r"\d{1,9}", name))


def read_process(tree: Tree, pid: int) -> Process | None:
    """Return a process with its threads; None where it is gone."""
    line = tree.read(f"proc/{pid}/cmdline")
    threads = tuple(_threads(tree, pid))
    if not threads and line.value is None:
        return None
    words = (line.value or b"").rstrip(b"\0\n").decode("utf-8", "backslashreplace")
    return Process(pid, tuple(words.split("\0")) if words else (), threads)


def _threads(tree: Tree, pid: int) -> Iterator[Thread]:
    names = [n for n in tree.names(f"proc/{pid}/task") if re.fullmatch(r"\d{1,9}", n)]
    for name in names or [str(pid)]:
        place = f"proc/{pid}/task/{name}" if names else f"proc/{pid}"
        found = read_thread(tree, place, pid, int(name))
        if found is not None:
            yield found
    if not names and _count(tree, pid) > 1:
        allowed: Fact[Cpus] = lost(f"/proc/{pid}/task", "cannot be read")
        yield Thread(pid, NOBODY, "", 0, 0, 0, allowed, {}, None)


def _count(tree: Tree, pid: int) -> int:
    """Return how many threads a process has, by its status; 0 where that does not say."""
    found = re.search(r"^Threads:\s*(\d{1,9})$", text(tree, f"proc/{pid}/status").value or "", re.M)
    return int(found[1]) if found else 0


def read_thread(tree: Tree, place: str, tgid: int, tid: int) -> Thread | None:
    """Return one thread; None where it is gone. One that may not be looked at has no name."""
    stat, status = text(tree, f"{place}/stat", _STATUS), text(tree, f"{place}/status", _STATUS)
    if {stat.why, status.why} <= {"absent", "gone"}:
        return None
    lines = dict(_LINE.findall(status.value or ""))
    comm, fields = stat_fields(stat.value or "")
    name = comm if comm is not None else lines.get("Name", "")
    return Thread(
        tgid=tgid,
        tid=tid,
        comm=name,
        start=_field(fields, 22),
        policy=_field(fields, 41),
        priority=_field(fields, 40),
        allowed=_allowed(lines, status),
        cgroups=_cgroups(tree, place),
        kernel=_kernel(lines, fields),
        uid=_uid(lines),
        helper=bool(_field(fields, 9) & _PF_USER_WORKER),
        inner=tuple(int(n) for n in re.findall(r"\d{1,9}", lines.get("NSpid", ""))[1:]),
    )


def stat_fields(line: str) -> tuple[str | None, list[str]]:
    """Split a stat line at its last ")": the name may hold spaces and brackets.

    Returns the name, and the fields from the third on.
    """
    head, bracket, rest = line.rpartition(")")
    _, opened, comm = head.partition("(")
    if not bracket or not opened:
        return None, []
    return comm, rest.split()


def _field(fields: list[str], number: int) -> int:
    """Return a field of stat by its number in the manual page; 0 where it is absent."""
    word = fields[number - 3] if len(fields) > number - 3 else ""
    return int(word) if re.fullmatch(r"-?\d{1,20}", word) else 0


def _allowed(lines: dict[str, str], status: Fact[str]) -> Fact[Cpus]:
    where = f"{status.where}: Cpus_allowed_list"
    if status.value is None:
        return lost(where, status.why)
    try:
        value = cpu_list(lines["Cpus_allowed_list"])
    except (KeyError, ValueError) as error:
        why = "no such line" if isinstance(error, KeyError) else str(error)
        return lost(where, why)
    return Fact(value, where, when=status.when)


def _kernel(lines: dict[str, str], fields: list[str]) -> bool | None:
    """Kthread since 6.8; before, a flag, or kthreadd (2) as the parent."""
    if lines.get("Kthread") in ("0", "1"):
        return lines["Kthread"] == "1"
    if len(fields) > 6:
        return bool(_field(fields, 9) & _PF_KTHREAD)
    if "PPid" in lines:
        return lines["PPid"] == "2" or lines.get("Pid") == "2"
    return None


def _uid(lines: dict[str, str]) -> int | None:
    first = lines.get("Uid", "").split()[:1]
    return int(first[0]) if first and re.fullmatch(r"\d{1,10}", first[0]) else None


def _cgroups(tree: Tree, place: str) -> dict[str, str]:
    found = text(tree, f"{place}/cgroup", _STATUS)
    paths: dict[str, str] = {}
    for line in (found.value or "").splitlines():
        parts = line.split(":", 2)
        if len(parts) == 3:
            for controller in parts[1].split(","):
                paths[controller] = parts[2]
    return paths
