"""Decide a claim on a machine, with the engine asked for, and say what was found."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

from vmlitmus.compiler import Machine, State
from vmlitmus.compiler.machine.memory_order.drains import FULL
from vmlitmus.engine.confirm import backing, confirm_end, confirm_lasso, nobody, vacuous
from vmlitmus.engine.finding import Finding, Watch
from vmlitmus.engine.limits import Limits, Progress, Stopped, Symmetry
from vmlitmus.engine.reference.lasso import Lasso
from vmlitmus.engine.reference.liveness import find_lasso
from vmlitmus.engine.reference.search import Explored, Stepper, explore, unrecoverable
from vmlitmus.engine.trace import lasso_trace, trace
from vmlitmus.errors import UsageError, unknown
from vmlitmus.lang import Claim
from vmlitmus.lang.syntax.label import in_words
from vmlitmus.outcome import Result, Verdict

if TYPE_CHECKING:
    from vmlitmus.engine.native.sharded.search import Workers

Choice: TypeAlias = Literal["auto", "reference", "compiled"]
ENGINES: tuple[Choice, ...] = ("auto", "reference", "compiled")
_COLD = 0.1  # seconds that "auto" gives the reference engine before it compiles
_EACH = 0.0003  # the same for each instance, where the process has compiled before
_COMPILING = 0.003, 0.00045  # seconds that it takes to compile a machine, and for each instance
_STATE = 0.000035, 0.000002  # seconds that plain Python takes for a state, and for each instance


def run(
    machine: Machine,
    claim: Claim,
    *,
    engine: Choice = "auto",
    limits: Limits | None = None,
    progress: Watch | None = None,
    observe: tuple[str, ...] = (),
    symmetry: Symmetry = "auto",
    likely: int | None = None,
    workers: Workers | None = None,
) -> Result:
    """Return the verdict on a claim, with counts and, where there is one, a trace.

    ``likely`` is how many states there probably are, if that is known: "auto" goes by it.
    ``observe`` names conditions; the result says for each whether any reachable state satisfies
    it. ``symmetry`` lets one state stand for all that are like it, where it is proved which those
    are; the counts are those of all states. ``workers`` divide the states among them. Raises
    ModelError when a step fails, EnginesDisagree when a trace cannot be replayed.
    """
    if engine not in ENGINES:
        raise UsageError(unknown("engine", engine, ENGINES))
    if engine == "reference" and symmetry == "on":
        raise UsageError(
            "--symmetry: the reference engine searches all states; use --engine compiled"
        )
    for name in (*claim.conditions, *observe):
        machine.model.condition(name)
    started = time.monotonic()
    job = _Job(machine, claim, engine, limits or Limits(), progress, started, symmetry, workers)
    if likely is not None:
        job.patience = _worth(likely, len(machine.instances))
    finding = job.find(claim.kind, observe)
    ended_early = claim.kind in ("never", "possible") and finding.path is not None
    observed = finding.observed
    if observe and ended_early and finding.stopped is None:
        whole = job.find(None, observe)
        observed = whole.observed
        if whole.stopped is not None:  # what was not seen may still be reachable
            finding = replace(finding, path=None, stopped=whole.stopped)
    return _result(machine, claim, finding, observed, observe, started)


class _Job:
    """One claim to decide, within limits that hold for all its searches together."""

    def __init__(
        self,
        machine: Machine,
        claim: Claim,
        engine: Choice,
        limits: Limits,
        progress: Watch | None,
        started: float,
        symmetry: Symmetry,
        workers: Workers | None,
    ) -> None:
        self.machine = machine
        self.workers = workers
        self.claim = claim
        self.symmetry = symmetry
        self.engine = engine
        self.limits = limits
        self.progress = progress
        self.started = started
        self.patience = patience(len(machine.instances))

    def find(self, kind: str | None, observe: tuple[str, ...]) -> Finding:
        """Search with the claim's own end, or (``kind`` None) everything."""
        backed = backing(self.machine, self.claim)
        full = (FULL,) if FULL in self.machine.conditions else ()
        watched = tuple(dict.fromkeys((*self.claim.conditions, *backed, *observe, *full)))
        asked = self.claim if kind is not None else None
        if self.workers is not None:
            from vmlitmus.engine.native.sharded.decide import find_sharded

            return find_sharded(
                *(self.machine, asked, watched, self.left(), self.progress),
                self.symmetry,
                self.workers,
            )
        if self.engine == "auto" and self.symmetry != "on" and self.patience:
            try:
                return self.reference(kind, watched, self.patience)
            except _TooLarge:
                pass
        if self.engine == "reference":
            return self.reference(kind, watched, None)
        from vmlitmus.engine.native.decide import find_native

        return find_native(self.machine, asked, watched, self.left(), self.progress, self.symmetry)

    def left(self) -> Limits:
        """Return the limits with the time that is left."""
        seconds = self.limits.seconds
        spent = time.monotonic() - self.started
        return self.limits.within(None if seconds is None else max(seconds - spent, 0.0))

    def reference(
        self, kind: str | None, watched: tuple[str, ...], at_most: float | None
    ) -> Finding:
        stepper = Stepper(self.machine)
        truths: dict[State, frozenset[str]] = {}
        goal = watched[0]

        def ends(state: State) -> bool:
            truths[state] = frozenset(n for n in watched if stepper.holds(state, n))
            return kind in ("never", "possible") and goal in truths[state]

        watch = _Guard(self.limits, self.progress, self.started, at_most)
        lasso = None
        try:
            seen = explore(stepper, ends, watch, keep_edges=kind not in ("never", "possible", None))
            end = seen.hit
            if kind == "recoverable":
                end = unrecoverable(seen, lambda state: stepper.holds(state, goal))
            elif kind in ("eventually", "leads_to"):
                lasso = self.lasso(seen, truths, watch)
        except (Stopped, KeyboardInterrupt) as stop:
            reason = stop.reason if isinstance(stop, Stopped) else "interrupt"
            return _finding(watch.seen, truths, None, None, reason)
        return _finding(seen, truths, end, lasso, None)

    def lasso(
        self, seen: Explored, truths: Mapping[State, frozenset[str]], watch: _Guard
    ) -> Lasso | None:
        """Return a fair run on which what is awaited never comes, or None."""
        unmet = {state for state, true in truths.items() if self.claim.awaited not in true}
        if self.claim.kind == "leads_to":
            asks = [state for state in truths if self.claim.condition in truths[state]]
        else:
            asks = [self.machine.initial]
        starts = [state for state in asks if state in unmet]
        return find_lasso(seen, starts, unmet, self.machine.promises, lambda: watch(seen, 0))


