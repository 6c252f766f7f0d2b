"""Claims about one VM: its topology, its hint, its neighbours, its cookies and its pins."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache

from vmlitmus.audit.claims.host import is_set
from vmlitmus.audit.claims.judge import VM_EVENTS, both, cannot_tell, judge, vacuously
from vmlitmus.audit.claims.names import FACTS
from vmlitmus.audit.facts import HostFacts
from vmlitmus.audit.lifted.actor import Actor
from vmlitmus.audit.lifted.pairs import NOWHERE, Pair, Question, across, within
from vmlitmus.audit.vm.domain import Domain, task
from vmlitmus.audit.vm.hint import Shown
from vmlitmus.host.cpus.cpulist import as_list
from vmlitmus.host.cpus.topology import CPU
from vmlitmus.host.tasks.debugfs import PLACE as KVM
from vmlitmus.outcome.audit import Answer, Evidence, ForEver, Judged

Claim = Callable[[HostFacts, Domain], Judged]
_HOLDS = {
    "NO_NON_ARCH_CORE_SHARING": "no two vcpus that are no siblings can be on one core at a time",
    "ACCURATE_TOPOLOGY": "siblings in the guest can only be on one core",
    "ACCURATE_TOPOLOGY_CONVERSE": "vcpus that are no siblings have no core in common",
    "OWN_VCPUS_APART": "no two vcpus can be on one core at a time",
}
_FAILS = {
    "NO_NON_ARCH_CORE_SHARING": "{where}: no siblings in the guest",
    "ACCURATE_TOPOLOGY": "siblings in the guest may be on two cores: {pairs}",
    "ACCURATE_TOPOLOGY_CONVERSE": "{where}, by turns or at a time: no siblings in the guest",
    "OWN_VCPUS_APART": "{where}",
}


def fact(claim: str) -> Claim:
    """Return the judge of one of the facts about the vcpus of a VM."""

    def judged(host: HostFacts, domain: Domain) -> Judged:
        wanted = claim == "ACCURATE_TOPOLOGY"
        if _unsure(domain):
            return cannot_tell(claim, domain.name, _unsure(domain))
        pairs = list(_pairs(domain, claim, wanted))
        if not pairs:
            text = _vacuous(domain, wanted)
            return _of_all_vcpus(domain, vacuously(claim, domain.name, text, _view(domain)))
        question = Question(FACTS[claim], events=_events(domain))
        found = judge(
            host, claim, domain.name, question, pairs, holds=_HOLDS[claim], fails=_FAILS[claim]
        )
        found = replace(found, evidence=(*found.evidence, _view(domain)))
        return _of_all_vcpus(domain, found)

    return judged


def _pairs(domain: Domain, claim: str, wanted: bool) -> Iterator[Pair]:
    if claim == "OWN_VCPUS_APART":
        yield from within(domain.vcpus, lambda *_: False, False)
    else:
        yield from within(domain.vcpus, domain.view.siblings, wanted)


def _vacuous(domain: Domain, wanted: bool) -> str:
    if len(domain.vcpus) < 2:
        return "vacuous: the VM has one vcpu"
    if wanted:
        return "vacuous: the guest is shown no siblings"
    return "all vcpus are siblings in the guest"


def _view(domain: Domain) -> Evidence:
    view = domain.view
    if view.cores is None:
        return Evidence(view.where, view.why)
    cores: dict[object, list[int]] = defaultdict(list)
    for vcpu, core in view.cores.items():
        cores[core].append(vcpu)
    sizes = sorted({len(members) for members in cores.values()})
    shown = "-".join(str(size) for size in sizes)
    return Evidence(view.where, f"{len(cores)} guest cores of {shown} threads")


def _unsure(domain: Domain) -> str:
    """Say why the vcpus of a VM are not known, if so."""
    if not domain.vcpus:
        return domain.unseen or "no thread of a vcpu is known"
    lost = next((v for v in domain.vcpus if v.here and v.allowed == frozenset()), None)
    return NOWHERE.format(lost.label) if lost else ""


def _of_all_vcpus(domain: Domain, found: Judged) -> Judged:
    """A claim about all vcpus of a VM is not true for want of seeing one."""
    if found.answer is not Answer.TRUE or not domain.unseen:
        return found
    return cannot_tell(found.claim, found.about, domain.unseen)


def _events(domain: Domain) -> tuple[str, ...]:
    plugged = all(vcpu.here for vcpu in domain.vcpus)
    return VM_EVENTS if plugged else (*VM_EVENTS, "vcpu-hotplug")


def hint(host: HostFacts, domain: Domain) -> Judged:
    """HINT_TRUE: nothing is claimed where the bit is not shown."""
    claim, shown = "HINT_TRUE", domain.shown
    place = Evidence(shown.where or domain.source, shown.why)
    if shown.bit == "no":
        return vacuously(claim, domain.name, f"the bit is not shown: {shown.why}", place)
    if host.doubt:
        return cannot_tell(claim, domain.name, host.doubt)
    if _unsure(domain):
        return cannot_tell(claim, domain.name, _unsure(domain))
    if shown.bit == "auto" and host.smt_doubt:
        why = f"whether KVM sets the bit that is copied ({host.smt_doubt})"
        shown = Shown("cannot tell", why, shown.where)
    name = "hv-auto" if shown.bit == "auto" else "hv-on"
    question = Question("hint-false", events=_events(domain), hint=name)
    if shown.bit == "auto" and not is_set(host, question):
        return vacuously(claim, domain.name, "KVM does not set the bit on this host", place)
    pairs = list(within(domain.vcpus, domain.view.siblings, False))
    if not pairs:
        found = vacuously(claim, domain.name, _vacuous(domain, False), place, _view(domain))
        return _of_all_vcpus(domain, found)
    found = judge(
        host,
        claim,
        domain.name,
        question,
        pairs,
        holds=f"the bit is shown ({shown.why}) and true",
        fails="the bit is shown and {where}: no siblings in the guest",
    )
    found = _of_all_vcpus(domain, found)
    if shown.bit == "cannot tell" and found.answer is not Answer.TRUE:
        return cannot_tell(
            claim, domain.name, f"{shown.why} is not known; shown, it would be false"
        )
    return replace(found, evidence=(*found.evidence, place))


def vmm_threads(host: HostFacts, domain: Domain) -> Judged:
    """VMM_THREADS_APART: emulator, iothreads, vhost workers and unknown threads."""
    claim = "VMM_THREADS_APART"
    if _unsure(domain):
        return cannot_tell(claim, domain.name, _unsure(domain))
    if not domain.threads:
        return vacuously(claim, domain.name, "the VM has no other thread")
    plugged = [vcpu for vcpu in domain.vcpus if vcpu.here]
    judged = [
        judge(
            host,
            claim,
            domain.name,
            Question(f"{kind}-beside-vcpu", (kind,), _events(domain)),
            across(host.cores, plugged, [t for t in domain.threads if t.kind == kind]),
            holds="no other thread of the VMM can be beside a vcpu",
            fails="{where}",
        )
        for kind in ("emulator", "vhost")
        if any(t.kind == kind for t in domain.threads)
    ]
    return _of_all_vcpus(domain, _worst(judged))


def _worst(judged: Sequence[Judged]) -> Judged:
    """Return the one answer that is not true, or all true ones as one."""
    order = (Answer.FALSE, Answer.CANNOT_TELL, Answer.TRUE)
    chosen = min(judged, key=lambda j: order.index(j.answer))
    if chosen.answer is not Answer.TRUE or len(judged) == 1:
        return chosen
    but = next((j.but for j in judged if j.but), "")
    return replace(chosen, but=but, for_ever=both([j.for_ever for j in judged if j.for_ever]))


def host_tasks(host: HostFacts, domain: Domain, every: Sequence[Domain]) -> Judged:
    """HOST_TASKS_APART: user tasks; kernel threads and interrupts run beside anybody.

    Another VMM's threads are tasks of the host but for its vcpus, of which OTHER_VMS_APART speaks.
    """
    claim = "HOST_TASKS_APART"
    if _unsure(domain):
        return cannot_tell(claim, domain.name, _unsure(domain))
    if not domain.live and not host.processes:
        return cannot_tell(claim, domain.name, "the tree has no processes", "/proc")
    vcpus = {vcpu.tid for other in every for vcpu in other.vcpus}
    tasks = [a for pid, a in _tasks(host) if pid != domain.pid and a.tid not in vcpus]
    if not tasks:
        return cannot_tell(claim, domain.name, "no task of the host is known", "/proc")
    found = judge(
        host,
        claim,
        domain.name,
        Question("host-task-beside-vcpu", ("host-task",), _events(domain)),
        across(host.cores, [v for v in domain.vcpus if v.here], tasks),
        holds="no user task can be beside a vcpu; kernel threads and interrupts may be",
        fails="{where}",
    )
    found = _of_all_vcpus(domain, _of_all_seen(host, found))
    partition = domain.partition
    if partition is not None and partition.value is not None:
        shown = partition.value.kind + ("" if partition.value.valid else " invalid")
        found = replace(found, evidence=(*found.evidence, Evidence(partition.where, shown)))
    return found


@lru_cache(maxsize=2)
def _tasks(host: HostFacts) -> tuple[tuple[int, Actor], ...]:
    """Return every thread of the host that is not the kernel's, with its process."""
    return tuple(
        (pid, task(host, thread, f"task {thread.tid} ({thread.comm})", "host-task"))
        for pid, process in host.processes.items()
        for thread in process.threads
        if not thread.kernel
    )


