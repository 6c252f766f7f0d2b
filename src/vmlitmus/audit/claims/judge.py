"""Answers to claims about who shares cores with whom, from what the model says of pairs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import islice

from vmlitmus.audit.claims.fixes import release_of
from vmlitmus.audit.facts import HostFacts
from vmlitmus.audit.lifted.actor import Actor
from vmlitmus.audit.lifted.ask import EVENTS, Ends, to_forbid
from vmlitmus.audit.lifted.lift import HostCores
from vmlitmus.audit.lifted.pairs import Kind, Pair, PairAnswer, Question, ask, ask_ends, kinds
from vmlitmus.engine.ablation.ablate import minimal
from vmlitmus.host.cpus.cpulist import as_list
from vmlitmus.host.cpus.topology import CPU
from vmlitmus.outcome.audit import Answer, Evidence, ForEver, Judged

ANY = "any"  # the place of an actor that stands for anybody
_SHOWN = 4  # witnesses and facts that are printed of many
WINDOWS = "but for the windows that core scheduling leaves open (a change of cookie, the IPI's way)"
HOST_EVENTS = ("smt-control", "hotplug", "live-migration", "hibernation")
VM_EVENTS = ("smt-control", "hotplug", "repinning", "cookies", "cpuset", "live-migration")


def cannot_tell(claim: str, about: str, why: str, *missing: str) -> Judged:
    """Return the third answer, with what would have to be known."""
    return Judged(claim, about, Answer.CANNOT_TELL, why, missing=missing or (why,))


def vacuously(claim: str, about: str, text: str, *evidence: Evidence) -> Judged:
    """Return a claim that is true because there is nothing that could break it."""
    return Judged(claim, about, Answer.TRUE, text, evidence)


def judge(
    host: HostFacts,
    claim: str,
    about: str,
    question: Question,
    pairs: Iterable[Pair],
    *,
    holds: str,
    fails: str,
) -> Judged:
    """Judge a claim over all pairs: false where one pair is, true where all are.

    ``holds`` and ``fails`` are sentences; the second gets the places of the witness in {where}.
    """
    if host.doubt:
        return cannot_tell(claim, about, host.doubt)
    cores = question.host or host.cores
    sorts = kinds(cores, pairs)
    said = [(kind, ask(cores, question, kind.first)) for kind in sorts]
    false = [(kind, one) for kind, one in said if one.answer is Answer.FALSE]
    unsure = [one for _, one in said if one.answer is Answer.CANNOT_TELL]
    if false:
        return _false(host, claim, about, false, fails)
    if unsure:
        missing = tuple(dict.fromkeys(one.missing for one in unsure))[:_SHOWN]
        return Judged(
            claim,
            about,
            Answer.CANNOT_TELL,
            f"it depends on what is not known: {missing[0]}",
            _evidence(host, [one.pair for one in unsure]),
            missing=missing,
        )
    return Judged(
        claim,
        about,
        Answer.TRUE,
        holds,
        _evidence(host, [one.pair for _, one in said]),
        but=WINDOWS if any(one.by_cookies for _, one in said) else "",
        for_ever=_for_ever(host, cores, question, [kind for kind, _ in said]),
    )


def _false(
    host: HostFacts, claim: str, about: str, false: Sequence[tuple[Kind, PairAnswer]], fails: str
) -> Judged:
    first = false[0][1]
    members = [pair for kind, _ in false for pair in kind.members]
    names = ", ".join(f"{p.one.label} and {p.other.label}" for p in members[:_SHOWN])
    if len(members) > _SHOWN:
        names += f" and {len(members) - _SHOWN} more pairs"
    text = fails.format(where=first.where or names, pairs=names)
    return Judged(claim, about, Answer.FALSE, text, _evidence(host, [first.pair]), first.run)


def _for_ever(
    host: HostFacts, cores: HostCores, question: Question, sorts: Sequence[Kind]
) -> ForEver | None:
    if not question.events or not host.for_ever:
        return None
    if host.smt_doubt or host.topology.smt_control.value == "notimplemented":
        text = host.smt_doubt or "smt/control: notimplemented"
        return ForEver(Answer.CANNOT_TELL, text=text)
    if may_load_driver(host):
        question = replace(question, events=(*question.events, "processor-driver"))
    found = [ask_ends(cores, question, kind.first) for kind in sorts]
    return ending(found)


def may_load_driver(host: HostFacts) -> bool:
    """Say whether the processor driver may be loaded later, which brings siblings up for a while.

    It does so where smt/control is off or forceoff, not yet in 6.12, if it is a module that is not
    there yet: a driver that is there shows its parameters, whether it is built in or not.
    """
    if host.topology.smt_control.value not in ("off", "forceoff"):
        return False
    if any(name.startswith("processor.") for name in host.kernel.modules):
        return False
    release = release_of(host.kernel)
    return release is None or (release.major, release.minor) >= _RESCANS


_RESCANS = (6, 13)  # 6.12.118 does not have it, 7.1.13 does; in between nothing was read


def ending(found: Iterable[Ends]) -> ForEver:
    """Put together which actions end a claim about several pairs."""
    together = list(found)
    sets = minimal(sorted({s for one in together for s in one.sets}, key=sorted))
    undecided = [s for one in together for s in one.undecided]
    if undecided and not sets:
        names = ", ".join(EVENTS[e] for e in sorted(undecided[0]))
        return ForEver(Answer.CANNOT_TELL, text=f"the search took too long: {names}")
    if not sets:
        return ForEver(Answer.TRUE)
    return ForEver(Answer.FALSE, words(sets), words(to_forbid(sets)))


def both(found: Sequence[ForEver]) -> ForEver | None:
    """Put together what is said of several claims that are all true now."""
    unsure = next((one for one in found if one.answer is Answer.CANNOT_TELL), None)
    if unsure is not None or not found:
        return unsure
    names = {word: event for event, word in EVENTS.items()}
    sets = [frozenset(names[word] for word in some) for one in found for some in one.ends_it]
    return ending([Ends(tuple(sets))])


def words(sets: Iterable[frozenset[str]]) -> tuple[tuple[str, ...], ...]:
    """Return sets of actions in the words of the report, in the order of the table of actions."""
    order = list(EVENTS)
    ordered = sorted(
        (sorted(s, key=order.index) for s in sets), key=lambda s: [order.index(e) for e in s]
    )
    return tuple(tuple(EVENTS[event] for event in some) for some in ordered)


def _evidence(host: HostFacts, pairs: Sequence[Pair]) -> tuple[Evidence, ...]:
    """Return affinities, cookies and sibling lists of the first pairs."""
    found: dict[str, str] = {}
    for pair in pairs[:_SHOWN]:
        for actor in (pair.one, pair.other):
            found.update(_of_actor(actor))
    for pair in pairs[:1]:
        cpus = [
            *islice(sorted(pair.one.allowed or ()), 1),
            *islice(sorted(pair.other.allowed or ()), 1),
        ]
        for cpu in cpus:
            found[f"/{CPU}/cpu{cpu}/topology: siblings"] = as_list(host.topology.core_of(cpu))
    control = host.topology.smt_control
    found[control.where] = control.value or control.why
    return tuple(Evidence(where, value) for where, value in found.items())


def _of_actor(actor: Actor) -> dict[str, str]:
    if actor.where == ANY:
        return {}
    allowed = "not known" if actor.allowed is None else as_list(actor.allowed) or "none online"
    found = {f"{actor.where} of {actor.label}": allowed}
    if actor.cookie:
        shown = hex(actor.cookie) if isinstance(actor.cookie, int) else actor.cookie
        found[f"cookie of {actor.label}"] = shown
    return found
