"""Decide a claim with the compiled engine."""

from __future__ import annotations

import itertools

from vmlitmus.compiler import Machine, State
from vmlitmus.engine.finding import Finding, Watch
from vmlitmus.engine.limits import Limits, Stopped
from vmlitmus.engine.native.codegen import FAULTY_CONDITION, compile_machine, condition_bit
from vmlitmus.engine.native.layout import Layout
from vmlitmus.engine.native.liveness import LivenessSearch
from vmlitmus.engine.native.search import Found, Search
from vmlitmus.engine.reference.lasso import Lasso
from vmlitmus.engine.reference.search import Stepper
from vmlitmus.errors import EnginesDisagree
from vmlitmus.lang import Claim


def find_native(
    machine: Machine,
    claim: Claim | None,
    watched: tuple[str, ...],
    limits: Limits,
    progress: Watch | None,
) -> Finding:
    """Search with native code; ``watched`` begins with the claim's conditions.

    Without a claim, everything is explored. Raises ModelError where a step or a condition fails,
    and EnginesDisagree where the reference engine does not see that failure.
    """
    kind = claim.kind if claim is not None else None
    live = claim is not None and claim.is_liveness
    layout = Layout(machine)
    model = compile_machine(machine, watched, named=live)
    stop_on = FAULTY_CONDITION | (1 if kind in ("never", "possible") else 0)
    try:
        opened = (LivenessSearch if live else Search)(
            model, stop_on=stop_on, limits=limits, progress=progress
        )
    except Stopped as stop:
        return Finding("compiled", 0, 0, 0, {}, frozenset(), stopped=stop.reason)
    with opened as search:
        found = search.run()
        raise_fault(machine, layout, search, found, watched)
        end, stopped = found.hit, found.stopped
        if kind == "recoverable" and stopped is None:
            end, stopped = _unrecoverable(search)
        path = lasso = None
        if isinstance(search, LivenessSearch) and claim is not None and stopped is None:
            lasso, stopped = _lasso(machine, layout, search, claim, watched)
        if end is not None and stopped is None:
            path = tuple(layout.unpack(words) for words in search.path(end))
        return Finding(
            engine="compiled",
            states=found.states,
            transitions=found.transitions,
            depth=found.depth,
            coverage=dict(zip(machine.step_ids, found.coverage, strict=True)),
            observed=frozenset(
                n for b, n in enumerate(watched) if found.observed >> condition_bit(b) & 1
            ),
            path=path,
            lasso=lasso,
            stopped=stopped,
            notes=_odds(search),
        )


def _unrecoverable(search: Search) -> tuple[int | None, str | None]:
    """Return the first state that cannot recover, or why it is not known."""
    try:
        return search.unrecoverable(1), None
    except Stopped as stop:
        return None, stop.reason
    except KeyboardInterrupt:
        return None, "interrupt"


def _lasso(
    machine: Machine,
    layout: Layout,
    search: LivenessSearch,
    claim: Claim,
    watched: tuple[str, ...],
) -> tuple[Lasso | None, str | None]:
    """Return a run on which what the claim awaits never comes, or why none is known."""
    awaited = 1 << watched.index(claim.awaited)
    asked = 1 << watched.index(claim.condition) if claim.kind == "leads_to" else 0
    try:
        loop = search.fair_loop(len(machine.instances), machine.promises, awaited, asked)
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
    states = (*path, *(layout.unpack(search.state(state)) for _, state in waits))
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


def _odds(search: Search) -> tuple[str, ...]:
    odds = search.omission_odds
    if odds == 0.0:
        return ()
    return (f"states are stored as 128-bit fingerprints: odds of an omission below {odds:.0e}",)


def raise_fault(
    machine: Machine, layout: Layout, search: Search, found: Found, watched: tuple[str, ...]
) -> None:
    """Let the reference engine raise the model error that the native code met."""
    stepper = Stepper(machine)
    if found.error is not None:
        state = layout.unpack(search.state(found.error[0]))
        stepper.successors(state)
        raise EnginesDisagree(
            f"only the compiled engine fails at {machine.instances[found.error[1]]}"
        )
    if found.observed & FAULTY_CONDITION:
        for index in range(found.hit or 0, found.states):
            for name in watched:
                stepper.holds(layout.unpack(search.state(index)), name)
        raise EnginesDisagree("only the compiled engine fails at a condition")
