"""Leaving out what was found before changes nothing of what is found."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

import pytest
from judge import in_turn, load, scenario
from random_models import Writer
from test_parallel import everything

from vmlitmus.compiler import Machine
from vmlitmus.engine.native import asleep
from vmlitmus.engine.native.asleep import SleepingExpand
from vmlitmus.engine.native.codegen import compile_machine
from vmlitmus.engine.native.jit import Native
from vmlitmus.engine.native.search import Search
from vmlitmus.engine.native.storage import store
from vmlitmus.errors import ModelError
from vmlitmus.litmus import Catalogue

MODELS = 25
LARGEST = 1_000  # states; larger random models say nothing more
CATALOGUE = Catalogue()


@pytest.fixture(autouse=True)
def compiled_in_haste(monkeypatch: pytest.MonkeyPatch) -> None:
    """Searches that last are compiled well, which takes longer than these here last."""
    monkeypatch.setattr(store, "Native", lambda ir, effort: Native(ir, 0))


def machines(count: int) -> Iterator[Machine]:
    for _, source in in_turn(range(count)):
        with suppress(ModelError):  # what the language refuses is of no interest here
            yield scenario(load(Writer(source.randrange).model()), source.randrange)


def left_out(machine: Machine, stop_on: int = 0, largest: int = LARGEST) -> int:
    """Compare a search in which instances sleep with one in which none does.

    Returns how many transitions it left out.
    """
    model = compile_machine(machine, machine.conditions)
    with Search(model, stop_on=stop_on, effort=0, cores=1) as made:
        if made.run(largest).stopped is not None:
            return 0
    with Search(model, stop_on=stop_on, effort=0, cores=1) as made:
        plain = everything(made)
    with Search(model, stop_on=stop_on, effort=2, cores=1) as made:
        expand, few = made.machine.function("expand", 3), 0
        assert everything(made) == plain
        if not made.sleeping:
            return 0
        asked = made.regions["COVERAGE"]
        counters = asked.words(0, model.counters)
        for state in range(min(made.get("HEAD"), 50)):  # with all asleep, nothing is left to write
            asked.set_word(model.counters, (1 << 64) - 1)
            at = made.regions["LOG"].address + 8 * model.words * state
            written = expand(at, made.regions["BATCH"].address, asked.address)
            few += asked.words(model.counters + 1, 1)[0] - written
        assert sum(asked.words(0, model.counters)) - sum(counters) >= few
    return few


def test_random_models() -> None:
    assert sum(left_out(machine) for machine in machines(MODELS)) > 1000


def test_random_models_that_stop_early() -> None:
    for machine in machines(15):
        left_out(machine, stop_on=1)


def everywhere(machine: Machine) -> list[int]:
    return [(1 << 64) - 1 & ~(1 << i) for i in range(len(machine.instances))]


def but_for_writes(machine: Machine) -> list[int]:
    codes = [machine.codes[index] for index in range(len(machine.instances))]
    return [
        sum(1 << o for o, its in enumerate(codes) if o != i and code.writes.isdisjoint(its.writes))
        for i, code in enumerate(codes)
    ]


def differ() -> bool:
    try:
        for machine in machines(MODELS):
            left_out(machine)
    except AssertionError:
        return True
    return False


@pytest.mark.parametrize("wrong", [everywhere, but_for_writes])
def test_fault_in_what_is_independent_is_seen(wrong, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asleep, "independent", wrong)
    assert differ()


def test_fault_in_the_order_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes behind an instance does not sleep in its successor."""
    mask = SleepingExpand.mask

    def all_sleep(self: SleepingExpand, index: int) -> None:
        mask(self, index)
        at = len(self.lines) - 3
        assert self.lines[at + 1].strip().startswith("%") and " and i64 " in self.lines[at]
        self.lines[at] = self.lines[at].rpartition("and i64")[0] + (
            f"and i64 -1, {asleep.signed(self.independent[index])}"
        )

    monkeypatch.setattr(SleepingExpand, "mask", all_sleep)
    assert differ()


def test_the_ring_grows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where many states wait, what sleeps in them moves to a larger ring."""
    monkeypatch.setattr(store, "_BATCH", 8)
    store._kernel.cache_clear()
    ((test, (cell, *_)),) = CATALOGUE.select(["mask-covers-dirty-cpus"], wide=True)
    machine = cell.machine(CATALOGUE.model_of(test.topic))
    sizes = set()
    widen = store.StateStore._widen

    def noting(made: Search, states: int) -> None:
        widen(made, states)
        sizes.add(made.get("RING"))

    monkeypatch.setattr(store.StateStore, "_widen", noting)
    assert left_out(machine, largest=1 << 20) > 0
    assert len(sizes) > 5
    store._kernel.cache_clear()
