"""The audit of a host: every claim about it and its domains, put together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from vmlitmus.audit.claims import vm as vm_claims
from vmlitmus.audit.claims.fixes import (
    CANNOT_TELL,
    HAS,
    LACKS,
    NOT_CONCERNED,
    Release,
    find_changelog,
    judge_fixes,
    release_of,
)
from vmlitmus.audit.claims.host import kvm_hint, no_smt
from vmlitmus.audit.claims.judge import cannot_tell
from vmlitmus.audit.claims.names import CLAIMS, FACTS, HOST, TRUST
from vmlitmus.audit.claims.snp import forbids_smt, launch, smt_protection
from vmlitmus.audit.claims.split_lock import judge_split_locks
from vmlitmus.audit.facts import HostFacts, read_host
from vmlitmus.audit.vm.domain import Domain, Given, described, find_domains, live
from vmlitmus.errors import HostError, UsageError, unknown
from vmlitmus.host.cpus.cpulist import as_list
from vmlitmus.host.cpus.topology import CPU
from vmlitmus.host.tasks.cookies import MEANING, Get
from vmlitmus.host.tasks.debugfs import PLACE as KVM
from vmlitmus.host.tree import Tree
from vmlitmus.outcome.audit import (
    Answer,
    Audit,
    DomainReport,
    Evidence,
    Fix,
    HostReport,
    Judged,
    ThreadRole,
)

_NO_KVM = "no KVM vcpu threads: KVM does not run this guest (TCG)"
_WITHOUT_KVM = ("PINNING_AS_CONFIGURED",)  # claims that make sense for a guest under TCG
_PARAMETERS = (
    "nested",
    "sev",
    "sev_es",
    "sev_snp",
    "halt_poll_ns",
    "mitigate_smt_rsb",
    "ept",
    "npt",
)
_POLICIES = {0: "SCHED_OTHER", 1: "SCHED_FIFO", 2: "SCHED_RR", 3: "SCHED_BATCH", 5: "SCHED_IDLE"}


@dataclass(frozen=True)
class Wanted:
    """What the user asks for. ``domain`` and ``pid`` choose one; ``claims`` none means all."""

    domain: str | None = None
    pid: int | None = None
    given: Given = field(default_factory=Given)
    claims: tuple[str, ...] = ()
    peer_trust: str = "vm"
    trust_topology: bool = False
    for_ever: bool = True

    def check(self) -> None:
        """Raise UsageError for a claim or a word that is not known."""
        for claim in self.claims:
            if claim not in CLAIMS:
                raise UsageError(unknown("claim", claim, CLAIMS))
        if self.peer_trust not in TRUST:
            raise UsageError(unknown("--peer-trust", self.peer_trust, TRUST))

    def asks(self, claim: str) -> bool:
        return claim in self.claims if self.claims else claim != "OWN_VCPUS_APART"


def audit_host(tree: Tree, wanted: Wanted, where: str, get: Get | None = None) -> Audit:
    """Audit a host; raises HostError where the domain that is asked for is not there."""
    wanted.check()
    host = read_host(tree, trust=wanted.trust_topology, for_ever=wanted.for_ever, get=get)
    release = release_of(host.kernel)
    fixes = judge_fixes(
        release,
        find_changelog(tree, host.kernel.release.value or ""),
        livepatched=bool(host.kernel.livepatches),
    )
    every = find_domains(host)
    chosen = _chosen(host, wanted, every, where)
    judged = [*_host_claims(host, wanted, release, fixes), *_without_vms(host, wanted, chosen)]
    return Audit(
        host=_host_report(host, where),
        judged=tuple(judged),
        domains=tuple(_report(host, wanted, release, d, every) for d in chosen),
        fixes=fixes,
        unread=_unread(host),
        notes=(*host.notes, *_notes(host)),
    )


def _chosen(
    host: HostFacts, wanted: Wanted, every: Sequence[Domain], where: str
) -> Sequence[Domain]:
    """Return the domains that are asked for; what is given beside the host describes one."""
    given = wanted.given
    if wanted.pid is not None:
        return _by_pid(host, wanted, where)
    if wanted.domain is not None:
        found = [d for d in every if d.name == wanted.domain]
        if not found:
            reason = unknown("domain", wanted.domain, [d.name for d in every])
            raise HostError(reason, where)
        if given == Given():
            return found
        process = host.processes[found[0].pid] if found[0].pid is not None else None
        return tuple(live(host, process, given)) if process else found
    if given == Given():
        return every
    pid = given.xml.pid if given.xml else None
    if pid is not None and pid in host.processes:
        return tuple(live(host, host.processes[pid], given))
    if given.xml is None and given.config is None:
        raise UsageError("--qmp needs --pid or --domain: whose monitor is it?")
    return (described(host, given),)


def _by_pid(host: HostFacts, wanted: Wanted, where: str) -> Sequence[Domain]:
    process = host.processes.get(wanted.pid or 0)
    if process is None:
        raise HostError(f"there is no process {wanted.pid}", where)
    given = wanted.given
    if given.xml is None:
        status = next((s for s in host.statuses if s.pid == process.pid), None)
        given = Given(status, given.qmp, given.config)
    found = tuple(live(host, process, given))
    if not found:
        raise HostError(
            f"process {wanted.pid} is no VMM: none of its threads is known to be a vcpu", where
        )
    return found


def _host_claims(
    host: HostFacts, wanted: Wanted, release: Release | None, fixes: Sequence[Fix]
) -> Iterable[Judged]:
    if wanted.asks("NO_SMT"):
        yield no_smt(host)
    if wanted.asks("KVM_HINT_TRUE"):
        yield kvm_hint(host)
    split = [claim for claim in HOST if claim.startswith("SPLIT_LOCK") and wanted.asks(claim)]
    if split:
        yield from (j for j in judge_split_locks(host, release) if j.claim in split)
    if wanted.asks("FIXES_COMPLETE"):
        yield fixes_complete(release, fixes)


def _without_vms(host: HostFacts, wanted: Wanted, chosen: Sequence[Domain]) -> Iterable[Judged]:
    """Claims about VMs that are asked where none is seen: are there none?"""
    if chosen or (host.kvm_vms is not None and not host.stray_vms):
        return
    why = f"no VM is seen, and /{KVM} cannot be read"
    if host.stray_vms:
        why = f"the process of the VM {KVM}/{host.stray_vms[0].folder} is not seen"
    for claim in wanted.claims:
        if claim not in HOST:
            yield cannot_tell(claim, "host", why, f"/{KVM}")


def fixes_complete(release: Release | None, fixes: Sequence[Fix]) -> Judged:
    """FIXES_COMPLETE: true where ``vmlitmus audit kernel`` exits with 0."""
    claim = "FIXES_COMPLETE"
    missing = [fix for fix in fixes if fix.status == LACKS]
    shown = tuple(Evidence(f.commit or f.cve, f"{f.title}: {f.status}, {f.why}") for f in missing)
    if missing:
        text = f"{len(missing)} of {len(fixes)} fixes are missing; vmlitmus audit kernel lists them"
        return Judged(claim, "host", Answer.FALSE, text, shown)
    unsure = [fix for fix in fixes if fix.status == CANNOT_TELL]
    if unsure:
        of = f"kernel {release}" if release else "a kernel whose upstream release is not known"
        return cannot_tell(
            claim, "host", f"{len(unsure)} of {len(fixes)} fixes cannot be told of {of}"
        )
    has = sum(fix.status == HAS for fix in fixes)
    out = sum(fix.status == NOT_CONCERNED for fix in fixes)
    text = f"has all {has} fixes that concern it; {out} concern code that it does not have"
    return Judged(claim, "host", Answer.TRUE, text)


def _report(
    host: HostFacts,
    wanted: Wanted,
    release: Release | None,
    domain: Domain,
    every: Sequence[Domain],
) -> DomainReport:
    applies = "" if domain.kvm else _NO_KVM
    judged = tuple(_vm_claims(host, wanted, release, domain, every))
    return DomainReport(
        name=domain.name,
        vmm=domain.vmm,
        pid=domain.pid,
        source=domain.source,
        threads=tuple(_role(host, domain, n) for n in range(len(domain.roles))),
        judged=judged,
        notes=(*domain.notes, *_snp_note(domain, release)),
        applies=applies,
    )


def _role(host: HostFacts, domain: Domain, number: int) -> ThreadRole:
    role = domain.roles[number]
    allowed = role.thread.allowed
    cookie = host.cookie(role.thread.tid)
    return ThreadRole(
        tid=role.thread.tid,
        comm=role.thread.comm,
        role=role.name,
        why=role.why,
        allowed=as_list(allowed.value) if allowed.value is not None else allowed.why,
        cookie=hex(cookie) if isinstance(cookie, int) and cookie else str(cookie),
        policy=_POLICIES.get(role.thread.policy, f"policy {role.thread.policy}"),
    )


def _snp_note(domain: Domain, release: Release | None) -> tuple[str, ...]:
    policy = domain.policy
    if policy is None or policy.kind != "sev-snp" or policy.policy is None:
        return ()
    return (f"SNP policy {policy.policy:#x}: {launch(policy.policy, release)}",)


def _vm_claims(
    host: HostFacts,
    wanted: Wanted,
    release: Release | None,
    domain: Domain,
    every: Sequence[Domain],
) -> Iterable[Judged]:
    def others() -> list[Domain]:
        return [d for d in every if _distrusted(wanted.peer_trust, domain, d)]

    judges: dict[str, Callable[[], Judged]] = {
        **{c: (lambda c=c: vm_claims.fact(c)(host, domain)) for c in FACTS},  # type: ignore[misc]
        "HINT_TRUE": lambda: vm_claims.hint(host, domain),
        "OTHER_VMS_APART": lambda: vm_claims.other_vms(host, domain, others(), vmm_pids(every)),
        "VMM_THREADS_APART": lambda: vm_claims.vmm_threads(host, domain),
        "HOST_TASKS_APART": lambda: vm_claims.host_tasks(host, domain, every),
        "COOKIE_COVERAGE": lambda: vm_claims.cookies(host, domain),
        "PINNING_AS_CONFIGURED": lambda: vm_claims.pinning(host, domain),
    }
    snp = domain.policy is not None and domain.policy.kind == "sev-snp"
    if snp or wanted.claims:
        judges["SNP_FORBIDS_SMT"] = lambda: forbids_smt(host, domain, release)
        judges["SMT_PROTECTION"] = lambda: smt_protection(host, domain, release)
    for claim in CLAIMS:
        own = claim == "OWN_VCPUS_APART" and wanted.peer_trust == "none"
        bare = claim == "PINNING_AS_CONFIGURED" and not domain.wanted and not wanted.claims
        if claim not in judges or not (wanted.asks(claim) or own) or bare:
            continue
        if domain.kvm or claim in _WITHOUT_KVM:
            yield judges[claim]()
        elif wanted.claims:
            yield cannot_tell(claim, domain.name, f"it does not apply: {_NO_KVM}")


def vmm_pids(every: Iterable[Domain]) -> frozenset[int]:
    """Return the processes that are VMMs: their threads are no tasks of the host."""
    return frozenset(d.pid for d in every if d.pid is not None)


def _distrusted(trust: str, one: Domain, other: Domain) -> bool:
    """Say whether two VMs are strangers to each other."""
    if other.name == one.name and other.pid == one.pid:
        return False
    return not (trust == "uid" and one.uid is not None and one.uid == other.uid)


def _host_report(host: HostFacts, where: str) -> HostReport:
    topology = host.topology
    info = topology.cpuinfo.value
    sizes = sorted({len(core) for core in topology.cores})
    shown = " or ".join(map(str, sizes))
    flags = info.flags if info else None
    guest = "cannot tell" if flags is None else "yes" if "hypervisor" in flags else "no"
    return HostReport(
        where=where,
        kernel=host.kernel.release.value or "not known",
        cpus=f"{len(host.online)} cpus, {len(topology.cores)} cores of {shown or 'no'} threads",
        smt=topology.smt_control.value or topology.smt_control.why,
        guest=guest,
        facts=tuple(_background(host)),
    )


def _background(host: HostFacts) -> Iterable[Evidence]:
    """Yield facts that decide no claim here: what is isolated, how cpus idle, mitigations, KVM."""
    topology, kernel = host.topology, host.kernel
    for fact in (topology.isolated, topology.nohz_full):
        if fact.value is not None:
            yield Evidence(fact.where, as_list(fact.value) or "none")
    if host.idle_states:
        polls = [s.name for s in host.idle_states if s.polls and not s.disabled]
        more = "; an idle cpu may execute instructions" if polls else ""
        names = ", ".join(s.name + (" (off)" if s.disabled else "") for s in host.idle_states)
        yield Evidence(f"/{CPU}/cpu*/cpuidle", names + more)
    for name, value in kernel.vulnerabilities.items():
        if "SMT" in value or "STIBP" in value:
            yield Evidence(f"/{CPU}/vulnerabilities/{name}", value)
    for name, value in kernel.modules.items():
        if name.partition(".")[2] in _PARAMETERS:
            yield Evidence(f"/sys/module/{name.replace('.', '/parameters/')}", value)


def _unread(host: HostFacts) -> tuple[Evidence, ...]:
    """Return what could not be read and would have decided something."""
    topology, kernel = host.topology, host.kernel
    facts = (topology.online, topology.smt_control, topology.cpuinfo, kernel.release, host.cmdline)
    found = [Evidence(f.where, f.why) for f in facts if not f.known]
    if not host.split_lock.message.known:
        message = host.split_lock.message
        found.append(Evidence(message.where, message.why))
    if host.kvm_vms is None:
        found.append(Evidence(f"/{KVM}", "not mounted, or only root may look"))
    if host.cookies.why:
        found.append(Evidence(host.cookies.where, host.cookies.why))
    return tuple(found)


def _notes(host: HostFacts) -> Iterable[str]:
    if host.cookies.support in MEANING:
        yield f"cookies: {host.cookies.support}: {MEANING[host.cookies.support]}"
    for name in host.kernel.livepatches:
        yield f"livepatch {name} is loaded: missing fixes cannot be told"
