"""Core-scheduling cookies: which tasks may run beside each other on a core.

A value is a hash of a kernel pointer: equal at one moment means one group, 0 means none. Ids are
used again, so values are compared within one sweep only. Four errors say four things: see
``MEANING``.
Source: sched_core_share_pid() in kernel/sched/core_sched.c; PR_SCHED_CORE in prctl(2).
"""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeAlias

from vmlitmus.host.tree import Tree, text

PR_SCHED_CORE, PR_SCHED_CORE_GET, PR_SCHED_CORE_SCOPE_THREAD = 62, 0, 0
SAVED = "cookies.tsv"
AFTER = "cookies_after.tsv"
Get: TypeAlias = Callable[[int], "int | str"]
MEANING = {
    "EINVAL": "this kernel has no core scheduling (no CONFIG_SCHED_CORE), so no task has a cookie",
    "ENODEV": "no core has two cpus online; tasks may have cookies that come back with SMT",
    "EPERM": "no permission to look at this thread (needs its uid, or CAP_SYS_PTRACE)",
    "ESRCH": "no such thread in the pid namespace of the reader: gone, or another namespace",
    "ENOSYS": "a filter refuses the call",
}


@dataclass(frozen=True)
class Cookies:
    """``values`` maps thread ids to a cookie or an errno's name; ``where`` says how they were read.

    ``support`` is what the reader got for itself: "" where the call works, else the errno's name.
    ``why`` is set where there is nothing at all.
    """

    values: dict[int, int | str]
    support: str
    where: str
    why: str = ""


def read_cookies(tree: Tree, tids: Iterable[int], get: Get | None = None) -> Cookies:
    """Read the cookies of threads: by prctl on this machine, else from the saved table.

    ``get`` stands for the call in tests: it returns a cookie or the name of an errno.
    """
    if get is None and not tree.live:
        return _saved(tree)
    ask = get or prctl
    own = ask(0)
    support = own if isinstance(own, str) else ""
    where = "prctl(PR_SCHED_CORE, PR_SCHED_CORE_GET)"
    if support in ("EINVAL", "ENOSYS"):
        return Cookies({}, support, where)
    wanted = list(tids)
    first = {tid: ask(tid) for tid in wanted}
    second = {tid: ask(tid) for tid in wanted}
    return Cookies(stable(first, second), support, where)


def stable(first: dict[int, int | str], second: dict[int, int | str]) -> dict[int, int | str]:
    """Keep what two sweeps agree on; a thread that changed in between says so."""
    return {
        tid: value if second.get(tid, value) == value else "changed while it was read"
        for tid, value in first.items()
    }


def prctl(tid: int) -> int | str:
    """Return the cookie of a thread (0 is the caller), or the name of the errno."""
    value = ctypes.c_uint64(0)
    libc = ctypes.CDLL(None, use_errno=True)
    done = libc.prctl(
        ctypes.c_int(PR_SCHED_CORE),
        ctypes.c_ulong(PR_SCHED_CORE_GET),
        ctypes.c_ulong(tid),
        ctypes.c_ulong(PR_SCHED_CORE_SCOPE_THREAD),
        ctypes.byref(value),
    )
    if done == 0:
        return value.value
    number = ctypes.get_errno()
    return errno.errorcode.get(number, os.strerror(number))


def _saved(tree: Tree) -> Cookies:
    first, second = text(tree, SAVED, 64 << 20), text(tree, AFTER, 64 << 20)
    if first.value is None:
        return Cookies({}, "", first.where, f"the tree has no {SAVED}")
    values = parse_table(first.value)
    if second.value is not None:
        values = stable(values, parse_table(second.value))
    errors = {value for value in values.values() if value in ("EINVAL", "ENODEV")}
    support = errors.pop() if len(errors) == 1 else ""
    return Cookies(values, support, first.where)


def parse_table(content: str) -> dict[int, int | str]:
    """Return the cookies of a table "tgid, tid, comm, cookie"; lines that are none are left out."""
    found: dict[int, int | str] = {}
    for line in content.splitlines():
        fields = line.split("\t")
        if line.startswith("#") or len(fields) < 4 or not fields[1].isdecimal():
            continue
        word = fields[-1].strip()
        try:
            found[int(fields[1][:9])] = int(word, 0)
        except ValueError:
            found[int(fields[1][:9])] = word
    return found
