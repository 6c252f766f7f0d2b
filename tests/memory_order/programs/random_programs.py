"""Random small x86 programs, by seed: any, or such in which stores often wait in their buffers."""

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


def store_load_program(seed: int, most: int = 7) -> Program:
    """Return a program in which each processor stores to a place and then loads the next one's.

    Two processors, seldom three, in a ring; other instructions come anywhere between and around, up
    to ``most`` in all. Without them it is the test SB.
    """
    rng = random.Random(seed)
    program = _ring(rng, seed, most)
    while candidates(program) > MOST_CANDIDATES:
        program = _ring(rng, seed, most)
    return program


FAMILIES = {"any": random_program, "store-load": store_load_program}


def differs(seed: int, *, native: bool, family: str = "any") -> str | None:
    """Return how the engines or the axioms differ on a program, or None."""
    program = FAMILIES[family](seed)
    expected = final_states(program)
    for name, machine in zip(("raw", "selective"), raw_and_selective(program), strict=True):
        found = by_reference(machine)
        if found[0] != expected:
            return f"seed {seed}, {name}: {found[0] ^ expected}\n{program}"
        if native and by_native(machine) != found:
            return f"seed {seed}, {name}: the engines differ\n{program}"
    return None


def _ring(rng: random.Random, seed: int, most: int) -> Program:
    places = "xyz"[: rng.choice((2, 2, 2, 2, 2, 3))]
    value = iter(range(1, 20))
    registers = [iter(("ax", "bx", "cx", "dx", "si", "di", "r8", "r9")) for _ in places]
    threads = [
        [
            Operation(Kind.STORE, place, None, next(value)),
            Operation(Kind.LOAD, places[(p + 1) % len(places)], next(registers[p])),
        ]
        for p, place in enumerate(places)
    ]
    for _ in range(rng.randint(0, most - 2 * len(places))):
        p = rng.randrange(len(threads))
        more = _operation(rng, places, registers[p], value)
        threads[p].insert(rng.randint(0, len(threads[p])), more)
    start = dict.fromkeys(places, 0)
    text = tuple(map(tuple, threads))
    return Program(f"store-load {seed}", text, Formula("true"), "exists", start)


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
