"""Claims about two who may meet on a core: which pairs there are, and what the model says of them.

Pairs that stand alike to each other are asked about once. What is not known is tried both ways:
where the answer is the same, it does not matter; else it cannot be told.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from vmlitmus.audit.lifted.actor import Actor
from vmlitmus.audit.lifted.ask import Ends, ends, now
from vmlitmus.audit.lifted.lift import HostCores, Runner, lift
from vmlitmus.host.cpus.cpulist import Cpus
from vmlitmus.outcome import Verdict
from vmlitmus.outcome.audit import Answer

# conditions that speak of siblings in the guest only, or of others only
_SPEAK_OF = {
    "not-ACCURATE_TOPOLOGY": True,
    "not-ACCURATE_TOPOLOGY_CONVERSE": False,
    "not-NO_NON_ARCH_CORE_SHARING": False,
}
_ENTERS = re.compile(r"^(.*) enters the guest on cpu (\d+)$")
_RUNS = re.compile(r"^[^(]*\((.*)\) runs on cpu (\d+)$")


NOWHERE = "{} is pinned to cpus that are not online: this cannot be how it runs"


@dataclass(frozen=True)
class Pair:
    """Two actors; ``siblings`` says whether the guest is shown them as threads of one core."""

    one: Actor
    other: Actor
    siblings: bool | None = False


@dataclass(frozen=True)
class Question:
    """A condition that must never be true, with what always happens and what may happen later."""

    condition: str
    base: tuple[str, ...] = ()
    events: tuple[str, ...] = ()
    hint: str = "off"
    host: HostCores | None = None


@dataclass(frozen=True)
class PairAnswer:
    """What the model says of one pair. ``where`` tells who runs on which cpu in the end.

    ``by_cookies`` says that only cookies keep the two apart.
    """

    pair: Pair
    answer: Answer
    run: tuple[str, ...] = ()
    where: str = ""
    missing: str = ""
    by_cookies: bool = False


def ask(host: HostCores, question: Question, pair: Pair) -> PairAnswer:
    """Ask the model about one pair, as things are."""
    for actor in (pair.one, pair.other):
        if actor.allowed is not None and not actor.allowed and actor.here:
            return PairAnswer(pair, Answer.CANNOT_TELL, missing=NOWHERE.format(actor.label))
    found = [
        now(
            lift(host, runners, siblings=siblings, hint=question.hint),
            question.condition,
            question.base,
        )
        for runners, siblings in _options(host, pair)
    ]
    verdicts = {verdict for verdict, _ in found}
    guessed = pair.one.allowed is None or pair.other.allowed is None
    if verdicts == {Verdict.HOLDS}:
        return PairAnswer(pair, Answer.TRUE, by_cookies=_by_cookies(host, question, pair))
    if verdicts == {Verdict.VIOLATED} and not guessed:
        run = tuple(_named(step, pair) for step in found[0][1])
        return PairAnswer(pair, Answer.FALSE, run, _places(run))
    return PairAnswer(
        pair, Answer.CANNOT_TELL, missing=_missing(pair) or "the search took too long"
    )


def ask_ends(host: HostCores, question: Question, pair: Pair) -> Ends:
    """Ask the model which actions end what is true of a pair now; what is not known is bad."""
    sets: list[Ends] = []
    events = _that_may_happen(question.events, pair)
    for runners, siblings in _options(host, pair):
        if siblings is _SPEAK_OF.get(question.condition, siblings):
            lifted = lift(host, runners, siblings=siblings, hint=question.hint, events=True)
            sets.append(ends(lifted, question.condition, question.base, events))
    return Ends(
        tuple(dict.fromkeys(s for e in sets for s in e.sets)),
        tuple(dict.fromkeys(s for e in sets for s in e.undecided)),
    )


def _that_may_happen(events: tuple[str, ...], pair: Pair) -> tuple[str, ...]:
    """Leave out actions on what a pair does not have: a cookie, a vcpu to plug, a VM to start."""
    both = (pair.one, pair.other)
    idle = {
        "cookies": not any(actor.cookie for actor in both),
        "vcpu-hotplug": all(actor.here for actor in both if actor.kind == "vcpu"),
        "another-vm": all(actor.here for actor in both if actor.kind != "vcpu"),
    }
    return tuple(event for event in events if not idle.get(event, False))


def _options(host: HostCores, pair: Pair) -> Iterator[tuple[tuple[Runner, Runner], bool]]:
    """Yield what the pair may be, for all that is not known of it."""
    one, other = pair.one, pair.other
    known = isinstance(one.cookie, int) and isinstance(other.cookie, int)
    cookies = [(one.cookie, other.cookie)] if known else [(0, 0), (1, 2)]
    sides = (False, True) if pair.siblings is None else (pair.siblings,)
    for (a, b), siblings in itertools.product(cookies, sides):
        assert isinstance(a, int)
        assert isinstance(b, int)
        yield (_runner(host, one, a), _runner(host, other, b)), siblings


def _runner(host: HostCores, actor: Actor, cookie: int) -> Runner:
    allowed = host.online if actor.allowed is None else actor.allowed
    return Runner(allowed, actor.cpuset, cookie, actor.kind, actor.here)


def _by_cookies(host: HostCores, question: Question, pair: Pair) -> bool:
    """Say whether the claim would be false without cookies."""
    if not pair.one.cookie and not pair.other.cookie:
        return False
    bare = replace(pair, one=replace(pair.one, cookie=0), other=replace(pair.other, cookie=0))
    return ask(host, question, bare).answer is not Answer.TRUE


def _missing(pair: Pair) -> str:
    """Say which facts about a pair are not known."""
    found = []
    for actor in (pair.one, pair.other):
        if actor.allowed is None:
            found.append(f"the affinity of {actor.label}")
        if isinstance(actor.cookie, str):
            found.append(f"the cookie of {actor.label} ({actor.cookie})")
    if pair.siblings is None:
        found.append("whether the guest is shown siblings")
    return ", ".join(dict.fromkeys(found))


def _named(step: str, pair: Pair) -> str:
    """Put the names of the actors in place of the model's."""
    vcpus = [a.label for a in (pair.one, pair.other) if a.kind == "vcpu"]
    tasks = [a.label for a in (pair.one, pair.other) if a.kind != "vcpu"]
    for kind, names in (("vcpu", vcpus), ("task", tasks)):
        for n, name in enumerate(names):
            step = re.sub(rf"\b{kind}{n}\b", name.replace("\\", r"\\"), step)
    return step


