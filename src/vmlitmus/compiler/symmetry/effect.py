"""What lowered code does, as diagrams: how it ends, and what it leaves in each variable."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from vmlitmus.compiler.ir.nodes import DISABLED, FAULTY, Block, Branch, Code, Emit, Operand, Value
from vmlitmus.compiler.symmetry.diagrams import Diagram, Diagrams

Load = Callable[[int], Diagram]  # from the index of a variable to its code in the state
NOWHERE = -1  # what a step leaves in a variable where it is not enabled, or fails


@dataclass(frozen=True)
class Effect:
    """``ending`` is how a step ends, DISABLED or FAULTY; or what a condition is, 0 or 1.

    ``writes`` gives for each variable that the step may write its code afterwards, and NOWHERE
    where the step does not end well.
    """

    ending: Diagram
    writes: dict[int, Diagram]


def effect(diagrams: Diagrams, code: Code, load: Load) -> Effect:
    """Return what code does; ``load`` gives what it starts from."""
    return _Run(diagrams, code, load).run()


class _Run:
    """Goes through blocks in order; jumps lead only forward.

    ``edges`` says for each pair of blocks where control goes from one to the other, ``reach`` where
    it comes to a block at all.
    """

    def __init__(self, diagrams: Diagrams, code: Code, load: Load) -> None:
        self.diagrams = diagrams
        self.code = code
        self.load = load
        self.values: dict[str, Diagram] = {}
        self.edges: dict[tuple[int, int], Diagram] = {}
        self.reach: dict[int, Diagram] = {0: 1}
        self.ending: Diagram = DISABLED
        self.ends: list[tuple[Diagram, Emit]] = []

    def run(self) -> Effect:
        for block in self.code.blocks:
            reach = self.reach.get(block.number, 0)
            if reach == 0:
                continue
            for op in block.ops:
                args = op.args
                if op.op == "load":
                    found = self.load(args[0])
                elif op.op == "phi":
                    found = self.phi(block, op.args)
                else:
                    found = self.diagrams.apply(op.op, *(self.value(a) for a in args))
                self.values[op.dest] = found
            self.leave(block, reach)
        return Effect(self.ending, self.writes())

    def value(self, operand: Operand) -> Diagram:
        return self.values[operand] if isinstance(operand, str) else operand

    def phi(self, block: Block, arms: tuple[tuple[Operand, int], ...]) -> Diagram:
        found: Diagram | None = None
        for operand, before in arms:
            edge = self.edges.get((before, block.number), 0)
            if edge == 0:
                continue
            value = self.value(operand)
            found = value if found is None else self.diagrams.select(edge, value, found)
        assert found is not None
        return found

    def leave(self, block: Block, reach: Diagram) -> None:
        end = block.end
        if isinstance(end, Emit):
            self.ending = self.diagrams.select(reach, end.ending, self.ending)
            self.ends.append((reach, end))
        elif isinstance(end, Value):
            self.ending = self.diagrams.select(reach, self.value(end.operand), self.ending)
        else:
            assert isinstance(end, Branch)
            test = self.value(end.condition)
            apply = self.diagrams.apply
            if end.then == end.other:
                self.go(block.number, end.then, reach)
                return
            self.go(block.number, end.then, apply("and", reach, test))
            self.go(block.number, end.other, apply("and", reach, apply("xor", test, 1)))

    def go(self, source: int, target: int, edge: Diagram) -> None:
        """Note where control goes from one block to another."""
        if target in (DISABLED, FAULTY):
            self.ending = self.diagrams.select(edge, target, self.ending)
            return
        self.edges[source, target] = edge
        known = self.reach.get(target, 0)
        self.reach[target] = self.diagrams.apply("or", known, edge)

    def writes(self) -> dict[int, Diagram]:
        variables = dict.fromkeys(v for _, end in self.ends for v in end.writes)
        found = {}
        for variable in variables:
            left: Diagram = NOWHERE
            for reach, end in self.ends:
                written = end.writes.get(variable)
                value = self.load(variable) if written is None else self.value(written)
                left = self.diagrams.select(reach, value, left)
            found[variable] = left
        return found
