"""Decide a claim with a search that is divided among workers."""

from __future__ import annotations

from dataclasses import replace

from vmlitmus.compiler import Machine, State
from vmlitmus.engine.finding import Finding, Watch
from vmlitmus.engine.limits import Limits, Symmetry
from vmlitmus.engine.native.codegen import compile_machine
from vmlitmus.engine.native.decide import notes, observed, orbits_of, raise_failed, stop_on
from vmlitmus.engine.native.layout import Layout
from vmlitmus.engine.native.search import Found
from vmlitmus.engine.native.sharded.search import ShardedSearch, Workers
from vmlitmus.engine.native.symmetry.orbits import Orbits, OrbitSearch
from vmlitmus.errors import UsageError
from vmlitmus.lang import Claim


def find_sharded(
    machine: Machine,
    claim: Claim | None,
    watched: tuple[str, ...],
    limits: Limits,
    progress: Watch | None,
    symmetry: Symmetry,
    workers: Workers,
) -> Finding:
    """Search with the workers; by orbits unless ``symmetry`` is "off", where that is proved.

    Raises ModelError where a step or a condition fails, and UsageError for a claim that needs the
    graph of the states, which no worker has.
    """
    if claim is not None and claim.kind not in ("never", "possible"):
        raise UsageError(f"{claim}: workers decide never and possible; take one machine for others")
    asked = claim.kind if claim is not None else None
    by, alike = orbits_of(machine, watched) if symmetry != "off" else (None, None)

    def searched(by: Orbits | None) -> tuple[ShardedSearch, Found]:
        model = compile_machine(machine, watched, orbits=by)
        search = ShardedSearch(
            model, workers, stop_on=stop_on(asked), limits=limits, progress=progress
        )
        return search, search.run()

    search, found = searched(by)
    if search.fault is not None and by is not None:  # it is told of a state met without orbits
        by = None
        search, found = searched(None)
    layout = Layout(machine)
    if search.fault is not None and found.stopped is None:
        raise_failed(machine, layout.unpack(search.fault[0]), search.fault[1], watched)
    if by is None:
        coverage = dict(zip(machine.step_ids, found.coverage, strict=True))
    else:
        coverage = by.coverage(found.coverage)
    return Finding(
        engine="compiled",
        states=found.states,
        transitions=found.transitions,
        depth=found.depth,
        coverage=coverage,
        observed=observed(found, watched),
        path=_path(search, layout) if found.stopped is None else None,
        stopped=found.stopped,
        alike=None if alike is None else replace(alike, orbits=found.orbits),
        notes=notes(search.omission_odds),
    )


def _path(search: ShardedSearch, layout: Layout) -> tuple[State, ...] | None:
    """Return the run to the state that ended a search, if one did: a real one, also by orbits."""
    path = search.path
    if path is not None and search.model.symmetric:
        with OrbitSearch(search.model) as orbits:
            path = orbits.real_run(path)
    return None if path is None else tuple(map(layout.unpack, path))
