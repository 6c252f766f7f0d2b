"""Which instances may ever be enabled, found on the lowered code.

An over-approximation: for each variable the codes that some instance may write, as constants, or
anything; for each place of an actor, with which locals some instance leaves it there. An instance
whose guards, or whose code on the variables that have one value only, cannot be passed is dead: the
rest of a sequence for a binding that its start refuses, a step that waits for a request that nobody
makes in this scenario.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from vmlitmus.compiler.ir.fold import endings
from vmlitmus.compiler.ir.nodes import Code, Operand
from vmlitmus.compiler.machine.machine import Instance, Variable


def reachable(
    instances: Sequence[Instance],
    lowered: Callable[[Instance], Code],
    variables: Sequence[Variable],
    switches: Sequence[int] = (),
) -> tuple[list[tuple[Instance, Code]], set[int]]:
    """Return the instances that may be enabled, in order, and the variables that they may change.

    Steps and the starts of sequences are always lowered, the rest of a sequence where an actor may
    get there. The variables ``switches`` may be on or off at the start.
    """
    reach = Reach(lowered, variables, switches)
    return [(i, reach.codes[i.index]) for i in reach.run(instances)], reach.changing()


class Reach:
    """``possible`` gives the codes that a variable may have; None stands for anything.

    ``arrivals`` gives what was written together with a place, by the place's variable and code.
    """

    def __init__(
        self,
        lowered: Callable[[Instance], Code],
        variables: Sequence[Variable],
        switches: Sequence[int],
    ) -> None:
        self.lowered = lowered
        self.codes: dict[int, Code] = {}
        self.places = {v.index for v in variables if v.name == "_at"}
        self.possible: dict[int, set[int] | None] = {v.index: {v.initial} for v in variables}
        self.possible |= {index: {0, 1} for index in switches}
        self.arrivals: dict[tuple[int, Operand], set[frozenset[tuple[int, Operand]]]] = {}
        self.noted: dict[int, object] = {}  # of each instance: the ends whose writes are noted
        self.changed = True

    def run(self, instances: Sequence[Instance]) -> list[Instance]:
        alive: list[Instance] = []
        while self.changed:
            self.changed = False
            single = {v: tuple(p) for v, p in self.possible.items() if p is not None}
            constants = {v: codes[0] for v, codes in single.items() if len(codes) == 1}
            asked = self.candidates(instances)
            alive = [i for i in asked if self.passes(i) and self.runs(i, constants)]
        return alive

    def candidates(self, instances: Sequence[Instance]) -> Sequence[Instance]:
        """Return the instances to look at now."""
        return instances

    def changing(self) -> set[int]:
        return {v for v, possible in self.possible.items() if possible is None or len(possible) > 1}

    def passes(self, instance: Instance) -> bool:
        """Say whether the guards on the actor's place and locals may hold."""
        for variable, code in instance.guards:
            possible = self.possible[variable]
            if possible is not None and code not in possible:
                return False
        if len(instance.guards) < 2:
            return True
        here, *local = instance.guards
        return any(self.fits(dict(a), local) for a in self.arrivals.get(here, ()))

    def fits(self, arrival: Mapping[int, Operand], local: Sequence[tuple[int, int]]) -> bool:
        """Say whether an actor that got to a place this way may have these locals there."""
        found = [(arrival.get(variable), code) for variable, code in local]
        return all(not isinstance(written, int) or written == code for written, code in found)

    def runs(self, instance: Instance, constants: Mapping[int, int]) -> bool:
        """Say whether some way through the code ends, or is faulty; note what it writes."""
        if instance.index not in self.codes:
            self.codes[instance.index] = self.lowered(instance)
        found = ends(self.codes[instance.index], constants)
        faulty, writes = found
        if self.noted.get(instance.index) is not found:
            self.noted[instance.index] = found
            for written in writes:
                for variable, operand in written.items():
                    self.write(variable, operand)
                self.arrive(written)
        return faulty or bool(writes)

    def arrive(self, writes: Mapping[int, Operand]) -> None:
        for place in self.places & writes.keys():
            known = self.arrivals.setdefault((place, writes[place]), set())
            arrival = frozenset((v, o) for v, o in writes.items() if isinstance(o, int))
            if arrival not in known:
                known.add(arrival)
                self.changed = True

    def write(self, variable: int, operand: Operand) -> None:
        possible = self.possible[variable]
        if possible is None:
            return
        if not isinstance(operand, int):
            self.possible[variable] = None
        elif operand not in possible:
            possible.add(operand)
        else:
            return
        self.changed = True


def ends(code: Code, constants: Mapping[int, int]) -> tuple[bool, list[dict[int, Operand]]]:
    """Say whether code may be faulty, and return what it may write, given what is constant."""
    key = tuple(map(constants.get, code.reads))
    if key not in code.ends:
        code.ends[key] = endings(code, constants)
    found: tuple[bool, list[dict[int, Operand]]] = code.ends[key]
    return found
