"""What is known of a claim, by the parts that are switched off; and how more is asked.

In plain Python it is asked in one search for each setting of the switches; natively in one search
for many, or, for liveness, in one for each with the same compiled code.
"""

from __future__ import annotations

import itertools
import time
from collections import Counter
from collections.abc import Iterable

from vmlitmus.compiler import Machine, State
from vmlitmus.engine.confirm import backing
from vmlitmus.engine.finding import Watch
from vmlitmus.engine.limits import Limits
from vmlitmus.engine.run import ENGINES, REASONS, Choice, patience, run
from vmlitmus.errors import EnginesDisagree, UsageError, unknown
from vmlitmus.lang import Claim
from vmlitmus.outcome import Result, Verdict

_AT_ONCE = 256  # settings searched together
Off = frozenset[str]
NOTHING: Off = frozenset()


class KnownVerdicts:
    """The verdicts known so far.

    ``lengths`` are those of the runs that decide; ``stopped`` says why nothing more is asked.
    """

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
        self.patience = patience(len(machine.instances))
        self.watched = tuple(dict.fromkeys((*claim.conditions, *backing(machine, claim))))
        self.known: dict[Off, Verdict] = {}
        self.lengths: dict[Off, int] = {}
        self.paths: dict[Off, tuple[State, ...]] = {}  # not executed again yet
        self.coverage: Counter[str] = Counter()
        self.states = self.transitions = 0
        self.odds = 0.0
        self.stopped: str | None = None
        self.compiled = False

    def about(self, claim: Claim) -> KnownVerdicts:
        """Return another claim on the same machine, to be asked within the same limits."""
        other = KnownVerdicts(self.machine, claim, self.engine, self.limits, self.progress)
        other.started, other.patience = self.started, self.patience
        other.watched = self.watched
        return other

    def verdict(self, off: Off) -> Verdict:
        """Return the verdict with some parts off; inconclusive when it is not known."""
        return self.known.get(off, Verdict.INCONCLUSIVE)

    def holds(self, off: Off) -> bool:
        return self.verdict(off) is Verdict.HOLDS

    def breaks(self, off: Off) -> bool:
        return self.verdict(off) is Verdict.VIOLATED

    def ask(self, settings: Iterable[Off]) -> None:
        """Decide settings that are not known yet; after a limit was reached, none."""
        waiting = [off for off in dict.fromkeys(settings) if off not in self.known]
        try:
            self._decide(waiting)
        except KeyboardInterrupt:
            self.stopped = REASONS["interrupt"]

    def _decide(self, waiting: list[Off]) -> None:
        from vmlitmus.engine.ablation.batch import KINDS

        while waiting and self.stopped is None:
            if self.engine == "reference" or (self.engine == "auto" and self._patient()):
                self._alone(waiting, "reference")
            elif self.claim.kind not in KINDS:
                self._alone(waiting, "compiled")
            else:
                self._together(waiting[:_AT_ONCE])
                del waiting[:_AT_ONCE]

    def _patient(self) -> float:
        """Return how long "auto" still gives the reference engine; 0 when its time is over."""
        return max(self.patience - (time.monotonic() - self.started), 0.0)

    def _left(self) -> float | None:
        """Return how many seconds are left within the limits."""
        if self.limits.seconds is None:
            return None
        return max(self.limits.seconds - (time.monotonic() - self.started), 0.0)

    def _alone(self, waiting: list[Off], engine: Choice) -> None:
        """Decide the first of some settings, unless "auto" runs out of patience with it."""
        seconds = self._left()
        patient = self._patient() if self.engine == "auto" and engine == "reference" else None
        if patient is not None:
            seconds = patient if seconds is None else min(patient, seconds)
        result = run(
            self.machine.switched(waiting[0]),
            self.claim,
            engine=engine,
            limits=Limits(seconds, self.limits.memory),
            progress=self.progress,
        )
        if result.verdict is not Verdict.INCONCLUSIVE:
            self.compiled |= engine == "compiled"
            self._note(waiting.pop(0), result)
        elif patient is None or result.reason != REASONS["time"] or self._left() == 0.0:
            self.stopped = result.reason
        else:
            self.patience = 0.0

    def _note(self, off: Off, result: Result) -> None:
        self.known[off] = result.verdict
        self.states += result.states
        self.transitions += result.transitions
        self.coverage.update(result.coverage)
        if result.trace is not None:
            self.lengths[off] = len(result.trace)

    def _together(self, settings: list[Off]) -> None:
        """Decide by one search for all."""
        from vmlitmus.engine.ablation.batch import find_together

        limits = Limits(self._left(), self.limits.memory)
        found = find_together(
            self.machine, self.claim, self.watched, settings, limits, self.progress
        )
        self.compiled = True
        self.states += found.states
        self.transitions += found.transitions
        self.odds += found.odds
        self.coverage.update(found.coverage)
        reached, missed = Verdict.VIOLATED, Verdict.HOLDS
        if self.claim.kind == "possible":
            reached, missed = missed, reached
        for off in settings:
            if off in found.paths:
                self.known[off] = reached
                self.paths[off] = found.paths[off]
                self.lengths[off] = len(found.paths[off]) - 1
            elif found.stopped is None:
                self.known[off] = missed
        self.stopped = REASONS.get(found.stopped or "")

    def confirm(self, off: Off) -> None:
        """Execute what the native search found once more, in Python; raises EnginesDisagree."""
        from vmlitmus.engine.reference.search import Stepper

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
