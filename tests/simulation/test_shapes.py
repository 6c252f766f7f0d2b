"""The simulator's code does not grow with the world, and an event costs what it changes."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from asking import SECOND, Asked, both
from queues import coupons, workshop

from vmlitmus.lang import (
    Assumption,
    Entity,
    Model,
    Sections,
    Set,
    World,
    condition,
    sequence,
    step,
    when,
)
from vmlitmus.litmus import Catalogue
from vmlitmus.simulation.simulate import prepared
from vmlitmus.simulation.simulators.guards import guard_of
from vmlitmus.simulation.simulators.native import Compiled
from vmlitmus.simulation.simulators.reference import Simulator
from vmlitmus.simulation.simulators.shapes import Shape

CATALOGUE = Catalogue()
NAMES = (
    "flush-of-the-mask-in-time", "noise-by-mechanism-in-time", "warn-lockers-in-time",
    "bring-up-in-time",
)  # fmt: skip
S = Assumption("made-up", "a model of this test")
ROWS = [{"step": "fail", "exponential": "20 s"}, {"step": "repair", "exponential": "1 s"}]


def compiled(model: Model, rows: list[dict[str, Any]], measure: dict[str, Any]) -> Compiled:
    made = Asked(model, rows, [measure]).replications(1, 10).compiled
    assert made is not None
    return made


def test_as_much_code_for_400_entities_as_for_4() -> None:
    """All instances of a step share one function; each has a row of a table."""
    row = {"step": "collect", "rate": "1 /s"}
    few, many = (compiled(coupons(n), [row], {"rate": "collect"}) for n in (4, 400))
    assert len(many.rules.machine.instances) == 100 * len(few.rules.machine.instances)
    assert len(many.shapes.made) == len(few.shapes.made) == 1
    assert len(many.shapes.ir()) == len(few.shapes.ir())


def test_more_entities_than_a_word_has_bits() -> None:
    """300 machines: masks of five words, instances in five words of bits."""
    asked = Asked(workshop(300, 3), ROWS, [{"share": "all-up"}, {"rate": "repair"}])
    plain, fast = both(asked.replications(3, 20), 20 * SECOND)
    assert plain == fast


def test_only_what_reads_what_changed_is_looked_at() -> None:
    made = compiled(workshop(50, 2), ROWS, {"rate": "repair"})
    begins, readers = made.readers
    machine = made.rules.machine
    for variable, first in zip(machine.variables, made.unpacked.first, strict=True):
        looked_at = readers[begins[first] : begins[first + 1]]
        if variable.name == "down":
            names = [str(machine.instances[i]) for i in looked_at]
            assert names == [f"fail({variable.entity})", f"take_up({variable.entity})"]


class Gate(Entity):
    """It may be open, and it may be wide."""

    open: bool = True
    wide: bool = False


class Walker(Entity):
    """Goes through the gate again and again."""


@step("the gate turns", source=S)
def turn(w: World, gate: Gate) -> None:
    gate.open = not gate.open


@step("the gate changes", source=S)
def change(w: World, gate: Gate) -> None:
    gate.wide = not gate.wide


@sequence(source=S)
def walk(w: World, walker: Walker) -> Sections:
    yield "{walker} comes"
    when(w.the(Gate).open)
    if w.the(Gate).wide:
        yield "{walker} runs through"
    else:
        yield "{walker} walks through"


def gates() -> Model:
    def setup(make: Any, settings: Any) -> None:
        make(Gate)
        for _ in range(3):
            make(Walker)

    return Model(
        name="gates", doc="Who gets through?", entities=(Gate, Walker),
        steps=(turn, change, walk), conditions=(), setup=setup,
    )  # fmt: skip


@pytest.mark.parametrize("memory", ["enabling", "age", "resampling"])
@pytest.mark.parametrize("wide", [{}, {"constant": "2 s"}])
def test_a_stopped_clock_goes_on_after_another_rule_came_between(
    memory: str, wide: dict[str, Any]
) -> None:
    """A clock stops at a closed gate, another rule counts at a wide one, then it goes on."""
    rows = [
        {"step": "turn", "uniform": ["200 ms", "700 ms"]},
        {"step": "change", "uniform": ["300 ms", "900 ms"]},
        {"step": "walk", "label": "*comes", "constant": "100 ms"},
        {"step": "walk", "label": "*walks through", "constant": "400 ms", "memory": memory},
        {"step": "walk", "label": "*runs through", **wide, "priority": -1},
    ]
    for seed in range(3):
        asked = Asked(gates(), rows, [{"rate": "walk: *walks through"}])
        plain, fast = both(asked.replications(seed, 60), 60 * SECOND)
        assert plain == fast
        assert plain.counts[0]


class Coat(Entity):
    """Hangs in the wardrobe, or is worn."""


class Wardrobe(Entity):
    """Has many coats; ``last`` is the one that was taken last."""

    coats: Set[Coat]
    last: Coat | None = None


@step("{coat} is taken", source=S)
def wear(w: World, wardrobe: Wardrobe, coat: Coat) -> None:
    when(wardrobe.last is not coat and coat in wardrobe.coats)
    wardrobe.coats.discard(coat)
    wardrobe.last = coat


@step("{coat} is hung up", source=S)
def hang(w: World, wardrobe: Wardrobe, coat: Coat) -> None:
    when(coat not in wardrobe.coats)
    wardrobe.coats.add(coat)


@condition("first-worn", "the first coat is worn", source=S)
def first_worn(w: World) -> bool:
    return w.all(Coat)[0] not in w.the(Wardrobe).coats


def test_the_same_numbers_as_wide_as_a_set_and_as_a_reference() -> None:
    """Where all rows have the same number twice, once wider, each is read as wide as it is."""
    shape = Shape("s", "", ["i64", "i256", "i64"], [[n, n, n] for n in (1, 1 << 60)])
    assert shape.places() == [("row", 0), ("row", 1), ("row", 0)]
    assert shape.tables() == [[n, n, 0, 0, 0] for n in (1, 1 << 60)]


def test_a_set_of_more_members_than_a_word_has_bits() -> None:
    def setup(make: Any, settings: Any) -> None:
        each = [make(Coat) for _ in range(70)]
        make(Wardrobe, coats={*each})

    model = Model(
        name="wardrobe", doc="coats", entities=(Coat, Wardrobe), steps=(wear, hang),
        conditions=(first_worn,), setup=setup,
    )  # fmt: skip
    rows = [{"step": "wear", "rate": "1 /s"}, {"step": "hang", "rate": "9 /s"}]
    asked = Asked(model, rows, [{"share": "first-worn"}, {"rate": "wear"}])
    plain, fast = both(asked.replications(3, 3), 3 * SECOND)
    assert plain == fast


@pytest.mark.parametrize("name", NAMES)
def test_guards_hold_where_something_is_enabled(name: str) -> None:
    """What an instance asks first; most ask for something that is seldom so."""
    test, cells = CATALOGUE.select([name], wide=True)[0]
    ready = prepared(CATALOGUE.model_of(test.topic), test, cells[0])
    machine = ready.rules.machine
    guards = [guard_of(machine.codes[i.index]) for i in machine.instances]
    assert sum(guard is not None for guard in guards) > 0.5 * len(guards)
    simulator = Simulator(ready.rules, 1)
    refused = 0
    for event in itertools.islice(simulator.events(ready.run.horizon), 200):
        enabled = {i.index for i, _, _ in simulator.stepper.successors(event.state)}
        for number, guard in enumerate(guards):
            if guard is not None:
                holds = event.state[guard.variable] & guard.mask == guard.value
                assert holds or number not in enabled
                refused += not holds
    assert refused > 100 * len(guards) / 2
