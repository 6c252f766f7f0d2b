"""Searching by orbits: one state stands for all that permutations make of it.

What fires is counted by the orbits of instances: permutations may turn the loading of a vcpu on its
home cpu into its migration to another one, so only the sum of both is the same in all states of an
orbit. Over a whole orbit each instance of an orbit fires equally often, so the sums can be shared
out among the steps exactly.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from vmlitmus.compiler import Machine
from vmlitmus.compiler.symmetry import Symmetry
from vmlitmus.engine.native.layout import Layout
from vmlitmus.engine.native.search import Search
from vmlitmus.engine.native.symmetry.canonical import Plan, plan
from vmlitmus.errors import EnginesDisagree


@dataclass(frozen=True)
class Orbits:
    """``plan`` says how states become canonical; ``first`` gives for each instance the first of its
    orbit, ``names`` the counters: an orbit and an ending each.
    """

    plan: Plan
    machine: Machine
    first: tuple[int, ...]
    names: tuple[str, ...]

    def name(self, instance: int, ending: int) -> str:
        """Return the name of the counter for an instance that ends in some way."""
        return _name(self.first[instance], ending)

    def coverage(self, counted: Sequence[int]) -> dict[str, int]:
        """Return how often each step fired, from the counters of the orbits."""
        sums = dict(zip(self.names, counted, strict=True))
        sizes = Counter(self.first)
        found = dict.fromkeys(self.machine.step_ids, 0)
        shares: Counter[tuple[str, str, int]] = Counter()
        for instance in self.machine.instances:
            for ending in endings(self.machine, instance.index):
                first = self.first[instance.index]
                name = self.name(instance.index, ending)
                shares[instance.step_id(ending), name, sizes[first]] += 1
        for (step, name, size), share in shares.items():
            fired, rest = divmod(sums[name] * share, size)
            if rest:
                raise EnginesDisagree(f"the instances of an orbit do not share {name} evenly")
            found[step] += fired
        return found


def endings(machine: Machine, instance: int) -> list[int]:
    """Return the ways in which an instance may end."""
    from vmlitmus.compiler.ir.nodes import Emit

    blocks = machine.codes[instance].blocks
    return sorted({block.end.ending for block in blocks if isinstance(block.end, Emit)})


def orbits(machine: Machine, symmetry: Symmetry) -> Orbits | None:
    """Return how a machine is searched by orbits; None where nothing is interchangeable."""
    found = plan(symmetry, Layout(machine))
    if found.order == 1:
        return None
    first = list(range(len(machine.instances)))
    merged = list(symmetry.alike)
    merged += [
        pair
        for factor in found.factors
        for exchange in factor.exchanges
        for pair in enumerate(exchange.instances)
    ]
    for one, other in merged:
        ends = first[one], first[other]
        first = [min(ends) if f in ends else f for f in first]
    names = dict.fromkeys(
        _name(first[i.index], ending)
        for i in machine.instances
        for ending in endings(machine, i.index)
    )
    return Orbits(found, machine, tuple(first), tuple(names))


def _name(first: int, ending: int) -> str:
    return f"{first}.{ending}"


class OrbitSearch(Search):
    """A search by orbits; the runs that it gives are real ones."""

    def path(self, index: int) -> list[tuple[int, ...]]:
        """Return the states of a run from the initial one to one of a state's orbit."""
        return self.real_run(super().path(index))

    def real_run(self, met: Sequence[tuple[int, ...]]) -> list[tuple[int, ...]]:
        """Return the states of a run through some orbits, given by the states that stand for them.

        The first is that of the initial state.
        """
        found = [self.model.initial]
        for wanted in met[1:]:
            for successor in self._reached(found[-1]):
                if self.canonical(successor) == wanted:
                    found.append(successor)
                    break
            else:
                raise EnginesDisagree("no state of an orbit leads to the next orbit")
        return found

    def canonical(self, state: tuple[int, ...]) -> tuple[int, ...]:
        """Return the state that stands for the orbit of a state."""
        return self._stands(state)[0]

    def orbit(self, state: tuple[int, ...]) -> int:
        """Return how many states there are in the orbit of a state."""
        return self._stands(state)[1]

    def _stands(self, state: tuple[int, ...]) -> tuple[tuple[int, ...], int]:
        spare = self.regions["SPARE"]
        for word, value in enumerate(state):
            spare.set_word(word, value)
        size: int = self.machine.function("canonical", 1)(spare.address)
        return spare.words(0, self.model.words), size

    def _reached(self, state: tuple[int, ...]) -> list[tuple[int, ...]]:
        """Return the successors of any state."""
        spare = self.regions["SPARE"]
        for word, value in enumerate(state):
            spare.set_word(word, value)
        return self._expanded(spare.address)

    def _successors(self, index: int) -> list[tuple[int, ...]]:
        return [self.canonical(successor) for successor in super()._successors(index)]
