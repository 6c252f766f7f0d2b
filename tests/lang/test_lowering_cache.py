"""Code that was lowered for one machine serves another one only if that reads the same."""

from __future__ import annotations

import pytest
from judge import load, tidy

from vmlitmus.compiler import build
from vmlitmus.compiler.machine import lowering_cache, prune
from vmlitmus.engine import run
from vmlitmus.lang import possible
from vmlitmus.litmus import Catalogue

CATALOGUE = Catalogue()
MODEL = """from __future__ import annotations
from typing import Annotated
from vmlitmus.lang import *
S = Assumption("s", "a test")
LAZY = Assumption("lazy", "a test", default=False)
FEW = Between(0, 3)

class Thing(Entity):
    limit: Annotated[int, FEW] = 1
    peer: Thing | None = None
    busy: bool = False
    done: bool = False
    left: bool = False

class Worker(Hooks):
    EAGER = True
    def works(self, w, t):
        t.done = True
    def works_inside(self, w, t):
        t.done = self.wants(w, t)
    def wants(self, w, t):
        return True
    def works_all_the_same(self, w, t):
        t.done = True
    @property
    def able(self):
        return True

class Careful(Worker):
    EAGER = False
    def works(self, w, t):
        t.done = t.limit == 0
    def wants(self, w, t):
        return t.limit == 0
    @property
    def able(self):
        return False

def wants_it(worker, w, t):
    return worker.wants(w, t)

@step("{t} works by its mechanism", source=S)
def by_mechanism(w, t: Thing):
    w.use(Worker).works(w, t)

@step("{t} works by what its mechanism asks itself", source=S)
def by_inner_moment(w, t: Thing):
    w.use(Worker).works_inside(w, t)

@step("{t} works by a mechanism that somebody else asks", source=S)
def by_handed_on(w, t: Thing):
    worker = w.use(Worker)
    t.done = wants_it(worker, w, t)

@step("{t} works if its mechanism is eager", source=S)
def by_eager(w, t: Thing):
    t.done = w.use(Worker).EAGER

@step("{t} works if its mechanism is able to", source=S)
def by_property(w, t: Thing):
    when(w.use(Worker).able)
    t.done = True

@step("{t} works by any mechanism", source=S)
def by_any(w, t: Thing):
    w.use(Worker).works_all_the_same(w, t)

@step("{t} works if a part is on", source=S)
def by_part(w, t: Thing):
    when(w.part("work"))
    t.done = True

@step("{t} works unless it is lazy", source=LAZY)
def by_assumption(w, t: Thing):
    when(not w.assume(LAZY))
    t.done = True

@step("{t} works below its limit", source=S)
def by_constant(w, t: Thing):
    when(t.limit == 1)
    t.done = True

@step("{t} works with its peer", source=S)
def by_peer(w, t: Thing):
    when(t.peer is not None and t.peer is not t)
    t.done = True

@step("{t} works when it is never busy", source=S)
def by_constant_too(w, t: Thing):
    when(not t.busy)
    t.done = True

@step("{t} works when it is not busy", source=S)
def by_variable(w, t: Thing):
    when(not t.busy)
    t.done = True

@step("{t} works in company", source=S)
def by_count(w, t: Thing):
    when(len(w.all(Thing)) == 3)
    t.done = True

@step("{t} becomes idle", source=S, disturbance="idle")
def idle(w, t: Thing):
    t.busy = False

@step("{t} works when it is idle", source=S)
def by_place(w, t: Thing):
    when(t.idle)
    t.done = True

@sequence("{t} rests", source=S, disturbance="rest")
def rest(w, t: Thing):
    when(not t.left)
    yield "{t} lies down"
    t.left = True

@sequence("{t} works in a sequence", source=S)
def by_sequence(w, t: Thing):
    when(not t.done)
    yield "{t} starts"
    if w.part("work"):
        t.done = True

@step("{t} leaves", source=S)
def leave(w, t: Thing):
    t.left = True

@condition("done", "it is done", source=S)
def done(w):
    return any(t.done for t in w.all(Thing))

def setup(make, s):
    first = make(Thing, limit=s["t"]["limit"], busy=s["t"]["busy"])
    second = make(Thing, limit=2, busy=True)
    first.peer = second if s["t"]["peer"] else first
    if s["t"]["three"]:
        make(Thing, limit=2, busy=True)

SETTINGS = {"t": {
    "limit": number(0, 3, default=1),
    "busy": flag(default=False),
    "peer": flag(default=True),
    "three": flag(default=False),
    "worker": mechanism(Worker, default="plain"),
}}
MODEL = Model(name="kept", doc="", entities=(Thing,), steps=(STEP, idle, leave, rest),
              conditions=(done,), settings=SETTINGS,
              hooks={Worker: {"plain": Worker, "careful": Careful}}, setup=setup)
"""
CAREFUL = {"settings": {"t": {"worker": "careful"}}}
DIFFERENCES = {
    "by_mechanism": CAREFUL,
    "by_inner_moment": CAREFUL,
    "by_handed_on": CAREFUL,
    "by_eager": CAREFUL,
    "by_property": CAREFUL,
    "by_part": {"without": ["work"]},
    "by_assumption": {"assume": {"lazy": True}},
    "by_constant": {"settings": {"t": {"limit": 2}}},
    "by_peer": {"settings": {"t": {"peer": False}}},
    "by_constant_too": {"settings": {"t": {"busy": True}}},
    "by_variable": {"settings": {"t": {"busy": True}}, "allow": ["idle"]},
    "by_place": {"allow": ["rest"]},
    "by_sequence": {"without": ["work"]},
}