def other_vms(
    host: HostFacts, domain: Domain, others: Sequence[Domain], vmms: Container[int]
) -> Judged:
    """OTHER_VMS_APART: the VMs that are here, and one that may be started."""
    claim = "OTHER_VMS_APART"
    if _unsure(domain):
        return cannot_tell(claim, domain.name, _unsure(domain))
    plugged = [vcpu for vcpu in domain.vcpus if vcpu.here]
    theirs = [
        replace(vcpu, kind="other-vm", label=f"{other.name} {vcpu.label}")
        for other in others
        for vcpu in other.vcpus
        if vcpu.here
    ]
    there = open_cpus(host, domain)
    stranger = Actor("another VM", "other-vm", there, "started later", there, 0, False)
    question = Question("other-vm-beside-vcpu", ("other-vm",), (*_events(domain), "another-vm"))
    found = judge(
        host,
        claim,
        domain.name,
        question,
        [*across(host.cores, plugged, theirs), *across(host.cores, plugged, [stranger])],
        holds=f"no vcpu of another VM can be beside one of this VM ({len(others)} others here)",
        fails="{where}",
    )
    if found.answer is Answer.TRUE:
        found = _and_hidden_vms(host, found, vmms)
        blind = [f"{o.name}: {_unsure(o) or o.unseen}" for o in others if o.unseen or not o.vcpus]
        found = cannot_tell(claim, domain.name, blind[0]) if blind else found
    return _of_all_vcpus(domain, _of_all_seen(host, found))


