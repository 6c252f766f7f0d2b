"""What a scenario says of its disturbances: shared bounds, a condition to begin in, fairness."""

from __future__ import annotations

import pytest

from vmlitmus.compiler import Machine, build
from vmlitmus.engine import run
from vmlitmus.errors import ScenarioError
from vmlitmus.lang import (
    Assumption,
    Claim,
    Entity,
    Limit,
    Model,
    Sections,
    Settings,
    Setup,
    World,
    condition,
    eventually,
    never,
    possible,
    sequence,
    step,
    when,
)
from vmlitmus.outcome import Result

NOBODY = Assumption("nobody-knows", "a machine of these tests")


class Vcpu(Entity):
    asked: bool = False
    woken: bool = False
    parked: bool = False


@step("{vcpu} is parked", source=NOBODY)
def park(w: World, vcpu: Vcpu) -> None:
    when(not vcpu.parked and not vcpu.woken)
    vcpu.parked = True


@step("{vcpu} asks for {target}", source=NOBODY, disturbance="create")
def create(w: World, vcpu: Vcpu, target: Vcpu) -> None:
    when(not target.asked)
    target.asked = True


@sequence("{vcpu} asks for {target}, in two sections", source=NOBODY, disturbance="destroy")
def destroy(w: World, vcpu: Vcpu, target: Vcpu) -> Sections:
    when(not target.asked)
    yield "{vcpu} is about to ask for {target}"
    target.asked = True


@step("{vcpu} gets an interrupt", source=NOBODY, disturbance="interrupt")
def interrupt(w: World, vcpu: Vcpu) -> None:
    when(not vcpu.woken)
    vcpu.woken = True


@condition("both-asked", "both vcpus were asked for", source=NOBODY)
def both_asked(w: World) -> bool:
    return all(v.asked for v in w.all(Vcpu))


@condition("one-asked", "a vcpu was asked for", source=NOBODY)
def one_asked(w: World) -> bool:
    return any(v.asked for v in w.all(Vcpu))


@condition("all-parked", "both vcpus are parked", source=NOBODY)
def all_parked(w: World) -> bool:
    return all(v.parked for v in w.all(Vcpu))


@condition("woken-early", "a vcpu got an interrupt and is not parked", source=NOBODY)
def woken_early(w: World) -> bool:
    return any(v.woken and not v.parked for v in w.all(Vcpu))


@condition("woken", "both vcpus got an interrupt", source=NOBODY)
def woken(w: World) -> bool:
    return all(v.woken for v in w.all(Vcpu))


def two_vcpus(make: Setup, settings: Settings) -> None:
    make(Vcpu)
    make(Vcpu)


MODEL = Model(
    name="environment",
    doc="Disturbances of these tests",
    entities=(Vcpu,),
    steps=(park, create, destroy, interrupt),
    conditions=(both_asked, one_asked, all_parked, woken_early, woken),
    setup=two_vcpus,
)
REQUESTS = ("create", "destroy")


def answer(machine: Machine, claim: Claim) -> Result:
    """Return what both engines find."""
    one, two = (run(machine, claim, engine=engine) for engine in ("reference", "compiled"))
    assert (one.verdict, one.states, one.transitions) == (two.verdict, two.states, two.transitions)
    return one


def test_a_limit_counts_several_disturbances_together() -> None:
    both = build(MODEL, allow=REQUESTS, limits=[Limit(REQUESTS, 2)])
    assert answer(both, possible("both-asked")).verdict == "holds"
    one = build(MODEL, allow=REQUESTS, limits=[Limit(REQUESTS, 1)])
    assert answer(one, possible("both-asked")).verdict == "violated"
    assert answer(one, possible("one-asked")).verdict == "holds"
    apart = build(MODEL, allow=REQUESTS, at_most={"create": 1, "destroy": 1})
    assert answer(apart, possible("both-asked")).verdict == "holds"


def test_a_limit_may_be_of_one_actor() -> None:
    mute = Limit(REQUESTS, 0, "vcpu1")
    limited = build(MODEL, allow=REQUESTS, limits=[mute, Limit(REQUESTS, 1, "vcpu0")])
    assert answer(limited, possible("both-asked")).verdict == "violated"
    other = build(MODEL, allow=REQUESTS, limits=[mute, Limit(REQUESTS, 2, "vcpu0")])
    assert answer(other, possible("both-asked")).verdict == "holds"
    assert other.bounds["disturbances"][-1] == "create + destroy by vcpu0 at most 2 in all"


def test_a_limit_and_a_bound_count_both() -> None:
    limits = [Limit(REQUESTS, 2)]
    tight = build(MODEL, allow=REQUESTS, at_most={"create": 1, "destroy": 0}, limits=limits)
    assert answer(tight, possible("both-asked")).verdict == "violated"
    wide = build(MODEL, allow=REQUESTS, at_most={"create": 1, "destroy": 1}, limits=limits)
    assert answer(wide, possible("both-asked")).verdict == "holds"


@pytest.mark.parametrize("name", ["create", "destroy"])
def test_only_the_first_section_of_a_sequence_uses_a_budget_up(name: str) -> None:
    machine = build(MODEL, allow=[name], limits=[Limit((name,), 2)])
    assert answer(machine, possible("both-asked")).verdict == "holds"


def test_a_disturbance_may_begin_only_when_a_condition_is_true() -> None:
    free = build(MODEL, allow=["interrupt"])
    assert answer(free, never("woken-early")).verdict == "violated"
    after = build(MODEL, allow=["interrupt"], only_when={"interrupt": "all-parked"})
    assert answer(after, never("woken-early")).verdict == "holds"
    assert answer(after, possible("woken")).verdict == "holds"
    assert after.bounds["disturbances"] == ["interrupt only when all-parked"]


def test_machines_of_one_family_do_not_share_when_they_may_begin() -> None:
    build(MODEL, allow=["interrupt"], only_when={"interrupt": "all-parked"})
    free = build(MODEL, allow=["interrupt"])
    assert answer(free, never("woken-early")).verdict == "violated"


def test_a_disturbance_may_be_promised() -> None:
    unfair = build(MODEL, allow=["interrupt"])
    assert answer(unfair, eventually("woken")).verdict == "violated"
    fair = build(MODEL, allow=["interrupt"], fair={"interrupt": "weak"})
    assert answer(fair, eventually("woken")).verdict == "holds"
    assert fair.fairness == {"interrupt": "weak"}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"limits": [Limit(("create",), 1, "vcpu7")]}, "did you mean 'vcpu1'"),
        ({"limits": [Limit(("creat",), 1)]}, "did you mean 'create'"),
        ({"limits": [Limit(("create",), 64)]}, "not an integer in 0..63"),
        ({"only_when": {"create": "parked"}}, "unknown condition 'parked'"),
        ({"only_when": {"interrupt": "woken"}}, "unknown allowed disturbance 'interrupt'"),
        ({"fair": {"create": "week"}}, "did you mean 'weak'"),
    ],
)
def test_what_a_model_does_not_offer(words: dict[str, object], message: str) -> None:
    with pytest.raises(ScenarioError, match=message):
        build(MODEL, allow=REQUESTS, **words)  # type: ignore[arg-type]
