"""The symmetry of a machine: blocks of entities that may take each other's place."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

from vmlitmus.compiler.machine.machine import Machine
from vmlitmus.compiler.symmetry.action import Action
from vmlitmus.compiler.symmetry.diagrams import TooMuch
from vmlitmus.compiler.symmetry.order import Generated
from vmlitmus.compiler.symmetry.proof import MOST, Proof
from vmlitmus.compiler.symmetry.structure import Differ, Exchange, Structure, structure
from vmlitmus.lang.domain import RefTo, SetOf
from vmlitmus.lang.entity import Entity

Block: TypeAlias = tuple[Entity, ...]


@dataclass(frozen=True)
class Factor:
    """Blocks of entities that may be permuted at will, such as cores, each with its cpus.

    ``exchanges`` are those of each block with the next one.
    """

    blocks: tuple[Block, ...]
    exchanges: tuple[Action, ...]

    @property
    def order(self) -> int:
        """How many permutations there are."""
        return math.factorial(len(self.blocks))

    def __str__(self) -> str:
        return ", ".join("+".join(map(str, block)) for block in self.blocks)


@dataclass(frozen=True)
class Different:
    """Two entities of a kind that are not interchangeable, why, and the line that decides."""

    one: Entity
    other: Entity
    reason: str
    place: str | None

    def __str__(self) -> str:
        where = f" ({self.place})" if self.place else ""
        return f"{self.one} and {self.other}: {self.reason}{where}"


@dataclass(frozen=True)
class Symmetry:
    """What is interchangeable in a machine for a test, and what is not.

    The factors are in such an order that the exchanges of a later one turn those of an earlier one
    into each other: cpus of a core come before the cores. ``alike`` are pairs of instances that do
    the same in every state.
    """

    factors: tuple[Factor, ...] = ()
    different: tuple[Different, ...] = ()
    alike: tuple[tuple[int, int], ...] = ()

    @property
    def order(self) -> int:
        """How many permutations there are in all."""
        return math.prod(factor.order for factor in self.factors)


def symmetry(machine: Machine, conditions: Iterable[str], most: int = MOST) -> Symmetry:
    """Return what is proved interchangeable in a machine, as far as some conditions can tell."""
    if machine.world.buffers is not None:
        return Symmetry()
    return _Finding(machine, conditions, most).run()


class _Finding:
    """Looks at one kind of entities after the other, those that hold others first.

    An entity is first exchanged with no more than what it names, or what names it, in the initial
    state; where that fails, together with all that its constant fields tie to it.
    """

    def __init__(self, machine: Machine, conditions: Iterable[str], most: int) -> None:
        self.proof = Proof(machine, conditions, most)
        self.matter = _matter(machine)
        self.chains: dict[type[Entity], list[Factor]] = {}
        self.reasons: dict[tuple[Entity, Entity], Different] = {}
        self.machine = machine

    def run(self) -> Symmetry:
        found: list[Factor] = []
        for constants in (False, True):
            alike = structure(self.machine, constants=constants)
            factors: list[Factor] = []
            done: set[type[Entity]] = set()
            for kind in alike.kinds:
                chains = self.joined(alike, kind, done)
                factors[:0] = [chain for chain in chains if chain.exchanges]
                done.add(kind)
            found += factors
        kept = normal(independent(found))
        try:
            return Symmetry(kept, self.different(kept), self.proof.pairs() if kept else ())
        except (TooMuch, RecursionError):
            return Symmetry((), self.different(()))

    def joined(self, alike: Structure, kind: type[Entity], done: set[type[Entity]]) -> list[Factor]:
        """Return new chains of entities of a kind, each interchangeable with the next one."""
        chains: list[Factor] = []
        for entity in alike.entities[kind]:
            if entity not in self.matter:
                continue
            for number, chain in enumerate(chains):
                grown = self.grown(alike, chain, entity, done)
                if grown is not None:
                    chains[number] = grown
                    break
            else:
                chains.append(Factor(((entity,),), ()))
        self.chains.setdefault(kind, []).extend(chains)
        return chains

    def grown(
        self, alike: Structure, chain: Factor, entity: Entity, done: set[type[Entity]]
    ) -> Factor | None:
        """Return a chain with one entity more, or None, with the reason noted."""
        last = chain.blocks[-1][0]
        try:
            moved = alike.exchange(last, entity)
            if any(type(e) in done for e in moved if e in self.matter) or self.known(moved):
                return None
            blocks = _blocks(chain, moved)
            return Factor(blocks, (*chain.exchanges, self.proof.action(moved)))
        except Differ as differ:
            reason = Different(last, entity, str(differ), differ.place)
            self.reasons.setdefault((last, entity), reason)
            return None

    def known(self, moved: Exchange) -> bool:
        """Say whether an exchange is made of those of single entities that were found before."""
        return all(
            any(((a,) in chain.blocks) and ((b,) in chain.blocks) for chain in self.found(type(a)))
            for a, b in moved.items()
            if a in self.matter
        )

    def found(self, kind: type[Entity]) -> list[Factor]:
        return [chain for chain in self.chains.get(kind, ()) if chain.exchanges]

    def different(self, factors: Iterable[Factor]) -> tuple[Different, ...]:
        """Return for each entity why it is not like the first of its kind that it is not like."""
        orbit = _orbits(factors)
        found: dict[Entity, Different] = {}
        for reason in self.reasons.values():
            one, other = reason.one, reason.other
            if orbit.get(one, one) is orbit.get(other, other):
                continue
            if orbit.get(other, other) is other:
                found.setdefault(other, reason)
        return tuple(found.values())


def _orbits(factors: Iterable[Factor]) -> dict[Entity, Entity]:
    """Return for each entity that moves the first of those in whose place it may come."""
    first: dict[Entity, Entity] = {}
    for factor in factors:
        for exchange in factor.exchanges:
            for pair in exchange.moved.items():
                ends = [first.setdefault(e, e) for e in pair]
                least = min(ends, key=lambda e: e.index)
                first = {e: least if f in ends else f for e, f in first.items()}
    return first


def _matter(machine: Machine) -> frozenset[Entity]:
    """Return the entities that a state has fields of, or may name."""
    found = {v.entity for v in machine.variables}
    domains = [v.domain for v in machine.variables]
    named = {d.kind for d in domains if isinstance(d, (RefTo, SetOf))}
    found |= {e for kind in named for e in machine.entities.get(kind, ())}
    return frozenset(found)


def _blocks(chain: Factor, moved: Exchange) -> tuple[Block, ...]:
    """Return the blocks of a chain with the one that an exchange adds."""
    *before, last = chain.blocks
    pairs: Exchange = {}
    for here, there in moved.items():
        if there not in pairs:
            pairs[here] = there
    if not before:
        last = tuple(pairs)
    if set(last) != set(pairs):
        raise Differ(f"{last[0]} would take along other entities than before")
    return (*before, last, tuple(pairs[entity] for entity in last))


def independent(factors: Iterable[Factor]) -> tuple[Factor, ...]:
    """Return factors without those of which the ones before make any exchange themselves."""
    kept: list[Factor] = []
    for factor in factors:
        moved = [action.moved for one in (*kept, factor) for action in one.exchanges]
        if Generated(moved).order == factor.order * math.prod(one.order for one in kept):
            kept.append(factor)
    return tuple(kept)


def normal(factors: tuple[Factor, ...]) -> tuple[Factor, ...]:
    """Return factors without those that a later one does not turn into themselves."""
    for number, outer in enumerate(factors):
        inner = factors[:number]
        known = {pair for factor in inner for pair in _pairs(factor)}
        for factor in inner:
            if any(
                _turned(p, a.moved) not in known for p in _pairs(factor) for a in outer.exchanges
            ):
                return normal(tuple(f for f in factors if f is not factor))
    return factors


Pair: TypeAlias = frozenset[tuple[Entity, Entity]]  # an exchange of two blocks


def _pairs(factor: Factor) -> list[Pair]:
    """Return all exchanges of two blocks of a factor."""
    return [
        frozenset((*zip(a, b, strict=True), *zip(b, a, strict=True)))
        for a, b in itertools.combinations(factor.blocks, 2)
    ]


def _turned(pair: Pair, outer: Exchange) -> Pair:
    return frozenset((outer.get(a, a), outer.get(b, b)) for a, b in pair)