def _and_hidden_vms(host: HostFacts, found: Judged, vmms: Container[int]) -> Judged:
    """Only debugfs lists the VMs of every program; without it some may run unseen."""
    if host.stray_vms:
        why = f"the process of the VM {KVM}/{host.stray_vms[0].folder} is not seen"
        return cannot_tell(found.claim, found.about, why, f"/{KVM}")
    if host.kvm_vms is not None:
        return found
    for pid, process in host.processes.items():
        if pid not in vmms and any(t.helper and t.comm.startswith("kvm-") for t in process.threads):
            why = f"process {pid} has a worker of KVM, and no thread of a vcpu of it is known"
            return cannot_tell(found.claim, found.about, why)
    but = f"but for VMs of programs that are not known here: /{KVM} cannot be read"
    return replace(found, but="; ".join(part for part in (found.but, but) if part))


def _of_all_seen(host: HostFacts, found: Judged) -> Judged:
    """A claim about everybody is not true for want of seeing somebody; without SMT it is."""
    alone = all(len(core) < 2 for core in host.topology.cores)
    if found.answer is not Answer.TRUE or not host.hidden:
        return found
    if not alone:
        return cannot_tell(found.claim, found.about, host.hidden, "/proc/2")
    ever = ForEver(Answer.CANNOT_TELL, text=host.hidden) if found.for_ever else None
    return replace(found, for_ever=ever)


def open_cpus(host: HostFacts, domain: Domain) -> frozenset[int]:
    """Return the cpus that a valid partition of this VM does not keep for itself."""
    return host.online - domain.kept


