"""Liveness: what fairness means, and the mistakes that other checkers are known for.

Each mistake has a machine on which it gives the other verdict.
"""

from __future__ import annotations

import dataclasses

import pytest
from fair_graphs import Graph
from fair_world import HANDSHAKE, INTERRUPTS, LOCK
from judge import load

from vmlitmus.compiler import Machine, build
from vmlitmus.engine import replay, run
from vmlitmus.engine.confirm import confirm_lasso
from vmlitmus.engine.reference.lasso import Lasso
from vmlitmus.engine.reference.search import Stepper
from vmlitmus.errors import EnginesDisagree
from vmlitmus.lang import Claim, Fairness, Model, eventually, leads_to
from vmlitmus.outcome import Result

MET, ANSWERED = eventually("met"), leads_to("asked", "met")


def answer(machine: Machine, claim: Claim) -> Result:
    """Return what both engines find; a lasso is also replayed from the names of its steps."""
    results = [run(machine, claim, engine=engine) for engine in ("reference", "compiled")]
    for result in results:
        if result.trace is not None:
            _replayed(machine, result)
    one, two = results
    assert one.verdict == two.verdict
    assert (one.states, one.transitions, one.depth) == (two.states, two.transitions, two.depth)
    assert one.coverage == two.coverage
    assert one.warnings == two.warnings
    return one


def _replayed(machine: Machine, result: Result) -> None:
    """The steps can be executed one after another, and the loop comes back to where it begins."""
    assert result.trace is not None
    names = [f"{s.step}({','.join(s.binding)})" for s in result.trace]
    assert [s.changes for s in replay(machine, names)] == [s.changes for s in result.trace]
    first: dict[str, str] = {}
    last: dict[str, str] = {}
    for step in result.trace[result.loop_start :]:
        for name, (before, after) in step.changes.items():
            first.setdefault(name, before)
            last[name] = after
    assert first == last


def verdict(
    *moves: tuple[Fairness | None, dict[int, int]],
    met: set[int],
    asked: set[int] = frozenset(),
    claim: Claim = MET,
) -> str:
    """Return the verdict on a graph: each instance has a fairness, and leads from some states."""
    states = {0, *met, *asked, *(s for _, m in moves for move in m.items() for s in move)}
    graph = Graph(
        tuple(m for _, m in moves),
        tuple(fair for fair, _ in moves),
        frozenset(asked),
        frozenset(met),
        max(states) + 1,
    )
    return answer(build(load(graph.text())), claim).verdict.value


def with_fairness(model: Model, **fair: Fairness | None) -> Model:
    """Return the model with another fairness of some steps."""
    steps = tuple(
        dataclasses.replace(s, fair=fair[s.name]) if s.name in fair else s for s in model.steps
    )
    return dataclasses.replace(model, steps=steps)


def test_a_run_may_stop_where_nothing_is_promised() -> None:
    assert verdict((None, {0: 1}), met={1}) == "violated"
    assert verdict(("weak", {0: 1}), met={1}) == "holds"


def test_a_run_that_stops_is_a_lasso_without_steps_in_its_loop() -> None:
    machine = build(LOCK)
    result = answer(machine, eventually("first-served"))
    assert result.verdict == "violated"
    assert result.trace is not None
    assert result.loop_start == len(result.trace) == 0


def test_a_deadlock_is_a_run_that_goes_on_for_ever() -> None:
    assert verdict(("strong", {0: 1}), ("weak", {1: 2}), met={3}) == "violated"
    assert verdict(("strong", {0: 1}), ("weak", {1: 2}), met={2}) == "holds"


def test_a_join_is_reached_by_runs_that_have_met_the_claim_and_by_others() -> None:
    left, right = ("weak", {0: 1, 1: 3}), ("weak", {0: 2, 2: 3})
    assert verdict(left, right, ("weak", {3: 4}), met={1}) == "violated"
    assert verdict(right, left, ("weak", {3: 4}), met={1}) == "violated"
    assert verdict(left, right, ("weak", {3: 4}), met={3}) == "holds"


def test_a_loop_may_be_entered_late_through_states_seen_before() -> None:
    around, leave, back = ("weak", {0: 1, 1: 0}), ("strong", {1: 2}), ("weak", {2: 0})
    claim = ANSWERED
    assert verdict(around, leave, back, asked={2}, met={3}, claim=claim) == "violated"
    assert verdict(around, leave, back, asked={2}, met={0}, claim=claim) == "holds"


