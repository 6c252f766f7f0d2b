"""QEMU's monitor: replies in a file, or asked of a socket of one's own.

One client at a time: libvirt holds the monitors of its domains, and those are never taken. Only
query commands are sent, none of which stops the guest.
Source: qapi/machine.json, qapi/misc-i386.json, qapi/accelerator.json of QEMU 10.2.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from vmlitmus.errors import HostError

QUERIES = ("query-cpus-fast", "query-hotpluggable-cpus", "query-kvm", "query-sev", "query-status")
_LIMIT = 16 << 20  # bytes of one answer
_TIMEOUT = 5.0  # seconds


@dataclass(frozen=True)
class QmpVcpu:
    """A vcpu: host thread, and its place in the guest's topology; None where it does not say."""

    index: int
    tid: int
    socket: int | None
    die: int | None
    cluster: int | None
    module: int | None
    core: int | None
    thread: int | None


@dataclass(frozen=True)
class Qmp:
    """What the monitor said. ``kvm`` is (enabled, present); ``sev_policy`` that of SNP or SEV.

    ``sev`` is "" where SEV is off, else the sev-type, or "sev" where old QEMU does not say;
    None where it was not asked.
    """

    where: str
    vcpus: tuple[QmpVcpu, ...] | None = None
    kvm: tuple[bool, bool] | None = None
    sev: str | None = None
    sev_policy: int | None = None
    unplugged: int | None = None
    status: str | None = None
    answers: dict[str, Any] = field(default_factory=dict)


def parse_qmp(content: str, path: str) -> Qmp:
    """Read replies, one or several, events in between; raises HostError."""
    found: dict[str, Any] = {}
    for value in _values(content, path):
        if isinstance(value, dict) and "return" in value:
            kind = _kind(value["return"])
            if kind:
                found[kind] = value["return"]
    if not found:
        raise HostError("no reply of QEMU's monitor that is known here", path)
    try:
        return _qmp(found, path)
    except (TypeError, ValueError, KeyError, AttributeError, OverflowError):
        raise HostError("a reply of QEMU's monitor has another form than QAPI's", path) from None


def _values(content: str, path: str) -> Iterator[Any]:
    """Yield the JSON values of a text, one after the other."""
    decoder, at = json.JSONDecoder(), 0
    while content[at:].strip():
        at += len(content[at:]) - len(content[at:].lstrip())
        try:
            value, at = decoder.raw_decode(content, at)
        except json.JSONDecodeError as error:
            raise HostError(f"not JSON: {error.msg}", path, error.lineno) from None
        except RecursionError:
            raise HostError("not JSON: nested too deeply", path) from None
        yield value


def _kind(reply: Any) -> str:
    """Return the query that a reply answers, by its form."""
    first = reply[0] if isinstance(reply, list) and reply else None
    if isinstance(first, dict):
        if "thread-id" in first and "cpu-index" in first:
            return "query-cpus-fast"
        return "query-hotpluggable-cpus" if "vcpus-count" in first else ""
    if isinstance(reply, dict):
        if {"enabled", "present"} <= reply.keys():
            return "query-kvm"
        if {"enabled", "api-major"} <= reply.keys():
            return "query-sev"
        return "query-status" if {"running", "status"} <= reply.keys() else ""
    return ""


def _qmp(found: dict[str, Any], where: str) -> Qmp:
    kvm, sev = found.get("query-kvm"), found.get("query-sev")
    cpus, slots = found.get("query-cpus-fast"), found.get("query-hotpluggable-cpus")
    return Qmp(
        where=where,
        vcpus=tuple(_vcpu(cpu) for cpu in cpus) if cpus is not None else None,
        kvm=(kvm["enabled"] is True, kvm["present"] is True) if kvm else None,
        sev=_sev(sev) if sev else None,
        sev_policy=_policy(sev) if sev else None,
        unplugged=sum("qom-path" not in slot for slot in slots) if slots is not None else None,
        status=str(found["query-status"]["status"]) if "query-status" in found else None,
        answers=found,
    )


def _vcpu(cpu: Any) -> QmpVcpu:
    props = cpu.get("props", {})
    names = ("socket-id", "die-id", "cluster-id", "module-id", "core-id", "thread-id")
    place = [int(props[name]) if name in props else None for name in names]
    return QmpVcpu(int(cpu["cpu-index"]), int(cpu["thread-id"]), *place)


def _sev(reply: Any) -> str:
    if not reply["enabled"]:
        return ""
    return str(reply.get("sev-type", "sev"))


def _policy(reply: Any) -> int | None:
    if not reply["enabled"]:
        return None
    value = reply.get("snp-policy", reply.get("policy"))
    return int(value) if value is not None else None


def ask(path: str) -> Qmp:
    """Ask the monitor behind a unix socket; raises HostError."""
    replies: list[str] = []
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as end:
            end.settimeout(_TIMEOUT)
            end.connect(path)
            with end.makefile("rwb") as stream:
                _line(stream, path)  # the greeting
                for command in ("qmp_capabilities", *QUERIES):
                    stream.write(json.dumps({"execute": command}).encode() + b"\n")
                    stream.flush()
                    replies.append(_answer(stream, path))
    except TimeoutError:
        raise HostError(
            f"no answer within {_TIMEOUT:.0f} s; is another client on it?", path
        ) from None
    except OSError as error:
        raise HostError(error.strerror or str(error), path) from None
    return parse_qmp("\n".join(replies[1:]), path)


def _answer(stream: Any, path: str) -> str:
    """Return the next line that is a reply or an error, past events."""
    while True:
        line = _line(stream, path)
        if '"event"' not in line or '"return"' in line:
            return line


def _line(stream: Any, path: str) -> str:
    line: bytes = stream.readline(_LIMIT)
    if not line:
        raise HostError("closed by the other side; does libvirt hold this monitor?", path)
    return line.decode("utf-8", "backslashreplace")