def patience(instances: int) -> float:
    """Return about what compiling would cost: less where the process has compiled before."""
    return _EACH * instances if _is_warm() else _COLD


def _worth(states: int, instances: int) -> float:
    """Return how long "auto" gives the reference engine with so many states: 0 if it is slower."""
    compiling = _COMPILING[0] + _COMPILING[1] * instances + (0.0 if _is_warm() else _COLD)
    plain = states * (_STATE[0] + _STATE[1] * instances)
    return 2 * compiling if plain < compiling else 0.0


def _is_warm() -> bool:
    """Say whether the process has compiled before."""
    return "vmlitmus.engine.native.decide" in sys.modules


class _TooLarge(Exception):
    """The reference engine had its time in "auto"; the compiled one takes over."""


class _Guard:
    """Called often by the reference search: progress, limits, and the hand-over of "auto"."""

    def __init__(
        self, limits: Limits, progress: Watch | None, started: float, at_most: float | None
    ) -> None:
        self.limits = limits
        self.progress = progress
        self.started = started
        self.began = time.process_time()
        self.at_most = at_most
        self.before = resident() if limits.memory is not None else 0
        self.seen = Explored({})

    def __call__(self, seen: Explored, frontier: int) -> None:
        self.seen = seen
        if self.at_most is not None and time.process_time() - self.began > self.at_most:
            raise _TooLarge
        now = time.monotonic()
        if self.limits.seconds is not None and now - self.started >= self.limits.seconds:
            raise Stopped("time")
        if self.limits.memory is not None and resident() - self.before >= self.limits.memory:
            raise Stopped("memory")
        if self.progress is not None:
            states, transitions = len(seen.parent), seen.transitions
            seconds = now - self.started
            self.progress(Progress(states, transitions, seen.depth, frontier, seconds))