def cookies(host: HostFacts, domain: Domain) -> Judged:
    """COOKIE_COVERAGE: who has none, and who else has the VM's."""
    claim, where = "COOKIE_COVERAGE", host.cookies.where
    if not domain.live:
        return cannot_tell(claim, domain.name, "cookies belong to threads; there is no process")
    plugged = [vcpu for vcpu in domain.vcpus if vcpu.here]
    if not plugged:
        return cannot_tell(claim, domain.name, _unsure(domain) or "no vcpu is plugged")
    unread = next((v for v in plugged if isinstance(v.cookie, str)), None)
    if unread is not None:
        return cannot_tell(claim, domain.name, f"the cookie of {unread.label}: {unread.cookie}")
    none = [v.label for v in plugged if not v.cookie]
    if none:
        shown = Evidence(where, "0: " + ", ".join(none[:8]))
        text = f"{len(none)} of {len(plugged)} vcpus have no cookie"
        return Judged(claim, domain.name, Answer.FALSE, text, (shown,))
    return _of_all_vcpus(domain, _shared_cookie(host, domain, plugged))


def _shared_cookie(host: HostFacts, domain: Domain, plugged: Sequence[Actor]) -> Judged:
    claim, where = "COOKIE_COVERAGE", host.cookies.where
    own = {v.cookie for v in plugged}
    inside = {t.tid for t in (*domain.vcpus, *domain.threads)}
    others = [
        tid for tid, value in host.cookies.values.items() if value in own and tid not in inside
    ]
    threads = {t.tid for p in host.processes.values() for t in p.threads if not t.kernel}
    asked = threads | host.cookies.values.keys()
    unread = [tid for tid in asked - inside if isinstance(host.cookie(tid), str)]
    if host.hidden and not others:
        return cannot_tell(claim, domain.name, host.hidden, "/proc/2")
    bare = [t.label for t in domain.threads if not t.cookie]
    values = Evidence(where, ", ".join(sorted(hex(c) for c in own if isinstance(c, int))[:8]))
    if others:
        text = f"thread {others[0]} of another process has the same cookie"
        return Judged(claim, domain.name, Answer.FALSE, text, (values,))
    if unread:
        return cannot_tell(claim, domain.name, f"{len(unread)} threads' cookies are not known")
    more = f"; without one: {', '.join(bare[:4])}" if bare else ""
    kinds = "one cookie" if len(own) == 1 else f"{len(own)} cookies"
    text = f"{len(plugged)} vcpus have {kinds} that nobody else has{more}"
    return Judged(claim, domain.name, Answer.TRUE, text, (values,))


def pinning(host: HostFacts, domain: Domain) -> Judged:
    """PINNING_AS_CONFIGURED: what libvirt or the VMM says against what /proc says."""
    claim = "PINNING_AS_CONFIGURED"
    if not domain.live:
        return cannot_tell(claim, domain.name, "there is no process to compare with")
    wanted = domain.wanted
    if not host.online:
        return cannot_tell(claim, domain.name, "which cpus are online is not known", f"/{CPU}")
    if wanted is None:
        return cannot_tell(claim, domain.name, "no configuration of the VM was read")
    if not wanted:
        return vacuously(claim, domain.name, "vacuous: no pin is configured")
    plugged = [v for v in domain.vcpus if v.here and v.number in wanted]
    blind = next((v for v in plugged if v.allowed is None), None)
    if blind is not None:
        return cannot_tell(claim, domain.name, f"the affinity of {blind.label} is not known")
    wrong = [v for v in plugged if v.allowed != wanted[v.number] & host.online]
    if wrong:
        shown = tuple(
            Evidence(
                v.where,
                f"{v.label}: {as_list(v.allowed or ())}, configured {as_list(wanted[v.number])}",
            )
            for v in wrong[:4]
        )
        text = f"{len(wrong)} of {len(plugged)} vcpus may run elsewhere than configured"
        return Judged(claim, domain.name, Answer.FALSE, text, shown)
    found = Judged(claim, domain.name, Answer.TRUE, f"{len(plugged)} vcpus run as configured")
    return _of_all_vcpus(domain, found)
