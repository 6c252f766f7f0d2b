"""What happens on a cpu between a store and a load: which of it drains the store buffer."""

from __future__ import annotations

from typing import Any

import pytest
from dekker import Between, Cpu, Thread, model, nothing, through

from vmlitmus.compiler import build
from vmlitmus.engine import run
from vmlitmus.errors import ModelError, ScenarioError
from vmlitmus.lang import DRAIN_ASSUMPTIONS, CpuEvent, Model, World, never

TSO = {"machine": {"memory": "tso"}}
DRAINS = [event for event in CpuEvent if event.drains is None]
OPEN = [event for event in CpuEvent if event.drains is not None]


def verdict(made: Model, memory: str = "tso", **more: Any) -> str:
    """Ask whether neither thread sees the other, of both engines, raw and selective."""
    found = set()
    for selective in (True, False):
        machine = build(made, {"machine": {"memory": memory}}, selective=selective, **more)
        for engine in ("reference", "compiled"):
            result = run(machine, never("both-went-on"), engine=engine)
            found.add(result.verdict.value)
    assert len(found) == 1
    return found.pop()


def states(made: Model, *, selective: bool = False) -> int:
    """Return how many states there are; both engines find the same."""
    machine = build(made, TSO, selective=selective)
    found = {
        run(machine, never("both-went-on"), engine=e).states for e in ("reference", "compiled")
    }
    assert len(found) == 1
    return found.pop()


def happening(event: CpuEvent) -> Between:
    def between(w: World, thread: Thread) -> None:
        w.happens(event)

    return between


def on_the_cpu_of_the_thread(event: CpuEvent) -> Between:
    def between(w: World, thread: Thread) -> None:
        w.happens(event, thread.cpu)

    return between


def on_a_third_cpu(event: CpuEvent) -> Between:
    def between(w: World, thread: Thread) -> None:
        w.happens(event, w.all(Cpu)[2])

    return between


def test_without_anything_between_neither_may_see_the_other() -> None:
    """So what follows is the work of what happens."""
    assert verdict(model(through(nothing)), "sc") == "holds"
    assert verdict(model(through(nothing))) == "violated"


@pytest.mark.parametrize("where", [happening, on_the_cpu_of_the_thread])
@pytest.mark.parametrize("event", DRAINS)
def test_what_drains(event: CpuEvent, where: Any) -> None:
    """On the thread's cpu, named or not."""
    assert verdict(model(through(where(event)))) == "holds"


@pytest.mark.parametrize("event", [CpuEvent.INTERRUPT, CpuEvent.WBINVD])
def test_on_another_cpu_it_does_not_help(event: CpuEvent) -> None:
    """A buffer belongs to a cpu."""
    assert verdict(model(through(on_a_third_cpu(event)))) == "violated"


@pytest.mark.parametrize("event", OPEN)
def test_what_is_assumed(event: CpuEvent) -> None:
    """By default none of these drains; each can be assumed to."""
    made = model(through(happening(event)))
    assert event.drains is not None
    assert verdict(made) == "violated"
    assert verdict(made, assume={event.drains.name: True}) == "holds"
    others = {a.name: True for a in DRAIN_ASSUMPTIONS if a is not event.drains}
    with pytest.raises(ScenarioError, match="unknown assumption"):
        build(made, TSO, assume=others)


def test_an_assumption_is_in_force_where_stores_are_buffered() -> None:
    """Under sequential consistency it is accepted and changes nothing, so no report lists it."""
    made = model(through(happening(CpuEvent.VM_ENTRY)))
    chosen = {"vm-entry-drains": True}
    assert build(made, TSO).assumptions["vm-entry-drains"] is False
    assert build(made, TSO, assume=chosen).assumptions["vm-entry-drains"] is True
    assert "vm-entry-drains" not in build(made, assume=chosen).assumptions


def leave(w: World, thread: Thread) -> None:
    thread.cpu = None


def move(w: World, thread: Thread) -> None:
    thread.cpu = w.all(Cpu)[2]


def stay(w: World, thread: Thread) -> None:
    cpu = w.all(Cpu)[0] if thread is w.all(Thread)[0] else w.all(Cpu)[1]
    thread.cpu = cpu


@pytest.mark.parametrize(
    ("between", "found"), [(leave, "holds"), (move, "holds"), (stay, "violated")]
)
def test_who_leaves_a_cpu_drains_it(between: Between, found: str) -> None:
    """To be told again where one is is no context switch."""
    assert verdict(model(through(between))) == found


def somewhere(w: World, thread: Thread) -> None:
    """Thread 0's interrupt is on its own cpu, thread 1's on that of thread 0."""
    w.happens(CpuEvent.INTERRUPT, w.all(Thread)[0].cpu)


def test_an_interrupt_on_one_of_several_cpus() -> None:
    """Only the cpu on which it happens is drained."""
    assert verdict(model(through(somewhere))) == "violated"


def no_cpu(w: World, thread: Thread) -> None:
    thread.cpu = None
    w.happens(CpuEvent.INTERRUPT, thread.cpu)


def test_on_no_cpu_nothing_happens() -> None:
    """Who is on no cpu takes no interrupt, in both engines."""
    assert states(model(through(no_cpu))) == states(model(through(leave)))


def wrong_word(w: World, thread: Thread) -> None:
    w.happens("interrupt")  # type: ignore[arg-type]


def test_an_event_that_is_none() -> None:
    """The message names the words that there are."""
    with pytest.raises(ModelError, match=r"test_what_drains.py:\d+: happens\(\) takes one of"):
        build(model(through(wrong_word)), TSO)
