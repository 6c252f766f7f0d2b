"""What is measured of a run: times, rates, latencies and odds, from what happens when.

An *occurrence* is a condition that becomes true, ``not CONDITION`` one that becomes false, the name
of a step that is taken, or ``STEP: LABEL``, one section of it. A condition that is true at the
start occurs then.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vmlitmus.compiler import Instance, Machine
from vmlitmus.errors import ScenarioError, spelled, unknown
from vmlitmus.simulation.laws.quantity import quantity
from vmlitmus.simulation.laws.rules import endings, label_of, matches

SHARE, RATE, LATENCY, PROBABILITY, RATIO = "share", "rate", "latency", "probability", "ratio"
KINDS = (SHARE, RATE, LATENCY, PROBABILITY, RATIO)
_KEYS = ("name", *KINDS, "per", "within", "by_actor", "expect", "because", "source")
MOST = 1000  # measures of a test


@dataclass(frozen=True)
class Measure:
    """One figure that is asked for.

    ``what`` is a condition (share), or occurrences: one (rate, probability), or two (latency: from,
    to; ratio: of, per). ``within`` is the time of a probability, in nanoseconds. A latency
    ``by_actor`` has a clock for each actor of its steps. ``expect`` are the limits between which
    the figure is expected, in the unit of the figure: nanoseconds, or per second, or plain.
    """

    name: str
    kind: str
    what: tuple[str, ...]
    within: int = 0
    by_actor: bool = False
    expect: tuple[float, float] | None = None
    because: str = ""


def read_measures(rows: object, machine: Machine, names: Mapping[str, float]) -> list[Measure]:
    """Return the measures of a test; raises ScenarioError."""
    if not isinstance(rows, list) or not all(isinstance(row, Mapping) for row in rows):
        raise ScenarioError("measure is not a list of tables; write [[measure]]")
    if not 1 <= len(rows) <= MOST:
        raise ScenarioError(f"[[measure]]: {len(rows)} rows, not 1 to {MOST}")
    found = [_measure(row, machine, names) for row in rows]
    for measure in found:
        if [m.name for m in found].count(measure.name) > 1:
            raise ScenarioError(f"measure: two are called {measure.name!r}")
    return found


def _measure(row: Mapping[str, Any], machine: Machine, names: Mapping[str, float]) -> Measure:
    for key in row:
        if key not in _KEYS:
            raise ScenarioError(unknown("key of measure", key, _KEYS))
    kinds = [kind for kind in KINDS if kind in row]
    if len(kinds) != 1:
        raise ScenarioError(f"[[measure]] needs exactly one of {', '.join(KINDS)}")
    kind = kinds[0]
    what = _what(kind, row[kind], machine)
    within = 0
    if kind == PROBABILITY:
        within = round(quantity(row.get("within"), names, "measure.within"))
        if within <= 0:
            raise ScenarioError(f"measure.within = {spelled(row.get('within'))}: not a time")
    by_actor = row.get("by_actor", False)
    if not isinstance(by_actor, bool) or (by_actor and kind != LATENCY):
        raise ScenarioError(f"measure.by_actor = {spelled(by_actor)}: true or false, of a latency")
    return Measure(
        name=str(row.get("name") or " to ".join(what)),
        kind=kind,
        what=what,
        within=within,
        by_actor=by_actor,
        expect=_expected(row.get("expect"), names, kind),
        because=str(row.get("because", "")),
    )


def _what(kind: str, given: object, machine: Machine) -> tuple[str, ...]:
    wanted = 2 if kind in (LATENCY, RATIO) else 1
    listed: list[object] = given if isinstance(given, list) else [given]
    words = [word for word in listed if isinstance(word, str)]
    if not len(words) == len(listed) == wanted:
        how = f'["{"from" if kind == LATENCY else "of"}", "to"]' if wanted == 2 else "one name"
        raise ScenarioError(f"measure.{kind} = {spelled(given)}: write {how}")
    conditions = list(machine.conditions)
    known = conditions if kind == SHARE else [*conditions, *occurrences(machine)]
    for word in words:
        bare = word.removeprefix("not ")
        if kind != SHARE and is_section(word, machine):
            continue
        if bare not in known or (word != bare and bare not in conditions):
            raise ScenarioError(f"measure.{kind}: " + unknown("condition or step", bare, known))
    return tuple(words)


def is_section(word: str, machine: Machine) -> bool:
    """Say whether a word, ``STEP: LABEL``, is about something that can happen."""
    return ": " in word and any(
        names_section(word, instance, ending)
        for instance in machine.instances
        for ending in endings(instance)
    )


def names_section(word: str, instance: Instance, ending: int) -> bool:
    """Say whether ``STEP: LABEL`` is what an instance does with an ending."""
    step, _, label = word.partition(": ")
    return step == instance.step.name and matches(label, label_of(instance, ending))


def occurrences(machine: Machine) -> list[str]:
    """Return the names and ids of steps that can be taken, and the disturbances that they are."""
    found: dict[str, None] = {}
    for instance in machine.instances:
        found.setdefault(instance.step.name)
        if instance.step.disturbance:
            found.setdefault(instance.step.disturbance)
        for ending in endings(instance):
            found.setdefault(instance.step_id(ending))
    return list(found)


def _expected(given: object, names: Mapping[str, float], kind: str) -> tuple[float, float] | None:
    if given is None:
        return None
    if not isinstance(given, list) or len(given) != 2:
        raise ScenarioError(f"measure.expect = {spelled(given)}: write two limits, [low, high]")
    low, high = (quantity(v, names, "measure.expect") for v in given)
    if kind == RATE:  # a text such as "250 /s" is a quantity; a bare number is per second
        low, high = (
            v * 1e9 if isinstance(g, str) else v for v, g in zip((low, high), given, strict=True)
        )
    if low > high:
        raise ScenarioError(
            f"measure.expect = {spelled(given)}: the first limit is above the second"
        )
    return low, high


def watched(measures: Sequence[Measure], machine: Machine) -> tuple[str, ...]:
    """Return the conditions that the measures are about."""
    words = [word.removeprefix("not ") for m in measures for word in m.what]
    return tuple(dict.fromkeys(word for word in words if word in machine.conditions))