def test_what_was_met_before_it_was_asked_for_does_not_count() -> None:
    line = ("weak", {0: 1, 1: 2})
    assert verdict(line, asked={2}, met={1}, claim=ANSWERED) == "violated"
    assert verdict(line, asked={1}, met={2}, claim=ANSWERED) == "holds"
    assert verdict(line, asked={2}, met={2}, claim=ANSWERED) == "holds"


def test_a_component_is_no_loop_the_lasso_walks_its_edges() -> None:
    """A figure of eight: fairness needs both halves, which share only state 0."""
    left, right = {0: 1, 1: 2, 2: 0}, {0: 3, 3: 4, 4: 0}
    graph = Graph((left, right), ("strong", "strong"), frozenset(), frozenset({5}), 6)
    result = answer(build(load(graph.text())), MET)
    assert result.verdict == "violated"
    assert result.trace is not None
    taken = {step.step for step in result.trace[result.loop_start :]}
    assert taken == {"step0", "step1"}


def test_enabled_counts_steps_that_lead_out_of_the_loop() -> None:
    stay = (None, {0: 0})
    assert verdict(stay, ("weak", {0: 1}), met={1}) == "holds"
    assert verdict(stay, (None, {0: 1}), met={1}) == "violated"


def test_a_step_that_changes_nothing_is_taken() -> None:
    assert verdict(("weak", {0: 0}), met={1}) == "violated"
    assert verdict(("weak", {0: 0}), ("weak", {0: 1}), met={1}) == "holds"


def test_taken_counts_only_steps_that_stay_in_the_loop() -> None:
    """The weak instance leads out of the loop from one state; taking it once is not enough."""
    around = (None, {0: 1, 1: 0})
    assert verdict(around, ("weak", {0: 2, 1: 2}), met={2}) == "holds"
    assert verdict(around, ("weak", {0: 2}), met={2}) == "violated"
    assert verdict(around, ("strong", {0: 2}), met={2}) == "violated"  # it may stop in state 1
    around = ("weak", {0: 1, 1: 0})
    assert verdict(around, ("weak", {0: 2}), met={2}) == "violated"
    assert verdict(around, ("strong", {0: 2}), met={2}) == "holds"


def test_promises_are_not_pooled() -> None:
    """Two instances that take turns in being enabled may both starve; one with an if does not."""
    around: tuple[None, dict[int, int]] = (None, {0: 1, 1: 0})
    assert verdict(around, ("weak", {0: 2}), ("weak", {1: 2}), met={2}) == "violated"
    assert verdict(around, ("weak", {0: 2, 1: 2}), met={2}) == "holds"
    assert verdict(around, ("strong", {0: 2}), ("weak", {1: 2}), met={2}) == "holds"


@pytest.mark.parametrize("engine", ["reference", "compiled"])
def test_the_way_to_the_loop_is_the_shortest(engine: str) -> None:
    """It is asked for in 3, far away, and in 5, nearby; the loop is 6."""
    line, short = {0: 1, 1: 2, 2: 3, 3: 6}, {0: 4, 4: 5, 5: 6, 6: 6}
    graph = Graph((line, short), ("weak", "weak"), frozenset({3, 5}), frozenset({7}), 8)
    result = run(build(load(graph.text())), ANSWERED, engine=engine)
    assert result.trace is not None
    assert (result.since, result.loop_start) == (2, 3)
    assert [step.step for step in result.trace] == ["step1"] * 4


THREE: list[tuple[Fairness | None, dict[int, int]]] = [
    ("weak", {0: 1}),
    ("strong", {1: 3}),
    ("strong", {2: 3}),
]


@pytest.mark.parametrize("dropped", [None, 0, 1, 2])
def test_several_promises_hold_at_once(dropped: int | None) -> None:
    """Loops 0-1 and 0-2, and stopping in 0, break one promise each."""
    loops = [(None, {0: 1, 1: 0}), (None, {0: 2, 2: 0})]
    promises = [(None if n == dropped else fair, m) for n, (fair, m) in enumerate(THREE)]
    expected = "holds" if dropped is None else "violated"
    assert verdict(*loops, *promises, met={3}) == expected


def test_a_strong_promise_is_judged_again_in_what_is_left() -> None:
    """Without state 2, where the first promise is broken, a loop is left that breaks the second."""
    around = (None, {0: 1, 1: 2, 2: 0})
    inner = (None, {1: 0})
    first, second = ("strong", {2: 3}), ("strong", {1: 3})
    rest = ("weak", {0: 1})
    assert verdict(around, inner, first, second, rest, met={3}) == "holds"
    assert verdict(around, inner, first, rest, met={3}) == "violated"


