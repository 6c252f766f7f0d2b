"""Questions to the model: is a claim true as things are, and which actions together end it?

Answers are kept: hosts have many domains that are pinned alike.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from vmlitmus.audit.lifted.lift import Lifted, Scenario
from vmlitmus.engine.ablation.ablate import hitting, minimal
from vmlitmus.engine.ablation.queries import KnownVerdicts
from vmlitmus.engine.limits import Limits
from vmlitmus.engine.run import run
from vmlitmus.lang import never
from vmlitmus.outcome import Verdict

SECONDS = 20.0  # for one search
PATIENCE = 0.4  # seconds in plain Python, about what compiling costs
BANS = {
    "smt-control": "forbid smt/control",
    "hotplug": "forbid cpu hotplug",
    "repinning": "forbid repinning",
    "cookies": "forbid changing cookies",
    "cpuset": "forbid cpuset changes",
    "vcpu-hotplug": "forbid vcpu hotplug",
    "another-vm": "forbid another VM",
    "live-migration": "forbid live migration",
    "hibernation": "forbid hibernation",
    "processor-driver": "forbid loading the processor driver",
}
_ON_TWO_CORES = "not-ACCURATE_TOPOLOGY"
EVENTS = {
    "smt-control": "write to smt/control",
    "hotplug": "take a cpu offline or online",
    "repinning": "pin threads anew",
    "cookies": "change cookies",
    "cpuset": "change a cpuset",
    "vcpu-hotplug": "plug a vcpu",
    "another-vm": "start another VM",
    "live-migration": "migrate the VM",
    "hibernation": "hibernate the host",
    "processor-driver": "load the processor driver",
}


@dataclass(frozen=True)
class Decided:
    """A verdict, and the labels of the steps that lead to a violation."""

    verdict: Verdict
    steps: tuple[str, ...]


@lru_cache(maxsize=1 << 16)
def decide(scenario: Scenario, condition: str, allow: tuple[str, ...]) -> Decided:
    """Ask whether the condition is never true where what is allowed may happen."""
    machine = scenario.machine(allow, two_cores=condition == _ON_TWO_CORES)
    found = run(machine, never(condition), engine="reference", limits=Limits(PATIENCE, None))
    if found.verdict is Verdict.INCONCLUSIVE:
        found = run(machine, never(condition), engine="compiled", limits=Limits(SECONDS, None))
    return Decided(found.verdict, tuple(step.label for step in found.trace or ()))


def now(
    lifted: Iterable[Lifted], condition: str, base: tuple[str, ...]
) -> tuple[Verdict, tuple[str, ...]]:
    """Return the verdict as things are, and a run to a violation in the host's cpu numbers."""
    verdict = Verdict.HOLDS
    for one in lifted:
        found = decide(one.scenario, condition, base)
        if found.verdict is Verdict.VIOLATED:
            return found.verdict, tuple(in_host_numbers(step, one.cpus) for step in found.steps)
        if found.verdict is Verdict.INCONCLUSIVE:
            verdict = found.verdict
    return verdict, ()


def in_host_numbers(label: str, cpus: tuple[int, ...]) -> str:
    """Put the host's cpu numbers into a label; those of another host are marked."""

    def number(match: re.Match[str]) -> str:
        n = int(match[1])
        return f"cpu {cpus[n]}" if n < len(cpus) else "a cpu of the other host"

    return re.sub(r"\bcpu(\d+)\b", number, label)


@dataclass(frozen=True)
class Ends:
    """The smallest sets of actions that end a claim; ``undecided`` are sets that took too long."""

    sets: tuple[frozenset[str], ...]
    undecided: tuple[frozenset[str], ...] = ()


def ends(
    lifted: Iterable[Lifted], condition: str, base: tuple[str, ...], events: tuple[str, ...]
) -> Ends:
    """Return which actions, alone or together, make a claim false that is true now.

    More actions only let more happen. So once all actions that do not suffice alone are harmless
    together, no set of them is left to try.
    """
    found: set[frozenset[str]] = set()
    undecided: set[frozenset[str]] = set()
    for one in lifted:
        some = _ends_of(one.scenario, condition, base, events)
        found.update(some.sets)
        undecided.update(some.undecided)
    return Ends(tuple(minimal(sorted(found, key=sorted))), tuple(undecided))


@lru_cache(maxsize=1 << 14)
def _ends_of(
    scenario: Scenario, condition: str, base: tuple[str, ...], events: tuple[str, ...]
) -> Ends:
    alone = {event: decide(scenario, condition, (*base, event)).verdict for event in events}
    broken = [frozenset({e}) for e, v in alone.items() if v is Verdict.VIOLATED]
    undecided = [frozenset({e}) for e, v in alone.items() if v is Verdict.INCONCLUSIVE]
    rest = tuple(e for e, v in alone.items() if v is Verdict.HOLDS)
    if len(rest) < 2:
        return Ends(tuple(broken), tuple(undecided))
    more = _together(scenario, condition, base, rest)
    return Ends((*broken, *more.sets), (*undecided, *more.undecided))


def _together(
    scenario: Scenario, condition: str, base: tuple[str, ...], rest: tuple[str, ...]
) -> Ends:
    """Return which of some actions, harmless alone, end the claim together.

    All of them together first; if that ends it, every set of them, in one search.
    """
    two = condition == _ON_TWO_CORES
    machine = scenario.machine((*base, *rest), two_cores=two, bans=True)
    asked = KnownVerdicts(machine, never(condition), "compiled", Limits(SECONDS, None), None)
    bans = {BANS[event]: event for event in rest if BANS[event] in machine.switches}
    everything = frozenset(bans)
    asked.ask([everything])
    if not asked.holds(everything):
        sizes = range(2, len(bans))
        asked.ask(frozenset(c) for n in sizes for c in itertools.combinations(bans, n))
    found = minimal(off for off in asked.known if asked.breaks(off))
    for off in found:
        asked.confirm(off)
    unknown = () if asked.stopped is None else (frozenset(rest),)
    return Ends(tuple(frozenset(bans[ban] for ban in off) for off in found), unknown)


def to_forbid(sets: Iterable[frozenset[str]]) -> list[frozenset[str]]:
    """Return the smallest sets of actions of which each way to end the claim needs one."""
    return hitting(sets)
