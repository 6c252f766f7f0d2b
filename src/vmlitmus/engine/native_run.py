"""Decide a claim with the compiled engine."""

from __future__ import annotations

from vmlitmus.engine.compile import FAULTY_CONDITION, compile_machine
from vmlitmus.engine.layout import Layout
from vmlitmus.engine.limits import Limits, Stopped
from vmlitmus.engine.reference import Stepper
from vmlitmus.engine.run import Finding, Watch
from vmlitmus.engine.search import Found, Search
from vmlitmus.errors import EnginesDisagree
from vmlitmus.lang import Machine


def find_native(
    machine: Machine,
    kind: str | None,
    watched: tuple[str, ...],
    limits: Limits,
    progress: Watch | None,
) -> Finding:
    """Search with native code; the first of ``watched`` is the condition of the claim.

    Raises ModelError where a step or a condition fails, and EnginesDisagree where the reference
    engine does not see that failure.
    """
    layout = Layout(machine)
    model = compile_machine(machine, watched)
    stop_on = FAULTY_CONDITION | (1 if kind in ("never", "possible") else 0)
    try:
        opened = Search(model, stop_on=stop_on, limits=limits, progress=progress)
    except Stopped as stop:
        return Finding("compiled", 0, 0, 0, {}, frozenset(), stopped=stop.reason)
    with opened as search:
        found = search.run()
        raise_fault(machine, layout, search, found, watched)
        end, stopped = found.hit, found.stopped
        if kind == "recoverable" and stopped is None:
            end, stopped = _unrecoverable(search)
        path = None
        if end is not None and stopped is None:
            path = tuple(layout.unpack(words) for words in search.path(end))
        return Finding(
            engine="compiled",
            states=found.states,
            transitions=found.transitions,
            depth=found.depth,
            coverage=dict(zip(machine.step_ids, found.coverage, strict=True)),
            observed=frozenset(n for b, n in enumerate(watched) if found.observed >> b & 1),
            path=path,
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