@pytest.mark.parametrize(
    ("fair", "expected"), [(None, "violated"), ("weak", "violated"), ("strong", "holds")]
)
def test_a_lock_that_is_free_now_and_then(fair: Fairness | None, expected: str) -> None:
    """task1 may take the lock each time before task0: weak fairness does not forbid it."""
    machine = build(with_fairness(LOCK, take=fair))
    result = answer(machine, leads_to("first-waits", "first-served"))
    assert result.verdict == expected
    if fair == "weak":
        assert result.trace is not None
        loop = [step.label for step in result.trace[result.loop_start :]]
        assert sorted(loop) == ["task1 drops the lock", "task1 takes the lock"]


def test_fairness_is_promised_to_each_binding() -> None:
    """Were it promised to the step as a whole, task1 alone could keep it."""
    machine = build(with_fairness(LOCK, take="strong"))
    assert answer(machine, eventually("first-served")).verdict == "holds"


def test_a_disturbance_without_fairness_may_starve_a_weakly_fair_step() -> None:
    storm = build(INTERRUPTS, allow=["interrupt"])
    assert answer(storm, eventually("ran")).verdict == "violated"
    strong = with_fairness(INTERRUPTS, run_vcpu="strong")
    assert answer(build(strong, allow=["interrupt"]), eventually("ran")).verdict == "holds"


def test_a_bounded_disturbance_runs_out() -> None:
    bounded = build(INTERRUPTS, allow=["interrupt"], at_most={"interrupt": 2})
    assert answer(bounded, eventually("ran")).verdict == "holds"
    assert answer(bounded, leads_to("pending", "not-pending")).verdict == "holds"


def test_a_disturbance_need_not_happen_unless_it_is_fair() -> None:
    machine = build(INTERRUPTS, allow=["interrupt"])
    assert answer(machine, eventually("pending")).verdict == "violated"
    fair = with_fairness(INTERRUPTS, interrupt="weak")
    assert answer(build(fair, allow=["interrupt"]), eventually("pending")).verdict == "holds"
    bounded = build(fair, allow=["interrupt"], at_most={"interrupt": 1})
    assert answer(bounded, eventually("pending")).verdict == "holds"
    never = build(fair, allow=["interrupt"], at_most={"interrupt": 0})
    assert answer(never, eventually("pending")).verdict == "violated"


@pytest.mark.parametrize(
    ("section", "signals", "expected"),
    [
        ("weak", "weak", "violated"),  # the light may change before each look
        ("strong", "weak", "holds"),
        ("strong", None, "violated"),
        (None, "weak", "violated"),
    ],
)
def test_each_section_of_a_fair_sequence_is_fair(
    section: Fairness | None, signals: Fairness | None, expected: str
) -> None:
    machine = build(with_fairness(HANDSHAKE, handshake=section, signal=signals))
    assert answer(machine, eventually("done")).verdict == expected


def test_what_is_never_asked_for_is_a_warning() -> None:
    machine = build(INTERRUPTS)
    result = answer(machine, leads_to("pending", "not-pending"))
    assert result.verdict == "holds"
    assert "'pending' is never reached" in result.warnings[0]
    result = answer(machine, eventually("not-pending"))
    assert result.verdict == "holds"
    assert "holds at the start" in result.warnings[0]
    assert not answer(machine, eventually("ran")).warnings


def test_a_forged_lasso_is_refused() -> None:
    """Each lasso is checked against the definition, whichever engine found it."""
    machine = build(LOCK)
    stepper = Stepper(machine)
    free = machine.initial
    (first, _, held0), (second, _, held1) = stepper.successors(free)
    drop1 = next(i for i, _, s in stepper.successors(held1) if s == free)
    good = Lasso((free, held1, free), (second.index, drop1.index), 0, 0)
    confirm_lasso(stepper, eventually("first-served"), good)
    forged = {
        "met": Lasso((free, held0), (first.index,), 1, 0),
        "unfair": Lasso((free, held1), (second.index,), 1, 0),
        "late": dataclasses.replace(good, since=1),
        "inside": dataclasses.replace(good, loop_start=0, since=1),
    }
    for lasso in forged.values():
        with pytest.raises(EnginesDisagree):
            confirm_lasso(stepper, eventually("first-served"), lasso)
