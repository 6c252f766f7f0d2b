"""Decide a claim for several settings of a machine's switches, in one native search.

The switches are bits of the state that no step writes, so the searches never meet: each goes on,
level by level, as if it were alone, and ends by itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from vmlitmus.compiler import Machine, State
from vmlitmus.engine.finding import Watch
from vmlitmus.engine.limits import Limits, Stopped
from vmlitmus.engine.native.codegen import FAULTY_CONDITION, RETURNED, compile_machine
from vmlitmus.engine.native.decide import raise_fault
from vmlitmus.engine.native.graph import unrecoverable
from vmlitmus.engine.native.layout import Layout
from vmlitmus.engine.native.search import Search
from vmlitmus.lang import Claim

KINDS = ("never", "possible", "recoverable")  # of claims that can be decided so
Off = frozenset[str]


@dataclass(frozen=True)
class BatchResult:
    """What one search found for several settings of the switches.

    ``paths`` gives for each setting whose search has ended the path to the state that ended it;
    ``coverage`` counts the steps of all of them; ``odds`` bounds the odds that a state was missed;
    ``stopped`` says why the search gave up.
    """

    paths: Mapping[Off, tuple[State, ...]]
    states: int
    transitions: int
    coverage: Mapping[str, int]
    odds: float
    stopped: str | None = None


def find_together(
    machine: Machine,
    claim: Claim,
    watched: tuple[str, ...],
    settings: Sequence[Off],
    limits: Limits,
    progress: Watch | None,
) -> BatchResult:
    """Search from the initial state of each setting, given by the switches that are off.

    ``watched`` are the conditions to compile, so that claims on different ones share the code.
    Raises ModelError where a step or a condition fails.
    """
    layout = Layout(machine)
    if watched.index(claim.condition) >= RETURNED:
        watched = tuple(dict.fromkeys((claim.condition, *watched)))
    model = compile_machine(machine, watched)
    goal = 1 << watched.index(claim.condition)
    stop_on = FAULTY_CONDITION | (goal if claim.kind in ("never", "possible") else 0)
    starts = {off: layout.pack(machine.switched(off).initial) for off in settings}
    try:
        opened = Search(
            model,
            stop_on=stop_on,
            starts=list(starts.values()),
            limits=limits,
            progress=progress,
            graph=claim.kind == "recoverable",
        )
    except Stopped as stop:
        return BatchResult({}, 0, 0, {}, 0.0, stop.reason)
    with opened as search:
        found = search.run()
        raise_fault(machine, layout, search, found, watched)
        stopped = found.stopped
        if claim.kind == "recoverable" and stopped is None:
            stopped = _recover(search, goal)
        hits = search.hits()
        paths = {}
        for number, off in enumerate(starts):
            if number in hits:
                paths[off] = tuple(layout.unpack(state) for state in search.path(hits[number]))
        coverage = dict(zip(machine.step_ids, found.coverage, strict=True))
        odds = search.omission_odds
        return BatchResult(paths, found.states, found.transitions, coverage, odds, stopped)


def _recover(search: Search, good: int) -> str | None:
    """Find the states that cannot recover; return why that was given up, if it was."""
    try:
        unrecoverable(search, good)
    except Stopped as stop:
        return stop.reason
    except KeyboardInterrupt:
        return "interrupt"
    return None
