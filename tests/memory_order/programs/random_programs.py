"""Random small x86 programs, by seed."""

from __future__ import annotations

import random
from collections.abc import Iterator

from axioms import candidates, final_states
from outcomes import by_native, by_reference, raw_and_selective

from vmlitmus.herd.program import Formula, Kind, Operation, Program

MOST_CANDIDATES = 150  # executions that the axioms have to judge
PLAIN = (Kind.STORE, Kind.LOAD, Kind.STORE, Kind.LOAD, Kind.STORE, Kind.LOAD, Kind.MFENCE)
LOCKED = (Kind.XCHG, Kind.XADD, Kind.ADD, Kind.SUB, Kind.CMPXCHG)


def random_program(seed: int, most: int = 7) -> Program:
    """Return a program of two or three processors, up to three places and ``most`` instructions."""
    rng = random.Random(seed)
    program = _program(rng, seed, most)
    while candidates(program) > MOST_CANDIDATES:
        program = _program(rng, seed, most)
    return program


def differs(seed: int, *, native: bool) -> str | None:
    """Return how the engines or the axioms differ on a program, or None."""
    program = random_program(seed)
    expected = final_states(program)
    for name, machine in zip(("raw", "selective"), raw_and_selective(program), strict=True):
        found = by_reference(machine)
        if found[0] != expected:
            return f"seed {seed}, {name}: {found[0] ^ expected}\n{program}"
        if native and by_native(machine) != found:
            return f"seed {seed}, {name}: the engines differ\n{program}"
    return None


def _program(rng: random.Random, seed: int, most: int) -> Program:
    places = "xyz"[: rng.choice((1, 2, 2, 2, 3))]
    processors = rng.choice((2, 2, 2, 3))
    left = rng.randint(processors + 1, most)
    cut = sorted(rng.sample(range(1, left), processors - 1))
    sizes = [b - a for a, b in zip([0, *cut], [*cut, left], strict=True)]
    value = iter(range(1, 20))
    threads = []
    for size in sizes:
        registers = iter(("ax", "bx", "cx", "dx", "si", "di", "r8", "r9"))
        threads.append(tuple(_operation(rng, places, registers, value) for _ in range(size)))
    start = dict.fromkeys(places, 0)
    return Program(f"random {seed}", tuple(threads), Formula("true"), "exists", start)


def _operation(
    rng: random.Random, places: str, registers: Iterator[str], value: Iterator[int]
) -> Operation:
    kind = rng.choice(PLAIN) if rng.random() < 0.85 else rng.choice(LOCKED)
    place = rng.choice(places)
    if kind is Kind.MFENCE:
        return Operation(kind)
    if kind is Kind.STORE:
        operand = next(value) if rng.random() < 0.85 else "ax"
        return Operation(kind, place, None, operand)
    if kind in (Kind.ADD, Kind.SUB):
        return Operation(kind, place, None, 1)
    if kind is Kind.CMPXCHG:
        return Operation(kind, place, "ax", "bx")
    return Operation(kind, place, next(registers))
