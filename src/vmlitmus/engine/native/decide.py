"""Decide a claim with the compiled engine."""

from __future__ import annotations

import itertools
import time
from dataclasses import replace
from typing import NoReturn

from vmlitmus.compiler import Machine, State
from vmlitmus.compiler.symmetry import symmetry as symmetry_of
from vmlitmus.engine.finding import Alike, Finding, Watch
from vmlitmus.engine.limits import Limits, Stopped, Symmetry
from vmlitmus.engine.native.codegen import FAULTY_CONDITION, compile_machine, condition_bit
from vmlitmus.engine.native.graph import unrecoverable
from vmlitmus.engine.native.layout import Layout
from vmlitmus.engine.native.liveness import fair_loop
from vmlitmus.engine.native.search import Found, Search
from vmlitmus.engine.native.symmetry.orbits import Orbits, OrbitSearch, orbits
from vmlitmus.engine.reference.lasso import Lasso
from vmlitmus.engine.reference.search import Stepper
from vmlitmus.errors import EnginesDisagree
from vmlitmus.lang import Claim

LARGE = 1 << 20  # states from which on it pays to look for symmetry


def find_native(
    machine: Machine,
    claim: Claim | None,
    watched: tuple[str, ...],
    limits: Limits,
    progress: Watch | None,
    symmetry: Symmetry = "off",
) -> Finding:
    """Search with native code; ``watched`` begins with the claim's conditions.

    Without a claim, everything is explored. Raises ModelError where a step or a condition fails,
    and EnginesDisagree where the reference engine does not see that failure.
    """
    kind = claim.kind if claim is not None else None
    live = claim is not None and claim.is_liveness
    if live:
        symmetry = "off"
    limits = limits.of(*([] if claim is not None else ["all states"]))
    by_orbits = _ByOrbits(machine, kind, watched, limits, progress)
    if symmetry == "on" and (finding := by_orbits.find()) is not None:
        return finding
    model = compile_machine(machine, watched, named=live)
    try:
        opened = Search(
            model,
            stop_on=stop_on(kind),
            limits=limits,
            progress=progress,
            graph=live or kind == "recoverable",
        )
    except Stopped as stop:
        return _given_up(stop)
    with opened as search:
        found = search.run(LARGE if symmetry == "auto" else None)
        if found.stopped == "large":
            finding = by_orbits.find(effort=2)
            if finding is not None:
                if finding.stopped is None:
                    search.finished()
                return finding
            found = search.run()
        layout = Layout(machine)
        raise_fault(machine, layout, search, found, watched)
        path, stopped = _way(search, found, kind, layout)
        lasso = None
        if live and claim is not None and stopped is None:
            lasso, stopped = _lasso(machine, layout, search, claim, watched)
        if stopped is None:
            search.finished()
        return Finding(
            engine="compiled",
            states=found.states,
            transitions=found.transitions,
            depth=found.depth,
            coverage=dict(zip(machine.step_ids, found.coverage, strict=True)),
            observed=observed(found, watched),
            path=path,
            lasso=lasso,
            stopped=stopped,
            alike=by_orbits.alike,
            notes=notes(search.omission_odds),
        )


def _given_up(stop: Stopped) -> Finding:
    """Return the finding of a search that could not begin."""
    return Finding("compiled", 0, 0, 0, {}, frozenset(), stopped=stop.reason)


def _way(
    search: Search, found: Found, kind: str | None, layout: Layout
) -> tuple[tuple[State, ...] | None, str | None]:
    """Return the way to the state that decides, if there is one, and why it is not known."""
    end, stopped = found.hit, found.stopped
    if kind == "recoverable" and stopped is None:
        end, stopped = _unrecoverable(search)
    if end is None or stopped is not None:
        return None, stopped
    return tuple(layout.unpack(words) for words in search.path(end)), None


def orbits_of(machine: Machine, watched: tuple[str, ...]) -> tuple[Orbits | None, Alike]:
    """Return how a machine is searched by orbits, if it can be, and what was found alike."""
    if watched not in machine.proved:
        proved = symmetry_of(machine, watched)
        found = orbits(machine, proved)
        interchangeable = tuple(str(f) for f in found.plan.factors) if found else ()
        alike = Alike(interchangeable, tuple(map(str, proved.different)), None)
        machine.proved[watched] = found, alike
    known: tuple[Orbits | None, Alike] = machine.proved[watched]
    return known


def stop_on(kind: str | None) -> int:
    """Return the conditions that end a search."""
    return FAULTY_CONDITION | (1 if kind in ("never", "possible") else 0)


def observed(found: Found, watched: tuple[str, ...]) -> frozenset[str]:
    """Return which of the conditions were seen."""
    return frozenset(n for b, n in enumerate(watched) if found.observed >> condition_bit(b) & 1)


