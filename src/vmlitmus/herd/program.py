"""An x86 litmus test as plain data: what each processor executes, and what is asked at the end."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import Enum
from typing import Literal, TypeAlias


class Kind(Enum):
    """What an instruction does; the value is how a report says it."""

    STORE = "store"
    LOAD = "load"
    MOVE = "move"  # into a register, from a register or a constant
    MFENCE = "mfence"
    XCHG = "xchg"
    XADD = "lock xadd"
    CMPXCHG = "lock cmpxchg"
    ADD = "lock add"
    SUB = "lock sub"


@dataclass(frozen=True)
class Operation:
    """One instruction; ``location`` and ``register`` are names, ``operand`` is what it stores.

    ``operand`` is a constant, or the name of a register of the same processor.
    """

    kind: Kind
    location: str | None = None
    register: str | None = None
    operand: int | str | None = None


@dataclass(frozen=True)
class Atom:
    """A register, or (``processor`` None) a location, has a value at the end."""

    processor: int | None
    name: str
    value: int


@dataclass(frozen=True)
class Formula:
    """``op`` of some formulas, or an atom: "atom", "and", "or", "not", "true"."""

    op: Literal["atom", "and", "or", "not", "true"]
    parts: tuple[Formula, ...] = ()
    atom: Atom | None = None


Quantifier: TypeAlias = Literal["exists", "~exists", "forall"]


@dataclass(frozen=True)
class Program:
    """A litmus test; ``locations`` and ``registers`` give the values at the start."""

    name: str
    threads: tuple[tuple[Operation, ...], ...]
    formula: Formula
    quantifier: Quantifier = "exists"
    locations: dict[str, int] = field(default_factory=dict)
    registers: dict[tuple[int, str], int] = field(default_factory=dict)


Clause: TypeAlias = frozenset[tuple[Atom, bool]]  # atoms that are all so, or (False) not so


def clauses(formula: Formula, wanted: bool = True) -> list[Clause]:
    """Return a formula, or its opposite, as alternatives of atoms: disjunctive normal form."""
    if formula.op == "atom":
        assert formula.atom is not None
        return [frozenset({(formula.atom, wanted)})]
    if formula.op == "not":
        return clauses(formula.parts[0], not wanted)
    if formula.op == "true":
        return [frozenset()] if wanted else []
    parts = [clauses(part, wanted) for part in formula.parts]
    if (formula.op == "or") is wanted:
        return list(dict.fromkeys(clause for part in parts for clause in part))
    found: list[Clause] = [frozenset()]
    for part in parts:
        found = [a | b for a in found for b in part]
    return [c for c in dict.fromkeys(found) if not any((atom, not so) in c for atom, so in c)]


def size(formula: Formula, wanted: bool = True) -> int:
    """Return at most how many alternatives ``clauses`` gives."""
    if formula.op in ("atom", "true"):
        return 1
    if formula.op == "not":
        return size(formula.parts[0], not wanted)
    sizes = [size(part, wanted) for part in formula.parts]
    return sum(sizes) if (formula.op == "or") is wanted else math.prod(sizes)


def shown(formula: Formula) -> str:
    """Return a formula as it is written in a file."""
    if formula.op == "atom":
        assert formula.atom is not None
        atom = formula.atom
        held = "" if atom.processor is None else f"{atom.processor}:"
        return f"{held}{atom.name}={atom.value}"
    if formula.op == "true":
        return "true"
    if formula.op == "not":
        return f"~({shown(formula.parts[0])})"
    joint = " /\\ " if formula.op == "and" else " \\/ "
    return joint.join(f"({shown(p)})" if p.op in ("and", "or") else shown(p) for p in formula.parts)
