"""Random small programs: the engines and the axioms of x86-TSO agree on every final state."""

from __future__ import annotations

import pytest
from axioms import final_states
from outcomes import by_native, by_reference, machine_of
from random_programs import differs, random_program, store_load_program

from vmlitmus.herd.program import Program

ORDINARY, STORE_LOAD, WIDE, SLICE = 1_750, 250, 100_000, 250


def agrees(seed: int, program: Program, *, raw: bool, native: bool) -> None:
    """One program, with all stores buffered or only those that matter."""
    machine = machine_of(program, "tso", raw=raw)
    found = by_reference(machine)
    assert found[0] == final_states(program), (seed, program)
    if native:
        assert by_native(machine) == found, (seed, program)


@pytest.mark.parametrize("first", range(0, ORDINARY, SLICE))
def test_programs(first: int) -> None:
    """Every other program is raw; every fiftieth runs as native code, too. Few are long."""
    for seed in range(first, first + SLICE):
        program = random_program(seed, most=7 if seed % 4 == 0 else 5)
        agrees(seed, program, raw=seed % 2 == 1, native=seed % 50 in (0, 25))


def test_programs_in_which_stores_wait() -> None:
    """The same where each processor stores, and then loads what another one stores."""
    for seed in range(STORE_LOAD):
        program = store_load_program(seed, most=6)
        agrees(seed, program, raw=seed % 2 == 1, native=seed % 50 in (0, 25))


def test_stores_wait_in_most_of_them() -> None:
    """Nine of ten end in a way that sequential consistency does not have; of others, few."""
    often, seldom = (
        sum(final_states(p) != final_states(p, sequential=True) for p in map(make, range(100)))
        for make in (store_load_program, random_program)
    )
    assert often > 90
    assert seldom < 10


def test_sequential_consistency_is_that_of_the_axioms() -> None:
    """The same programs without store buffers; some of them end in fewer ways then."""
    fewer = 0
    for seed in range(120):
        program = random_program(seed)
        found = by_reference(machine_of(program, "sc"))[0]
        assert found == final_states(program, sequential=True), seed
        fewer += found != final_states(program)
    assert fewer


@pytest.mark.wide
@pytest.mark.parametrize("first", range(ORDINARY, WIDE + ORDINARY, 1000))
def test_more_programs(first: int) -> None:
    """Each raw and selective; every tenth runs as native code, too."""
    for seed in range(first, first + 1000):
        assert differs(seed, native=seed % 10 == 0) is None


@pytest.mark.wide
@pytest.mark.parametrize("first", range(0, WIDE // 10, 1000))
def test_more_programs_in_which_stores_wait(first: int) -> None:
    """The same for programs that store and then load."""
    for seed in range(first, first + 1000):
        assert differs(seed, native=seed % 10 == 0, family="store-load") is None
