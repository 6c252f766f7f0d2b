"""Ablation: which parts of the mechanisms in play does a claim need?

Each part is a switch in the state (see ``build(switchable=True)``), so one machine, built and
compiled once, answers for every set of parts that may be switched off.

Up to EXACT parts, every set is decided: the minimal sets are exact within the bounds. Above, sets
are decided by size, and a set that contains a breaking one is taken to break as well. That rests on
monotony - a part that is switched off only lets more happen - which is checked where it can be.
"""

from __future__ import annotations

import itertools
import time
from collections import Counter
from collections.abc import Iterable, Iterator

from vmlitmus.engine.limits import Limits
from vmlitmus.engine.run import ENGINES, REASONS, Choice, Watch, patience, run
from vmlitmus.errors import EnginesDisagree, UsageError, unknown
from vmlitmus.lang import Claim, Machine, State
from vmlitmus.lang.fold import read
from vmlitmus.lang.ir import Emit
from vmlitmus.outcome import Ablated, Part, PartStatus, Verdict

EXACT = 8  # parts up to which every set of them is decided
MOST = 20  # parts that can be switched at all
_AT_ONCE = 256  # settings searched together
Off = frozenset[str]
NOTHING: Off = frozenset()


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
    fails, UsageError for too many parts.
    """
    chosen = tuple(p for p in machine.switches if parts is None or p in set(parts))
    if len(machine.switches) > MOST:
        raise UsageError(f"{len(machine.switches)} parts can be switched, more than {MOST}")
    asked = Asked(machine, claim, engine, limits or Limits(), progress)
    asked.ask([NOTHING])
    if asked.verdict(NOTHING) is Verdict.HOLDS:
        asked.ask([frozenset({p}) for p in chosen])
        if not alone and len(chosen) <= EXACT:
            asked.ask(_subsets(chosen))
        elif not alone:
            _by_size(asked, chosen)
    return _result(asked, chosen, alone)


class Asked:
    """The verdicts known so far, by the parts that are off; asks for more."""

    def __init__(
        self,
        machine: Machine,
        claim: Claim,
        engine: Choice,
        limits: Limits,
        progress: Watch | None,
    ) -> None:
        if engine not in ENGINES:
            raise UsageError(unknown("engine", engine, ENGINES))
        self.machine = machine
        self.claim = claim
        self.engine = engine
        self.limits = limits
        self.progress = progress
        self.started = time.monotonic()
        self.patience = patience()
        self.known: dict[Off, Verdict] = {}
        self.lengths: dict[Off, int] = {}
        self.paths: dict[Off, tuple[State, ...]] = {}  # not executed again yet
        self.coverage: Counter[str] = Counter()
        self.states = self.transitions = 0
        self.stopped: str | None = None
        self.compiled = False

    def verdict(self, off: Off) -> Verdict:
        """Return the verdict with some parts off; inconclusive when it is not known."""
        return self.known.get(off, Verdict.INCONCLUSIVE)

    def breaks(self, off: Off) -> bool:
        return self.verdict(off) is Verdict.VIOLATED

    def ask(self, settings: Iterable[Off]) -> None:
        """Decide settings that are not known yet; after a limit was reached, none."""
        waiting = [off for off in dict.fromkeys(settings) if off not in self.known]
        try:
            self.decide(waiting)
        except KeyboardInterrupt:
            self.stopped = REASONS["interrupt"]

    def decide(self, waiting: list[Off]) -> None:
        if self.engine != "compiled":
            waiting = self.one_by_one(waiting, "reference")
        if self.claim.kind not in _together():
            waiting = self.one_by_one(waiting, "compiled")
        for first in range(0, len(waiting), _AT_ONCE):
            if self.stopped is None:
                self.together(waiting[first : first + _AT_ONCE])

    def left(self) -> float | None:
        """Return how many seconds are left within the limits."""
        if self.limits.seconds is None:
            return None
        return max(self.limits.seconds - (time.monotonic() - self.started), 0.0)

    def one_by_one(self, waiting: list[Off], engine: Choice) -> list[Off]:
        """Decide by a search for each; return what "auto" leaves to the compiled engine."""
        handing_over = self.engine == "auto" and engine == "reference"
        for number, off in enumerate(waiting):
            seconds = self.left()
            if handing_over:
                rest = max(self.patience - (time.monotonic() - self.started), 0.0)
                if rest == 0.0:
                    return waiting[number:]
                seconds = rest if seconds is None else min(rest, seconds)
            if self.stopped is not None:
                return []
            limits = Limits(seconds, self.limits.memory)
            result = run(
                self.machine.switched(off),
                self.claim,
                engine=engine,
                limits=limits,
                progress=self.progress,
            )
            if result.verdict is Verdict.INCONCLUSIVE:
                if handing_over and result.reason == REASONS["time"] and self.left() != 0.0:
                    return waiting[number:]
                self.stopped = result.reason
                return []
            self.compiled |= engine == "compiled"
            self.states += result.states
            self.transitions += result.transitions
            self.coverage.update(result.coverage)
            self.known[off] = result.verdict
            if result.trace is not None:
                self.lengths[off] = len(result.trace)
        return []

    def together(self, settings: list[Off]) -> None:
        """Decide by one search for all."""
        from vmlitmus.engine.together import find_together

        limits = Limits(self.left(), self.limits.memory)
        found = find_together(self.machine, self.claim, settings, limits, self.progress)
        self.compiled = True
        self.states += found.states
        self.transitions += found.transitions
        self.coverage.update(found.coverage)
        reached = Verdict.HOLDS if self.claim.kind == "possible" else Verdict.VIOLATED
        missed = Verdict.VIOLATED if self.claim.kind == "possible" else Verdict.HOLDS
        for off in settings:
            if off in found.paths:
                self.paths[off] = found.paths[off]
                self.known[off] = reached
                self.lengths[off] = len(found.paths[off]) - 1
            elif found.stopped is None:
                self.known[off] = missed
        self.stopped = REASONS.get(found.stopped or "")

    def confirm(self, off: Off) -> None:
        """Execute what the native search found once more, in Python; raises EnginesDisagree."""
        from vmlitmus.engine.reference import Stepper

        path = self.paths.pop(off, None)
        if path is None:
            return
        machine = self.machine.switched(off)
        stepper = Stepper(machine)
        ok = path[0] == machine.initial
        for before, after in itertools.pairwise(path):
            ok = ok and any(reached == after for _, _, reached in stepper.successors(before))
        wanted = self.claim.kind != "recoverable"
        if not ok or stepper.holds(path[-1], self.claim.condition) != wanted:
            raise EnginesDisagree(f"a run without {sorted(off)} cannot be executed again")


def _together() -> tuple[str, ...]:
    from vmlitmus.engine.together import KINDS

    return KINDS


def _subsets(parts: Iterable[str]) -> list[Off]:
    """Return all sets of some parts, the small ones first."""
    names = tuple(parts)
    sizes = range(len(names) + 1)
    return [frozenset(c) for size in sizes for c in itertools.combinations(names, size)]


def _by_size(asked: Asked, chosen: tuple[str, ...]) -> None:
    """Decide larger and larger sets of the parts that do not break alone.

    Then decide some sets that contain a breaking one: they must break, or monotony is refuted. All
    pairs are decided for the same reason, even where all of these parts together do not break.
    """
    spare = [p for p in chosen if not asked.breaks(frozenset({p}))]
    pairs = [frozenset(pair) for pair in itertools.combinations(spare, 2)]
    asked.ask([frozenset(spare), frozenset(chosen), *pairs])
    level = [pair for pair in pairs if _holds(asked, pair)]
    while level and not _holds(asked, frozenset(spare)):
        larger = dict.fromkeys(off | {p} for off in level for p in spare if p not in off)
        wanted = [s for s in larger if all(_holds(asked, s - {p}) for p in s)]
        asked.ask(wanted)
        level = [s for s in wanted if _holds(asked, s)]
    for broken in minimal(off for off in asked.known if asked.breaks(off)):
        asked.ask(broken | {p} for p in chosen)


def _holds(asked: Asked, off: Off) -> bool:
    return asked.verdict(off) is Verdict.HOLDS


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

    def __init__(self, asked: Asked, chosen: tuple[str, ...]) -> None:
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
            self.complete = asked.stopped is None and self.monotone
            self.breaking = [b for b in self.breaking if all(_holds(asked, b - {p}) for p in b)]
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


def _result(asked: Asked, chosen: tuple[str, ...], alone: bool) -> Ablated:
    sets = _Sets(asked, chosen)
    for off in (NOTHING, *(frozenset({part}) for part in chosen), *sets.breaking):
        asked.confirm(off)
    base = asked.verdict(NOTHING)
    holds = base is Verdict.HOLDS and not alone
    order = {part: index for index, part in enumerate(chosen)}

    def ordered(found: Iterable[Off]) -> tuple[tuple[str, ...], ...]:
        numbers = sorted((sorted(order[part] for part in off) for off in found), key=_size_first)
        return tuple(tuple(chosen[number] for number in set_) for set_ in numbers)

    idle = _idle(asked, chosen)
    breaking = ordered(sets.breaking) if holds else ()
    return Ablated(
        verdict=base,
        parts=tuple(
            _part(asked, p, p in idle) for p in (chosen if base is not Verdict.VIOLATED else ())
        ),
        sufficient=ordered(sets.sufficient) if holds else (),
        breaking=breaking,
        complete=sets.complete and not alone,
        argument=_argument(asked, chosen) if holds else "",
        engine="compiled" if asked.compiled else "reference",
        combinations=len(asked.known),
        states=asked.states,
        transitions=asked.transitions,
        seconds=time.monotonic() - asked.started,
        reason=asked.stopped,
    )


def _size_first(numbers: list[int]) -> tuple[int, list[int]]:
    return len(numbers), numbers


def _part(asked: Asked, part: str, idle: bool) -> Part:
    off = frozenset({part})
    if asked.verdict(NOTHING) is not Verdict.HOLDS:
        return Part(part, PartStatus.INCONCLUSIVE)
    status = {
        Verdict.VIOLATED: PartStatus.LOAD_BEARING,
        Verdict.HOLDS: PartStatus.REDUNDANT,
        Verdict.INCONCLUSIVE: PartStatus.INCONCLUSIVE,
    }[asked.verdict(off)]
    steps = asked.lengths.get(off) if status is PartStatus.LOAD_BEARING else None
    return Part(part, status, steps, idle and status is PartStatus.REDUNDANT)


def _idle(asked: Asked, chosen: Iterable[str]) -> set[str]:
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


def _argument(asked: Asked, chosen: tuple[str, ...]) -> str:
    """Say what the minimal sets rest on."""
    refuted = contradiction(asked.known)
    if refuted is not None:
        smaller, larger = (", ".join(f'"{p}"' for p in sorted(s)) for s in refuted)
        again = f"violated without {smaller}, but not without {larger}"
        return f"not monotone: {again}; a set that contains a breaking one need not break"
    if len(chosen) <= EXACT:
        done = sum(len(off) <= len(chosen) for off in asked.known)
        every = 2 ** len(chosen)
        known = f"all {every}" if done == every else f"{done} of the {every}"
        return f"{known} sets of parts were decided, and none mends what a smaller one breaks"
    broken = minimal(off for off in asked.known if asked.breaks(off))
    checked = sum(any(b < off for b in broken) for off in asked.known)
    return (
        f"{len(chosen)} parts are too many to decide every set of them: assumed that a set which "
        "contains a breaking one breaks too, because a part that is off only lets more happen; "
        f"all {checked} such sets that were decided do break"
    )
