"""Claims about the host: NO_SMT, and whether the bit that KVM reports is true."""

from __future__ import annotations

from vmlitmus.audit.claims.judge import ANY, HOST_EVENTS, cannot_tell, judge
from vmlitmus.audit.facts import HostFacts
from vmlitmus.audit.lifted.actor import Actor
from vmlitmus.audit.lifted.pairs import Pair, Question, ask
from vmlitmus.host.cpus.cpulist import as_list
from vmlitmus.outcome.audit import Answer, Judged


def anybody(host: HostFacts) -> Pair:
    """Return two vcpus that may run everywhere: what is true of them is true of the host."""
    one, two = (
        Actor(f"vcpu {n}", "vcpu", host.online, ANY, host.online, 0, number=n) for n in range(2)
    )
    return Pair(one, two)


def no_smt(host: HostFacts) -> Judged:
    """NO_SMT; decided by the sibling lists, its permanence by smt/control."""
    wide = next((core for core in host.topology.cores if len(core) > 1), frozenset())
    control = host.topology.smt_control.value or host.topology.smt_control.why or "empty"
    return judge(
        host,
        "NO_SMT",
        "host",
        Question("not-NO_SMT", events=HOST_EVENTS),
        [anybody(host)],
        holds=f"no core has two cpus online (smt/control {control})",
        fails=f"cpus {as_list(wide)} are siblings and online",
    )


def kvm_hint(host: HostFacts) -> Judged:
    """What KVM_GET_SUPPORTED_HV_CPUID reports, for a VM that takes it as it is.

    KVM goes by cpu_smt_possible(), which smt/control shows: without that nobody knows.
    """
    if host.smt_doubt:
        return cannot_tell("KVM_HINT_TRUE", "host", host.smt_doubt)
    question = Question("hint-false", events=HOST_EVENTS, hint="trustworthy")
    shown = is_set(host, question)
    return judge(
        host,
        "KVM_HINT_TRUE",
        "host",
        question,
        [anybody(host)],
        holds=f"KVM {'sets' if shown else 'does not set'} the bit here",
        fails="KVM sets the bit and {where}",
    )


def is_set(host: HostFacts, question: Question) -> bool:
    """Ask the model whether the guest is shown the hint, as things are."""
    if host.doubt:
        return False
    found = ask(host.cores, Question("hint-set", hint=question.hint), anybody(host))
    return found.answer is Answer.FALSE