def _places(run: Iterable[str]) -> str:
    """Return "vcpu 0 on cpu 0, vcpu 1 on cpu 48" for a run: where each went last."""
    last = {m[1]: m[2] for step in run if (m := _ENTERS.match(step) or _RUNS.match(step))}
    return ", ".join(f"{who} on cpu {cpu}" for who, cpu in last.items())


@dataclass(frozen=True)
class Kind:
    """Pairs that stand alike: the first of them, and all that were looked at."""

    first: Pair
    members: tuple[Pair, ...]


def kinds(host: HostCores, pairs: Iterable[Pair]) -> list[Kind]:
    """Put pairs together that stand alike to each other on this host."""
    seen: dict[Hashable, Hashable] = {}
    found: dict[Hashable, list[Pair]] = defaultdict(list)
    looks = looks_of(host)
    for pair in pairs:
        key = (_key(pair.one), _key(pair.other), pair.siblings)
        if key not in seen:
            seen[key] = _standing(looks, pair)
        found[seen[key]].append(pair)
    return [Kind(members[0], tuple(members)) for members in found.values()]


def _key(actor: Actor) -> Hashable:
    return actor.allowed, actor.cpuset, actor.cookie, actor.kind, actor.here


class Looks:
    """What actors look like to others: on which cores they may run, and of which forms those are.

    Kept for each affinity, because many have the same.
    """

    def __init__(self, host: HostCores) -> None:
        self.host = host
        self._known: dict[Cpus | None, tuple[frozenset[int], Hashable]] = {}

    def cores(self, actor: Actor) -> frozenset[int]:
        return self._of(actor.allowed)[0]

    def form(self, actor: Actor) -> Hashable:
        """Return what decides how somebody on other cores stands to the actor."""
        whole = self.host.is_all(actor.cpuset)
        return self._of(actor.allowed)[1], whole or actor.cpuset, actor.kind, actor.here

    def _of(self, allowed: Cpus | None) -> tuple[frozenset[int], Hashable]:
        if allowed not in self._known:
            cores = self.host.touched(self.host.online if allowed is None else allowed)
            forms = Counter(
                tuple((up, allowed is None or cpu in allowed) for cpu, up in self.host.cores[n])
                for n in cores
            )
            many = frozenset((form, min(count, 2)) for form, count in forms.items())
            self._known[allowed] = cores, many
        return self._known[allowed]


