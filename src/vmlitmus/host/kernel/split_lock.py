"""What the host says of split-lock detection: boot messages, sysctl, flags.

Source: split_lock_setup() and sld_state_show() in arch/x86/kernel/cpu/bus_lock.c.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass

from vmlitmus.host.fact import Fact, lost
from vmlitmus.host.tree import Tree, reason, text

_MESSAGE = re.compile(r"x86/split lock detection: (.*)")
_FIRST = re.compile(r"^\[ *0\.000000\]")
_RING = 16 << 20  # bytes


@dataclass(frozen=True)
class SplitLock:
    """``message`` is what the kernel printed at boot, "" where it printed nothing.

    It is not known where the log cannot be read, or where its beginning is lost.
    ``mitigate`` is the sysctl, which exists on machines without the feature too.
    """

    message: Fact[str]
    mitigate: Fact[str]


def read_split_lock(tree: Tree) -> SplitLock:
    """Read the boot message and the sysctl."""
    log = _kmsg() if tree.live else text(tree, "dmesg", _RING)
    return SplitLock(boot_message(log), text(tree, "proc/sys/kernel/split_lock_mitigate", 4096))


def boot_message(log: Fact[str]) -> Fact[str]:
    """Return the last message about split locks in a log, in dmesg's form."""
    if log.value is None:
        return lost(log.where, log.why)
    found = _MESSAGE.findall(log.value)
    if found:
        return Fact(found[-1].strip(), log.where, when=log.when)
    if not _FIRST.match(log.value):
        return lost(log.where, "the log does not begin at 0.000000: its beginning is lost")
    return Fact("", log.where, when=log.when)


def _kmsg() -> Fact[str]:
    """Return the kernel's log as dmesg prints it; each read of /dev/kmsg is one record."""
    where, lines = "/dev/kmsg", list[str]()
    try:
        file = os.open(where, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        return lost(where, reason(error))
    try:
        while sum(map(len, lines[-1:])) < _RING and len(lines) < 1 << 18:
            try:
                record = os.read(file, 8192).decode("utf-8", "backslashreplace")
            except BlockingIOError:
                break
            except BrokenPipeError:
                continue  # records were overwritten while we read
            lines.append(_line(record))
    except OSError as error:
        return lost(where, reason(error))
    finally:
        os.close(file)
    return Fact("\n".join(lines), where)


def _line(record: str) -> str:
    """Return "[    0.000000] text" for "6,1,0,-;text"; time stamps are in us."""
    fields, _, message = record.partition(";")
    stamp = fields.split(",")[2] if fields.count(",") >= 2 else ""
    us = int(stamp) if re.fullmatch(r"\d{1,18}", stamp) else 0
    return f"[{us // 1_000_000:5d}.{us % 1_000_000:06d}] " + message.split("\n", 1)[0]
