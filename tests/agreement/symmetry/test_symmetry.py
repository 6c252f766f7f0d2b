"""A search by orbits finds what a search of all states does."""

from __future__ import annotations

import itertools
import random
from collections import Counter

import pytest
from orbit_judge import by_seed, comparable

from vmlitmus.compiler import Machine, State
from vmlitmus.compiler.symmetry import proof, symmetry
from vmlitmus.compiler.symmetry.diagrams import TooMuch
from vmlitmus.compiler.symmetry.order import Generated
from vmlitmus.decide import Job
from vmlitmus.engine import run
from vmlitmus.engine.confirm import backing
from vmlitmus.engine.native import decide
from vmlitmus.engine.native.codegen import compile_machine
from vmlitmus.engine.native.layout import Layout
from vmlitmus.engine.native.symmetry.orbits import Orbits, OrbitSearch, orbits
from vmlitmus.litmus import Catalogue
from vmlitmus.litmus.catalogue import blessed

ORDINARY = 2_000  # models by seed
CATALOGUE = Catalogue()
JOB = Job(CATALOGUE)
SAMPLE = (  # cells of the catalogue, with how many permutations there are
    ("wished-protocol", 8),
    ("nosmt-force-and-hibernation[bringup_fails=true,claim=never not-NO_SMT]", 2),
    ("mask-covers-dirty-cpus", 8),
)


def agree(first: int, last: int) -> None:
    kinds: Counter[str] = Counter()
    for seed, found, text in by_seed(range(first, last)):
        assert found.differs is None, f"seed {seed}: {found.differs}\n{text}"
        kinds[found.kind] += 1
    assert kinds["alike"] >= 0.25 * (last - first), kinds


@pytest.mark.parametrize("first", range(0, ORDINARY, 200))
def test_random_models_by_orbits(first: int) -> None:
    agree(first, first + 200)


@pytest.mark.wide
@pytest.mark.parametrize("first", range(ORDINARY, 100_000, 2_000))
def test_many_random_models_by_orbits(first: int) -> None:
    agree(first, first + 2_000)


def test_an_exchange_that_two_ways_lead_to_counts_once() -> None:
    """A cell with its actor: they name each other at the start, and by what never changes."""
    ((_, found, text),) = by_seed([3104])
    assert (found.kind, found.differs) == ("alike", None), text


def permutations(count: int) -> list[dict[int, int]]:
    return [
        {a: b for a, b in enumerate(order) if a != b}
        for order in itertools.permutations(range(count))
    ]


def test_how_many_permutations_are_generated() -> None:
    """Compared with all products of some permutations of five, made one by one."""
    source = random.Random(1)
    every = permutations(5)
    orders = set()
    for _ in range(200):
        made = source.sample(every, source.randrange(1, 4))
        met = {tuple(range(5))}
        waiting = list(met)
        while waiting:
            here = waiting.pop()
            new = {tuple(one.get(x, x) for x in here) for one in made} - met
            met |= new
            waiting += new
        assert Generated(made).order == len(met), made
        orders.add(len(met))
    assert orders >= {1, 2, 3, 4, 5, 6, 12, 24, 60, 120} - {1}, orders


def one_cell(name: str):
    ((test, cells),) = CATALOGUE.select([name], wide=True)
    return test, cells[0]


def watched(machine: Machine, test, cell) -> tuple[str, ...]:
    names = (*cell.claim.conditions, *backing(machine, cell.claim), *test.watched)
    return tuple(dict.fromkeys(names))


@pytest.mark.parametrize(("name", "order"), SAMPLE)
def test_cells_by_orbits(name: str, order: int) -> None:
    test, cell = one_cell(name)
    machine = JOB.machine(test, cell)
    assert symmetry(machine, watched(machine, test, cell)).order == order
    by_orbits = agrees(machine, test, cell)
    assert by_orbits.orbits is not None and by_orbits.states / order <= by_orbits.orbits
    assert by_orbits.orbits < by_orbits.states


def agrees(machine: Machine, test, cell):
    by_orbits, whole = (
        run(machine, cell.claim, engine="compiled", symmetry=how, observe=test.watched)
        for how in ("on", "off")
    )
    assert comparable(by_orbits) == comparable(whole)
    stored = blessed(test.topic).get(cell.name)
    assert stored in (None, [by_orbits.states, by_orbits.transitions, by_orbits.depth])
    return by_orbits


