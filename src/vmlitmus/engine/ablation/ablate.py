"""Ablation: which parts of the mechanisms in play does a claim need?

Each part is a switch in the state (see ``build(switchable=True)``), so one machine, built and
compiled once, answers for every set of parts that may be switched off.

Up to EXACT parts, every set is decided: the minimal sets are exact within the bounds. Above, sets
are decided by size, and a set that contains a breaking one is taken to break as well. That rests on
monotony - a part that is switched off only lets more happen - which is checked where it can be.
Above MOST parts, each is switched off alone.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterable, Iterator

from vmlitmus.compiler import Machine
from vmlitmus.compiler.ir.fold import read
from vmlitmus.compiler.ir.nodes import Emit
from vmlitmus.engine.ablation.queries import NOTHING, KnownVerdicts, Off
from vmlitmus.engine.confirm import backing
from vmlitmus.engine.finding import Watch
from vmlitmus.engine.limits import Limits
from vmlitmus.engine.run import Choice
from vmlitmus.lang import Claim, possible
from vmlitmus.outcome import Ablated, Part, PartStatus, Verdict

EXACT = 8  # parts up to which every set of them is decided
MOST = 24  # parts up to which sets of them are decided


def ablate(
    machine: Machine,
    claim: Claim,
    *,
    engine: Choice = "auto",
    limits: Limits | None = None,
    progress: Watch | None = None,
    alone: bool = False,
    parts: Iterable[str] | None = None,
) -> Ablated:
    """Return what a claim needs of the machine's switches.

    ``parts`` are those to switch off, by default all; with ``alone`` only each by itself is. At a
    limit, or when interrupted, what is known by then is returned. Raises ModelError when a step
    fails.
    """
    chosen = tuple(p for p in machine.switches if parts is None or p in set(parts))
    asked = KnownVerdicts(machine, claim, engine, limits or Limits(), progress)
    asked.ask([NOTHING])
    if asked.holds(NOTHING):
        asked.ask([frozenset({p}) for p in chosen])
        if not alone and len(chosen) <= EXACT:
            asked.ask(_subsets(chosen))
        elif not alone and len(chosen) <= MOST:
            _by_size(asked, chosen)
    return _result(asked, chosen, alone)


def _subsets(parts: Iterable[str]) -> list[Off]:
    """Return all sets of some parts, the small ones first."""
    names = tuple(parts)
    sizes = range(len(names) + 1)
    return [frozenset(c) for size in sizes for c in itertools.combinations(names, size)]


def _by_size(asked: KnownVerdicts, chosen: tuple[str, ...]) -> None:
    """Decide larger and larger sets of the parts that do not break alone.

    Then decide some sets that contain a breaking one: they must break, or monotony is refuted. All
    pairs are decided for the same reason, even where all of these parts together do not break.
    """
    spare = [p for p in chosen if not asked.breaks(frozenset({p}))]
    pairs = [frozenset(pair) for pair in itertools.combinations(spare, 2)]
    asked.ask([frozenset(spare), frozenset(chosen), *pairs])
    level = [pair for pair in pairs if asked.holds(pair)]
    while level and not asked.holds(frozenset(spare)):
        larger = dict.fromkeys(off | {p} for off in level for p in spare if p not in off)
        wanted = [s for s in larger if all(asked.holds(s - {p}) for p in s)]
        asked.ask(wanted)
        level = [s for s in wanted if asked.holds(s)]
    for broken in minimal(off for off in asked.known if asked.breaks(off)):
        asked.ask(broken | {p} for p in chosen)


def minimal(sets: Iterable[Off]) -> list[Off]:
    """Return the sets that contain no other of them, small ones first, else in their order."""
    found: list[Off] = []
    for candidate in sorted(sets, key=len):
        if not any(smaller <= candidate for smaller in found):
            found.append(candidate)
    return found


def hitting(sets: Iterable[Off]) -> list[Off]:
    """Return the minimal sets that share a member with each of some sets."""
    found: list[Off] = [NOTHING]
    for members in sets:
        found = minimal(f if f & members else f | {m} for f in found for m in sorted(members))
    return found


def contradiction(known: dict[Off, Verdict]) -> tuple[Off, Off] | None:
    """Return two known sets of which the smaller breaks and the larger does not, or None."""
    breaking = minimal(off for off, verdict in known.items() if verdict is Verdict.VIOLATED)
    for larger, verdict in known.items():
        if verdict is Verdict.HOLDS:
            for smaller in breaking:
                if smaller < larger:
                    return smaller, larger
    return None


class _Sets:
    """The minimal sets, as far as what is known decides them."""

    def __init__(self, asked: KnownVerdicts, chosen: tuple[str, ...]) -> None:
        self.asked = asked
        self.chosen = chosen
        self.monotone = contradiction(asked.known) is None
        broken = (off for off, v in asked.known.items() if v is Verdict.VIOLATED)
        self.breaking = minimal(broken)
        if len(chosen) <= EXACT:
            self.complete = all(off in asked.known for off in _subsets(chosen))
            self.breaking = [b for b in self.breaking if self.known(_subsets(b))]
            self.sufficient = list(self.smallest())
        else:
            self.complete = asked.stopped is None and self.monotone and len(chosen) <= MOST
            self.breaking = [b for b in self.breaking if all(asked.holds(b - {p}) for p in b)]
            self.sufficient = hitting(self.breaking) if self.complete else []

    def known(self, sets: Iterable[Off]) -> bool:
        return all(off in self.asked.known for off in sets)

    def smallest(self) -> Iterator[Off]:
        """The minimal sets that suffice: nothing that is smaller does, for certain."""
        everything = frozenset(self.chosen)
        keeping = {everything - off: v for off, v in self.asked.known.items() if off <= everything}
        for kept in minimal(kept for kept, v in keeping.items() if v is Verdict.HOLDS):
            if all(smaller in keeping for smaller in _subsets(kept)):
                yield kept


def _result(asked: KnownVerdicts, chosen: tuple[str, ...], alone: bool) -> Ablated:
    sets = _Sets(asked, chosen)
    for off in (NOTHING, *(frozenset({part}) for part in chosen), *sets.breaking):
        asked.confirm(off)
    full = asked.holds(NOTHING) and not alone
    vacuous = _vacuous(asked, chosen) if full else {}
    idle = _idle(asked, chosen) if full and asked.stopped is None else set()
    judged = () if asked.breaks(NOTHING) else chosen
    return Ablated(
        verdict=asked.verdict(NOTHING),
        parts=tuple(_part(asked, part, idle, vacuous) for part in judged),
        sufficient=_ordered(sets.sufficient, chosen) if full else (),
        breaking=_ordered(sets.breaking, chosen) if full else (),
        complete=sets.complete and not alone,
        argument=_argument(asked, chosen) if full else "",
        engine="compiled" if asked.compiled else "reference",
        combinations=len(asked.known),
        states=asked.states,
        transitions=asked.transitions,
        seconds=time.monotonic() - asked.started,
        reason=asked.stopped,
        vacuous=vacuous.get(NOTHING, ()),
    )


def _ordered(found: Iterable[Off], chosen: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    """Return sets of parts in order: the small ones first, else as the parts are."""
    order = {part: index for index, part in enumerate(chosen)}
    numbers = sorted((sorted(order[part] for part in off) for off in found), key=_size_first)
    return tuple(tuple(chosen[number] for number in some) for some in numbers)


def _size_first(numbers: list[int]) -> tuple[int, list[int]]:
    return len(numbers), numbers


_STATUS = {
    Verdict.VIOLATED: PartStatus.LOAD_BEARING,
    Verdict.HOLDS: PartStatus.REDUNDANT,
    Verdict.INCONCLUSIVE: PartStatus.INCONCLUSIVE,
}


def _part(
    asked: KnownVerdicts, part: str, idle: set[str], vacuous: dict[Off, tuple[str, ...]]
) -> Part:
    off = frozenset({part})
    status = _STATUS[asked.verdict(off)]
    if status is PartStatus.LOAD_BEARING:
        return Part(part, status, asked.lengths.get(off))
    if status is PartStatus.REDUNDANT:
        return Part(part, status, None, part in idle, vacuous.get(off, ()))
    return Part(part, status)


def _vacuous(asked: KnownVerdicts, chosen: Iterable[str]) -> dict[Off, tuple[str, ...]]:
    """Return which conditions behind the claim are out of reach, with all on and each alone off.

    The claim then holds for want of anything that could break it.
    """
    settings = [NOTHING, *(frozenset({part}) for part in chosen)]
    settings = [off for off in settings if asked.holds(off)]
    found: dict[Off, tuple[str, ...]] = {}
    if asked.stopped is not None or asked.claim.kind in ("possible", "recoverable"):
        return found
    for name in backing(asked.machine, asked.claim):
        reached = asked.about(possible(name))
        reached.ask(settings)
        asked.stopped = reached.stopped
        for off in settings:
            if reached.breaks(off):
                found[off] = (*found.get(off, ()), name)
    return found


def _idle(asked: KnownVerdicts, chosen: Iterable[str]) -> set[str]:
    """Return the parts that no step which has happened asks for, whatever else is off."""
    machine = asked.machine
    busy = read(machine.codes[name] for name in machine.conditions)
    for instance in machine.instances:
        code = machine.codes[instance.index]
        name = instance.step.name
        ends = [block.end.ending for block in code.blocks if isinstance(block.end, Emit)]
        if any(asked.coverage[f"{name}.{end}" if instance.program else name] for end in ends):
            busy |= read([code])
    return {p for p in chosen if machine.switches.index(p) not in busy}


def _argument(asked: KnownVerdicts, chosen: tuple[str, ...]) -> str:
    """Say what the minimal sets rest on."""
    if len(chosen) > MOST:
        found = f"{len(chosen)} parts are too many to decide sets of them; each was off alone"
    else:
        found = _every_set(asked, chosen) if len(chosen) <= EXACT else _by_monotony(asked, chosen)
    if asked.odds:
        odds = f"odds of an omission below {asked.odds:.0e}"
        found += f"; states are stored as 128-bit fingerprints: {odds}"
    return found


def _every_set(asked: KnownVerdicts, chosen: tuple[str, ...]) -> str:
    done, every = len(asked.known), 2 ** len(chosen)
    known = f"all {every}" if done == every else f"{done} of the {every}"
    decided = f"{known} sets of parts were decided"
    refuted = _refuted(asked)
    if refuted:
        return f"{decided}; {refuted}: switching off more parts can repair the claim"
    return f"{decided}, and switching off more parts never repaired the claim"


def _by_monotony(asked: KnownVerdicts, chosen: tuple[str, ...]) -> str:
    refuted = _refuted(asked)
    many = f"{len(chosen)} parts are too many to decide every set of them"
    if refuted:
        return f"{many}, and {refuted}: which other sets break is not known"
    broken = minimal(off for off in asked.known if asked.breaks(off))
    checked = sum(any(b < off for b in broken) for off in asked.known)
    return (
        f"{many}: it is assumed that switching off more parts never repairs the claim, because a "
        f"part that is off only lets more happen; the {checked} such sets that were decided agree"
    )


def _refuted(asked: KnownVerdicts) -> str | None:
    """Say where more parts off mend what fewer break, if so; the claim is not monotone then."""
    found = contradiction(asked.known)
    if found is None:
        return None
    fewer, more = (", ".join(f'"{part}"' for part in sorted(off)) for off in found)
    return f"it is violated without {fewer}, but not without {more}"