@lru_cache(maxsize=2)
def looks_of(host: HostCores) -> Looks:
    return Looks(host)


def _cookies(pair: Pair) -> Hashable:
    """Return how two cookies stand to each other: none, equal or different, and what is unknown."""
    one, other = pair.one.cookie, pair.other.cookie
    if isinstance(one, int) and isinstance(other, int):
        return bool(one), bool(other), one == other
    return one, other


def _standing(looks: Looks, pair: Pair) -> Hashable:
    """Return what decides how two stand to each other.

    Two who share no core, or of whom one may be everywhere, are told by the forms of their own
    cores; others by themselves.
    """
    one, other = pair.one, pair.other
    everything = looks.host.is_all
    whole = everything(one.cpuset) and everything(other.cpuset)
    mine, theirs = looks.cores(one), looks.cores(other)
    if whole and mine and theirs and mine.isdisjoint(theirs):
        return "apart", looks.form(one), looks.form(other), _cookies(pair), pair.siblings
    if whole and any(a.allowed is not None and everything(a.allowed) for a in (one, other)):
        return "everywhere", looks.form(one), looks.form(other), _cookies(pair), pair.siblings
    return _key(one), _key(other), pair.siblings


def grouped(actors: Iterable[Actor]) -> list[list[Actor]]:
    """Put actors together that may run in the same places, in their order."""
    found: dict[Hashable, list[Actor]] = defaultdict(list)
    for actor in actors:
        found[_key(actor)].append(actor)
    return list(found.values())


def within(
    vcpus: Sequence[Actor], siblings: Callable[[int, int], bool | None], wanted: bool
) -> Iterator[Pair]:
    """Yield pairs of vcpus that the guest is, or is not, shown as siblings; unknown ones always.

    Of pairs that are not siblings, one for each two groups of vcpus that run in the same places.
    """
    if wanted:
        yield from _sibling_pairs(vcpus, siblings)
        return
    groups = grouped(vcpus)
    for i, group in enumerate(groups):
        for other in groups[i:]:
            pair = _first_apart(group, other, siblings)
            if pair is not None:
                yield pair


def _sibling_pairs(
    vcpus: Sequence[Actor], siblings: Callable[[int, int], bool | None]
) -> Iterator[Pair]:
    """Siblings have numbers near each other, so no vcpu looks far."""
    ordered = sorted(vcpus, key=lambda v: v.number)
    unknown = len(ordered) > 1 and siblings(ordered[0].number, ordered[1].number) is None
    if unknown:
        groups = grouped(ordered)
        for i, group in enumerate(groups):
            for other in groups[i:]:
                pair = _first_apart(group, other, lambda *_: None)
                if pair is not None:
                    yield pair
        return
    for i, one in enumerate(ordered):
        for near in ordered[i + 1 : i + 1 + _NEAR]:
            related = siblings(one.number, near.number)
            if related is not False:
                yield Pair(one, near, related)


_NEAR = 256  # vcpus of one guest core


def _first_apart(
    group: Sequence[Actor], other: Sequence[Actor], siblings: Callable[[int, int], bool | None]
) -> Pair | None:
    for one in group:
        for two in other:
            if one is two:
                continue
            related = siblings(one.number, two.number)
            if not related:
                first, second = sorted((one, two), key=lambda v: v.number)
                return Pair(first, second, related)
    return None


def across(host: HostCores, ones: Iterable[Actor], others: Iterable[Actor]) -> Iterator[Pair]:
    """Yield the pairs of one from each side that have a core in common.

    Of those that have none, one for each two that look alike from afar.
    """
    looks = looks_of(host)
    theirs = [group[0] for group in grouped(others)]
    on_core: dict[int, list[int]] = defaultdict(list)
    afar: dict[Hashable, list[int]] = defaultdict(list)
    for n, other in enumerate(theirs):
        for core in looks.cores(other):
            on_core[core].append(n)
        afar[looks.form(other), other.cookie].append(n)
    seen: set[Hashable] = set()
    for group in grouped(ones):
        one = group[0]
        near = {n for core in looks.cores(one) for n in on_core.get(core, ())}
        yield from (Pair(one, theirs[n]) for n in sorted(near))
        for form, members in afar.items():
            key = (looks.form(one), one.cookie, form)
            far = next((n for n in members if n not in near), None)
            if far is not None and key not in seen:
                seen.add(key)
                yield Pair(one, theirs[far])
