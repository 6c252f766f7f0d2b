"""Save the facts that an audit reads: whatever the readers read, and nothing beside it."""

from __future__ import annotations

from vmlitmus.audit.claims.fixes import find_changelog
from vmlitmus.audit.facts import HostFacts, read_host
from vmlitmus.audit.vm.domain import find_domains
from vmlitmus.host.kernel.sev_features import SAVED as SEV_FEATURES
from vmlitmus.host.saved.anonymous import Anonymous
from vmlitmus.host.saved.saving import UNREAD, Remembering, unread_table
from vmlitmus.host.tasks.cookies import SAVED, Get
from vmlitmus.host.tree import Tree


def collect(tree: Tree, *, anonymise: bool, get: Get | None = None) -> dict[str, bytes]:
    """Return the files of an archive, by path."""
    remembering = Remembering(tree)
    host = read_host(remembering, get=get)
    find_domains(host)
    for process in host.processes.values():
        for thread in process.threads:
            host.cpuset(thread)
    find_changelog(remembering, host.kernel.release.value or "")
    files = dict(remembering.files)
    if tree.live or get is not None:
        files[SAVED] = _cookies(host)
        files["dmesg"] = _dmesg(host)
        if host.sev_features.value is not None:
            files[SEV_FEATURES] = f"{host.sev_features.value:#x}\n".encode()
    files[UNREAD] = unread_table(remembering.unread)
    return Anonymous().files(files) if anonymise else files


def _cookies(host: HostFacts) -> bytes:
    """Return the cookies as the table that a saved tree has."""
    lines = ["# tgid\ttid\tcomm\tcookie"]
    for process in host.processes.values():
        for thread in process.threads:
            value = host.cookies.values.get(thread.tid, host.cookies.support or "not read")
            shown = f"{value:#x}" if isinstance(value, int) else value
            comm = thread.comm.replace("\t", " ").replace("\n", " ")
            lines.append(f"{thread.tgid}\t{thread.tid}\t{comm}\t{shown}")
    return ("\n".join(lines) + "\n").encode("utf-8", "backslashreplace")


def _dmesg(host: HostFacts) -> bytes:
    """Return the message about split locks only; an empty log where its beginning is lost."""
    message = host.split_lock.message
    if message.value is None:
        return b""
    lines = ["[    0.000000] (other lines are not saved)"]
    if message.value:
        lines.append(f"[    0.000000] x86/split lock detection: {message.value}")
    return ("\n".join(lines) + "\n").encode()
