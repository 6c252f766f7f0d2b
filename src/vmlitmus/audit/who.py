"""Who is who and which cpus are siblings: of a table, of lists, or of the host itself.

A host, live or saved, was read at one moment. What it says of threads holds as long as they live;
its cookies as long as nobody changes them, which a recording shows only if it has prctl events.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from vmlitmus.audit.facts import HostFacts, read_host
from vmlitmus.audit.trace.roster import Member, Roster, roster_and_cores
from vmlitmus.audit.vm.domain import Domain, find_domains
from vmlitmus.host.saved.archive import open_tree


@dataclass(frozen=True)
class Known:
    """``doubt`` says why the cores, or the tasks, cannot be believed; "" where they can."""

    roster: Roster
    cores: tuple[frozenset[int], ...]
    doubt: str = ""


def find_out(
    table: str | None, cores: Sequence[str], host: str | None = None, *, trust: bool = False
) -> Known:
    """Return the roster and the cores. What a table or a list says goes before the host."""
    roster, given = roster_and_cores(table, cores)
    if host is None:
        return Known(roster, given)
    known = of_host(read_host(open_tree(host), trust=trust, for_ever=False), host)
    known.roster.members |= roster.members
    return Known(known.roster, given) if given else known


def of_host(host: HostFacts, source: str) -> Known:
    """Return the tasks of a host by thread id, and its cores."""
    roster = Roster(source=source)
    apic_ids = {tid: n for vm in host.kvm_vms or () for n, tid in vm.vcpus.items() if tid}
    for name, domain in zip(*_named(find_domains(host)), strict=True):
        for actor in (*domain.vcpus, *domain.threads):
            vcpu = actor.number if domain.kvm and actor.number >= 0 else None
            if vcpu is not None:  # events have KVM's number, where it is known
                vcpu = apic_ids.get(actor.tid or 0, vcpu)
            if actor.tid is not None and actor.tid > 0:
                cookie = actor.cookie if isinstance(actor.cookie, int) else None
                roster.members[actor.tid] = Member(actor.tid, name, vcpu, cookie)
    threads = [t for process in host.processes.values() for t in process.threads]
    roster.kernel = frozenset(t.tid for t in threads if t.kernel)
    roster.uids = {t.tid: t.uid for t in threads if t.uid is not None and t.tid > 0}
    return Known(roster, host.topology.cores, host.doubt or host.hidden)


def _named(domains: Iterable[Domain]) -> tuple[list[str], list[Domain]]:
    """Return a name for each VM as tables have them; no two VMs have the same."""
    every = list(domains)
    plain = [re.sub(r"[^\w.:@-]", "_", d.name.removeprefix("process "))[:48] for d in every]
    count = Counter(plain)
    return [
        f"{name}.{d.pid}.{n}" if count[name] > 1 else name
        for n, (name, d) in enumerate(zip(plain, every, strict=True))
    ], every