class _ByOrbits:
    """A search in which one state stands for all that are like it, where that can be proved.

    ``alike`` is what was found about that; None before it was looked for.
    """

    def __init__(
        self,
        machine: Machine,
        kind: str | None,
        watched: tuple[str, ...],
        limits: Limits,
        progress: Watch | None,
    ) -> None:
        self.machine = machine
        self.kind = kind
        self.watched = watched
        self.limits = limits
        self.progress = progress
        self.started = time.monotonic()
        self.alike: Alike | None = None

    def find(self, effort: int = 0) -> Finding | None:
        """Return what is found; None where nothing is alike, or where a step or condition fails.

        A failure is told of the state that a search of all states meets.
        """
        found, self.alike = orbits_of(self.machine, self.watched)
        return self.search(found, effort) if found else None

    def search(self, by: Orbits, effort: int) -> Finding | None:
        model = compile_machine(self.machine, self.watched, orbits=by)
        try:
            opened = OrbitSearch(
                model,
                stop_on=stop_on(self.kind),
                limits=self.left(),
                progress=self.progress,
                effort=effort,
                graph=self.kind == "recoverable",
            )
        except Stopped as stop:
            return _given_up(stop)
        with opened as search:
            found = search.run()
            if found.error is not None or found.observed & FAULTY_CONDITION:
                return None
            path, stopped = _way(search, found, self.kind, Layout(self.machine))
            if stopped is None:
                search.finished()
            assert self.alike is not None
            return Finding(
                engine="compiled",
                states=found.states,
                transitions=found.transitions,
                depth=found.depth,
                coverage=by.coverage(found.coverage),
                observed=observed(found, self.watched),
                path=path,
                stopped=stopped,
                alike=replace(self.alike, orbits=found.orbits),
                notes=notes(search.omission_odds),
            )

    def left(self) -> Limits:
        """Return the limits with the time that is left."""
        limits = self.limits.of("orbits")
        if limits.seconds is None:
            return limits
        return limits.within(max(limits.seconds - (time.monotonic() - self.started), 0.0))


def _unrecoverable(search: Search) -> tuple[int | None, str | None]:
    """Return the first state that cannot recover, or why it is not known."""
    try:
        return unrecoverable(search, 1), None
    except Stopped as stop:
        return None, stop.reason
    except KeyboardInterrupt:
        return None, "interrupt"


def _lasso(
    machine: Machine,
    layout: Layout,
    search: Search,
    claim: Claim,
    watched: tuple[str, ...],
) -> tuple[Lasso | None, str | None]:
    """Return a run on which what the claim awaits never comes, or why none is known."""
    awaited = 1 << watched.index(claim.awaited)
    asked = 1 << watched.index(claim.condition) if claim.kind == "leads_to" else 0
    try:
        loop = fair_loop(search, len(machine.instances), machine.promises, awaited, asked)
    except Stopped as stop:
        return None, stop.reason
    except (MemoryError, OSError):
        return None, "memory"
    except KeyboardInterrupt:
        return None, "interrupt"
    if loop is None:
        return None, None
    path = [layout.unpack(words) for words in search.path(loop.source)]
    taken = _instances(Stepper(machine), path)
    waits = [*loop.way, *loop.loop]
    states = (*path, *(layout.unpack(words) for _, words in waits))
    start = len(taken) + len(loop.way)
    return Lasso(states, (*taken, *(i for i, _ in waits)), start, len(taken)), None


def _instances(stepper: Stepper, path: list[State]) -> list[int]:
    """Return the first instance that leads from each state of a path to the next."""
    found = []
    for before, after in itertools.pairwise(path):
        leads = [i.index for i, _, reached in stepper.successors(before) if reached == after]
        if not leads:
            raise EnginesDisagree("a step of a lasso cannot be executed again")
        found.append(leads[0])
    return found


def notes(odds: float) -> tuple[str, ...]:
    """Return what is said of the odds that a state was missed."""
    if odds == 0.0:
        return ()
    return (f"states are stored as 128-bit fingerprints: odds of an omission below {odds:.0e}",)


def raise_fault(
    machine: Machine, layout: Layout, search: Search, found: Found, watched: tuple[str, ...]
) -> None:
    """Let the reference engine raise the model error that the native code met."""
    if found.error is not None:
        raise_failed(machine, layout.unpack(search.state(found.error[0])), found.error[1], watched)
    if found.observed & FAULTY_CONDITION:
        stepper = Stepper(machine)
        for index in range(found.hit or 0, found.states):
            for name in watched:
                stepper.holds(layout.unpack(search.state(index)), name)
        raise EnginesDisagree("only the compiled engine fails at a condition")


def raise_failed(
    machine: Machine, state: State, instance: int | None, watched: tuple[str, ...]
) -> NoReturn:
    """Let the reference engine raise the error of a state: of an instance, or of a condition."""
    stepper = Stepper(machine)
    if instance is None:
        for name in watched:
            stepper.holds(state, name)
        raise EnginesDisagree("only the compiled engine fails at a condition")
    stepper.successors(state)
    raise EnginesDisagree(f"only the compiled engine fails at {machine.instances[instance]}")