LEFT_OPEN = {"by_variable", "by_place"}  # possible in both machines


@pytest.fixture
def lowered(monkeypatch):
    """The steps that were lowered, each as often as it was, from an empty store on."""
    found: list[str] = []
    lower = prune.lower_instance

    def lower_instance(machine, instance, variables):
        found.append(instance.step.name)
        return lower(machine, instance, variables)

    monkeypatch.setattr(lowering_cache, "_FAMILIES", {})
    monkeypatch.setattr(prune, "lower_instance", lower_instance)
    return found


def verdict(machine):
    one, two = (run(machine, possible("done"), engine=e) for e in ("reference", "compiled"))
    assert (one.verdict, one.states, one.transitions) == (two.verdict, two.states, two.transitions)
    return one.verdict, one.states


@pytest.mark.parametrize("step", DIFFERENCES)
def test_what_reads_something_else_is_lowered_again(step, lowered, monkeypatch) -> None:
    model = load(MODEL.replace("STEP", step))
    before = verdict(build(model))
    lowered.clear()
    other = verdict(build(model, **DIFFERENCES[step]))
    assert step in lowered
    assert "leave" not in lowered
    monkeypatch.setattr(lowering_cache, "_FAMILIES", {})
    assert other == verdict(build(model, **DIFFERENCES[step]))
    assert before[0] == "holds"
    assert (other[0] == "violated") == (step not in LEFT_OPEN)
    tidy()


def test_a_machine_like_another_is_not_lowered_again(lowered) -> None:
    model = load(MODEL.replace("STEP", "by_sequence"))
    first = verdict(build(model))
    lowered.clear()
    assert verdict(build(model)) == first
    assert not lowered
    tidy()


def test_a_larger_world_lowers_again_only_what_asks_for_all_there_is(lowered, monkeypatch) -> None:
    model = load(MODEL.replace("STEP", "by_count"))
    assert verdict(build(model))[0] == "violated"
    lowered.clear()
    larger = verdict(build(model, settings={"t": {"three": True}}))
    assert larger[0] == "holds"
    assert [lowered.count(step) for step in ("by_count", "leave")] == [3, 1]
    monkeypatch.setattr(lowering_cache, "_FAMILIES", {})
    assert larger == verdict(build(model, settings={"t": {"three": True}}))
    tidy()


@pytest.mark.parametrize("step", [*DIFFERENCES, "by_count"])
def test_machines_that_differ_have_different_contents(step) -> None:
    model = load(MODEL.replace("STEP", step))
    other = DIFFERENCES.get(step, {"settings": {"t": {"three": True}}})
    first = build(model)
    known = {first.content: first}
    assert build(model, **other, known=known) is not first
    assert build(model, settings={"t": {"limit": 1, "busy": False}}, known=known) is first
    bounded = build(model, allow=["idle"], at_most={"idle": 1}, known=known)
    assert bounded is not first
    known[bounded.content] = bounded
    assert build(model, allow=["idle"], at_most={"idle": 2}, known=known) is not bounded
    tidy()


def test_a_moment_that_mechanisms_have_in_common_is_not_lowered_again(lowered) -> None:
    model = load(MODEL.replace("STEP", "by_any"))
    first = verdict(build(model))
    lowered.clear()
    assert verdict(build(model, **CAREFUL)) == first
    assert not lowered
    tidy()


def test_few_families_are_kept(lowered) -> None:
    for _ in range(lowering_cache._MOST + 3):
        build(load(MODEL.replace("STEP", "by_part")))
        assert len(lowering_cache._FAMILIES) <= lowering_cache._MOST
    tidy()


def shape(machine):
    """What a machine is made of, and how long its code is."""
    codes = [machine.codes[i.index] for i in machine.instances]
    return (
        [str(i) for i in machine.instances],
        [str(v) for v in machine.variables],
        [[len(block.ops) for block in code.blocks] for code in codes],
    )


@pytest.mark.wide
@pytest.mark.parametrize("topic", CATALOGUE.topics())
def test_cells_are_built_as_from_an_empty_store(topic, monkeypatch) -> None:
    model = CATALOGUE.model_of(topic)
    for test in CATALOGUE.tests():
        for cell in test.cells if test.topic == topic else ():
            warm = shape(cell.machine(model))
            with monkeypatch.context() as cold:
                cold.setattr(lowering_cache, "_FAMILIES", {})
                assert shape(cell.machine(model)) == warm, cell.name