def resident() -> int:
    """Return the memory that this process has in use, in bytes; 0 where Linux does not say."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def _finding(
    seen: Explored,
    truths: Mapping[State, frozenset[str]],
    end: State | None,
    lasso: Lasso | None,
    stopped: str | None,
) -> Finding:
    return Finding(
        engine="reference",
        states=len(seen.parent),
        transitions=seen.transitions,
        depth=seen.depth,
        coverage=dict(seen.coverage),
        observed=frozenset().union(*truths.values()),
        path=tuple(seen.path(end)) if end is not None else None,
        lasso=lasso,
        stopped=stopped,
    )


def _result(
    machine: Machine,
    claim: Claim,
    finding: Finding,
    observed: frozenset[str],
    observe: tuple[str, ...],
    started: float,
) -> Result:
    verdict = _verdict(claim, finding)
    steps, lasso = None, finding.lasso
    if lasso is not None:
        stepper = Stepper(machine)
        steps = lasso_trace(stepper, lasso)
        confirm_lasso(stepper, claim, lasso)
    elif finding.path is not None:
        stepper = Stepper(machine)
        steps = trace(stepper, finding.path)
        confirm_end(stepper, claim, finding.path[-1])
    backed = backing(machine, claim) if verdict is Verdict.HOLDS else ()
    warnings = finding.notes
    empty = nobody(machine, claim) if verdict is not Verdict.INCONCLUSIVE else ()
    if verdict is Verdict.HOLDS and not empty:
        empty = vacuous(machine, claim, finding.observed)
    warnings += empty
    if verdict is Verdict.HOLDS and FULL in finding.observed:
        warnings += ("a store buffer was full, so a store had to wait: raise machine.store_buffer",)
    coverage = {name: finding.coverage.get(name, 0) for name in machine.step_ids}
    return Result(
        verdict=verdict,
        engine=finding.engine,
        states=finding.states,
        transitions=finding.transitions,
        depth=finding.depth,
        seconds=time.monotonic() - started,
        coverage=coverage,
        never_fired=_never_fired(machine, coverage),
        trace=steps,
        loop_start=lasso.loop_start if lasso else None,
        since=lasso.since if lasso else None,
        warnings=warnings,
        vacuous=bool(empty),
        reason=REASONS.get(finding.stopped or "", finding.stopped),
        observed={name: name in observed for name in observe},
        orbits=finding.alike.orbits if finding.alike else None,
        interchangeable=finding.alike.interchangeable if finding.alike else (),
        different=finding.alike.different if finding.alike else (),
        backing=tuple(machine.model.condition(n).text for n in backed if n in finding.observed),
    )


def _never_fired(machine: Machine, coverage: Mapping[str, int]) -> dict[str, str]:
    """Return the sections that no run took, in words.

    A sequence may come to the same section of a sub-sequence at several places: where only some of
    them were taken, the words say which was not.
    """
    places: dict[tuple[str, str], list[str]] = {}
    for name in coverage:
        step = name.rpartition(".")[0] or name
        places.setdefault((step, machine.labels[name]), []).append(name)
    found = {}
    for (step, label), names in places.items():
        missing = [name for name in names if not coverage[name]]
        partly = len(missing) < len(names)
        for name in missing:
            where = f", at place {names.index(name) + 1} of {len(names)} in {step}()"
            found[name] = in_words(label) + (where if partly else "")
    return {name: found[name] for name in coverage if name in found}


REASONS = {
    "time": "the time limit was reached",
    "memory": "the memory limit was reached",
    "interrupt": "interrupted",
}


def _verdict(claim: Claim, finding: Finding) -> Verdict:
    if finding.stopped is not None:
        return Verdict.INCONCLUSIVE
    if claim.is_liveness:
        return Verdict.HOLDS if finding.lasso is None else Verdict.VIOLATED
    reached = finding.path is not None
    return Verdict.HOLDS if reached == (claim.kind == "possible") else Verdict.VIOLATED
