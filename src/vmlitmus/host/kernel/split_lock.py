"""What the host says of split-lock detection: boot messages, command line, sysctl.

Source: sld_state_setup() and sld_state_show() in arch/x86/kernel/cpu/bus_lock.c, up to 6.12 in
arch/x86/kernel/cpu/intel.c.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass

from vmlitmus.host.fact import Fact, lost
from vmlitmus.host.kernel.cmdline import early_option
from vmlitmus.host.tree import Tree, reason, text

OPTION = "split_lock_detect"
_USER = "crashing the kernel on kernel split_locks and {} on user-space split_locks"
# what sld_state_show() prints, and the state that it stands for; "disabled" and "from non-WB" are
# gone in 7.1, where split_lock_detect=off prints nothing
STATES = {
    "disabled": "off",
    "#AC: " + _USER.format("warning"): "warn",
    "#AC: " + _USER.format("sending SIGBUS"): "fatal",
    "#DB: warning on user-space bus_locks": "warn",
    "#DB: sending SIGBUS on user-space bus_locks": "fatal",
    "#DB: sending SIGBUS on user-space bus_locks from non-WB": "fatal",
}
_RATE = re.compile(r"#DB: setting system wide bus lock rate limit to \d+/sec")
NO_MSR = "MSR access failed: Disabled"  # then the cpu does not count as one that has #AC
# messages under the same prefix that say nothing of the state
_OTHERS = re.compile(
    r"No splitlock CPU offline handler"
    r"|#AC: .*/\d+ (?:took a|fatal|bogus) split_lock trap at address: 0x[0-9a-f]+"
    r"|#DB: .*/\d+ took a bus_lock trap at address: 0x[0-9a-f]+"
)
# a driver prints what a device calls itself, so the prefix has to be where the kernel puts it
_MESSAGE = re.compile(r"^(?:\[[^\]\n]*\] ?)*x86/split lock detection: (.*)$", re.MULTILINE)
_FIRST = re.compile(r"^\[ *0\.000000\]")
_RING = 16 << 20  # bytes
_ARGUMENT = 19  # bytes of the option's value that the kernel looks at


@dataclass(frozen=True)
class SplitLock:
    """``message`` is what the kernel printed at boot of its state, "" where it printed nothing.

    It is not known where the log cannot be read, or where its beginning is lost. A message that is
    not known here goes before all others. ``option`` is the state that the command line asks for.
    ``mitigate`` is the sysctl, which exists on machines without the feature too.
    """

    message: Fact[str]
    option: Fact[str]
    mitigate: Fact[str]


def read_split_lock(tree: Tree) -> SplitLock:
    """Read the boot message, the command line and the sysctl."""
    log = _kmsg() if tree.live else text(tree, "dmesg", _RING)
    line = text(tree, "proc/cmdline", 1 << 16)
    option = lost(line.where, line.why) if line.value is None else _option(line)
    mitigate = text(tree, "proc/sys/kernel/split_lock_mitigate", 4096)
    return SplitLock(boot_message(log), option, mitigate)


def _option(line: Fact[str]) -> Fact[str]:
    return Fact(asked_state(early_option(line.value or "", OPTION)), line.where, when=line.when)


def asked_state(value: str | None) -> str:
    """Return the state for a value of the option, as match_option() takes it; else it is warn."""
    if value in ("off", "warn", "fatal"):
        return value
    rate = re.match(r"ratelimit:\s*(\d+)", (value or "")[:_ARGUMENT])
    if value == "ratelimit:" or (rate and 0 < int(rate[1]) <= 1000):
        return "ratelimit"
    return "warn"


def state_of(message: str) -> str:
    """Return the state that a boot message stands for; "" for one that is not known."""
    if message == NO_MSR:
        return "off"
    return "ratelimit" if _RATE.fullmatch(message) else STATES.get(message, "")


def boot_message(log: Fact[str]) -> Fact[str]:
    """Return the message about the state of split locks in a log, in dmesg's form."""
    if log.value is None:
        return lost(log.where, log.why)
    printed = [found.strip() for found in _MESSAGE.findall(log.value)]
    found = [message for message in printed if not _OTHERS.fullmatch(message)]
    strange = [message for message in found if not state_of(message)]
    if found:
        return Fact((strange or found)[-1], log.where, when=log.when)
    if not _FIRST.match(log.value):
        return lost(log.where, "the log does not begin at 0.000000: its beginning is lost")
    if printed:
        return lost(log.where, "the log tells of split locks, but not of the state")
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