WIDE = [
    pytest.param(test, cell, id=cell.name)
    for test in CATALOGUE.tests()
    for cell in test.cells
    if cell.claim.kind in ("never", "possible", "recoverable")
]


@pytest.mark.wide
@pytest.mark.parametrize(("test", "cell"), WIDE)
def test_every_cell_by_orbits(test, cell) -> None:
    agrees(JOB.machine(test, cell), test, cell)


def test_three_vcpus_on_four_cpus() -> None:
    """The test that is wide without symmetry, and takes a fraction of a second with it."""
    test, cell = one_cell("mask-covers-dirty-cpus-three")
    machine = JOB.machine(test, cell)
    found = run(machine, cell.claim, engine="compiled", symmetry="on")
    assert [found.states, found.transitions, found.depth] == blessed(test.topic)[cell.name]
    assert found.orbits == 113_518
    assert found.interchangeable == ("cpu0, cpu1, cpu2, cpu3", "vcpu0, vcpu1, vcpu2")


@pytest.mark.parametrize("name", ["mask-covers-dirty-cpus-three", "wished-protocol"])
def test_canonical_form_is_the_least_of_the_orbit(name: str) -> None:
    """Also of states that no run reaches; and it comes with the number of states in the orbit."""
    test, cell = one_cell(name)
    machine = JOB.machine(test, cell)
    asked = watched(machine, test, cell)
    found = orbits(machine, symmetry(machine, asked))
    assert found is not None
    layout, source = Layout(machine), random.Random(1)
    with OrbitSearch(compile_machine(machine, asked, orbits=found)) as search:
        for _ in range(20):
            state = tuple(source.randrange(v.domain.size) for v in machine.variables)
            orbit = orbit_of(found, state)
            packed = [layout.pack(one) for one in orbit]
            assert {search.canonical(one) for one in packed} == {min(packed)}
            assert {search.orbit(one) for one in packed} == {len(orbit)}


def orbit_of(found: Orbits, state: State) -> set[State]:
    """Return all states that exchanges make of one, one after another."""
    exchanges = [e for factor in found.plan.factors for e in factor.exchanges]
    met, waiting = {state}, [state]
    while waiting:
        here = waiting.pop()
        new = {e.state(here) for e in exchanges} - met
        met |= new
        waiting += new
    return met


def test_a_counterexample_is_a_run_of_the_machine_itself() -> None:
    """Each step leads from the very state that the last one left: permutations are undone."""
    test, cell = one_cell("drop-destroy-flush-snp-dma")
    machine = JOB.machine(test, cell)
    found = run(machine, cell.claim, engine="compiled", symmetry="on")
    whole = run(machine, cell.claim, engine="reference")
    assert found.trace is not None and whole.trace is not None
    assert len(found.trace) == len(whole.trace)
    for before, after in itertools.pairwise(found.trace):
        for field in before.changes.keys() & after.changes.keys():
            assert before.changes[field][1] == after.changes[field][0]


def test_a_large_search_begins_again_by_orbits(monkeypatch: pytest.MonkeyPatch) -> None:
    """And goes on as it is where nothing is interchangeable, or where nobody wants it."""
    monkeypatch.setattr(decide, "LARGE", 1_000)
    for name, how, alike in (
        ("wished-protocol", "auto", True),
        ("wished-protocol", "off", False),
        ("nested-asid-collision[version=7.2.8]", "auto", False),
    ):
        test, cell = one_cell(name)
        machine = JOB.machine(test, cell)
        found = run(machine, cell.claim, engine="compiled", symmetry=how)
        assert (found.orbits is not None) == alike
        assert [found.states, found.transitions, found.depth] == blessed(test.topic)[cell.name]


@pytest.mark.parametrize(("most", "orders"), [(0, {1}), (2_000, {1, 2, 4}), (500_000, {8})])
def test_what_takes_too_long_to_prove_is_not_used(
    most: int, orders: set[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proof, "_EACH", most)
    test, cell = one_cell("wished-protocol")
    machine = JOB.machine(test, cell)
    assert symmetry(machine, watched(machine, test, cell)).order in orders


def test_without_knowing_which_steps_do_the_same_nothing_is_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def too_much(_: object) -> None:
        raise TooMuch

    monkeypatch.setattr(proof.Proof, "pairs", too_much)
    test, cell = one_cell("wished-protocol")
    machine = JOB.machine(test, cell)
    assert symmetry(machine, watched(machine, test, cell)).order == 1
