"""Fold what never changes into lowered code: constants, branches that are decided, empty jumps.

Instances are lowered on all fields that some step may write. A field that no instance writes after
all is constant in the machine; it is taken out of the state, and here out of the code.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from vmlitmus.compiler.ir.nodes import FAULTY, Block, Branch, Code, Emit, Op, Operand, Value, fold


def read(codes: Iterable[Code]) -> set[int]:
    """Return the variables that some code reads."""
    return {variable for code in codes for variable in code.reads}


def folded(code: Code, constants: Mapping[int, int], numbers: Mapping[int, int]) -> Code:
    """Return code without constants, with only the blocks that can be reached, in order.

    ``constants`` gives the code of each variable that is one, ``numbers`` the new index of each
    other one.
    """
    return _Folding(constants, numbers).run(code)


def endings(code: Code, constants: Mapping[int, int]) -> tuple[bool, list[dict[int, Operand]]]:
    """Say whether code may be faulty, and return what it may write, given what is constant.

    It is what the ends of the ``folded`` code say, which is not made.
    """
    values: dict[str, Operand] = {}
    reached, done = {0}, set()
    faulty = False
    writes: list[dict[int, Operand]] = []
    for block in code.blocks:
        if block.number not in reached:
            continue
        done.add(block.number)
        for op in block.ops:
            found = _known(op, values, constants, done)
            if found is not None:
                values[op.dest] = found
        end = block.end
        if isinstance(end, Emit):
            writes.append({i: values.get(v, v) for i, v in end.writes.items()})  # type: ignore[arg-type]
        elif isinstance(end, Branch):
            test = values.get(end.condition, end.condition)  # type: ignore[arg-type]
            targets = {end.then, end.other}
            if isinstance(test, int):
                targets = {end.then if test else end.other}
            reached |= targets
            faulty = faulty or FAULTY in targets
    return faulty, writes


def _known(
    op: Op, values: Mapping[str, Operand], constants: Mapping[int, int], done: Collection[int]
) -> Operand | None:
    """Return what an operation comes to, where that is another value or a constant."""
    if op.op == "load":
        return constants.get(op.args[0])
    if op.op == "phi":
        arms = [values.get(v, v) for v, number in op.args if number in done]
        return arms[0] if all(value == arms[0] for value in arms) else None
    if values.keys().isdisjoint(op.args):  # then it would have been folded when it was made
        return None
    return fold(op.op, op.bits, tuple([values.get(a, a) for a in op.args]))


class _Folding:
    """Goes through blocks in order; as jumps lead only forward, all ways to one are known then."""

    def __init__(self, constants: Mapping[int, int], numbers: Mapping[int, int]) -> None:
        self.constants = constants
        self.numbers = numbers
        self.values: dict[str, Operand] = {}
        self.sources: dict[int, list[int]] = {0: []}  # of each block reached: the blocks before it
        self.merged: dict[int, Block] = {}  # of each block done: the new block that it is part of

    def run(self, code: Code) -> Code:
        done = Code()
        done.blocks.clear()
        for block in code.blocks:
            if block.number in self.sources:
                self.block(block, done)
        return done

    def block(self, block: Block, done: Code) -> None:
        new = self.home(block, done)
        self.merged[block.number] = new
        for op in block.ops:
            self.op(op, new)
        new.end = self.end(block)

    def home(self, block: Block, done: Code) -> Block:
        """Return the new block for a block: the one before it where that leads only here."""
        if len(self.sources[block.number]) == 1:
            before = self.merged[self.sources[block.number][0]]
            if isinstance(before.end, Branch) and before.end.then == before.end.other:
                return before
        done.blocks.append(Block(block.number))
        return done.blocks[-1]

    def value(self, operand: Operand) -> Operand:
        return self.values.get(operand, operand) if isinstance(operand, str) else operand

    def op(self, op: Op, new: Block) -> None:
        if op.op == "load":
            index = op.args[0]
            if index in self.constants:
                self.values[op.dest] = self.constants[index]
            else:
                number = self.numbers[index]
                same = number == index
                new.ops.append(op if same else Op(op.dest, "load", op.bits, (number,)))
            return
        if op.op == "phi":
            self.phi(op, new)
            return
        values = self.values
        args = tuple([values.get(a, a) if isinstance(a, str) else a for a in op.args])
        if args == op.args:  # then it would have been folded when it was made
            new.ops.append(op)
            return
        known = fold(op.op, op.bits, args)
        if known is None:
            new.ops.append(Op(op.dest, op.op, op.bits, args))
        else:
            self.values[op.dest] = known

    def phi(self, op: Op, new: Block) -> None:
        arms = [(self.value(v), self.merged[n].number) for v, n in op.args if n in self.merged]
        if all(value == arms[0][0] for value, _ in arms):
            self.values[op.dest] = arms[0][0]
        else:
            new.ops.append(Op(op.dest, "phi", op.bits, tuple(arms)))

    def end(self, block: Block) -> Branch | Emit | Value:
        end = block.end
        if isinstance(end, Emit):
            writes = {
                self.numbers[i]: self.value(v) for i, v in end.writes.items() if i in self.numbers
            }
            return Emit(end.ending, writes)
        if isinstance(end, Value):
            return Value(self.value(end.operand))
        assert isinstance(end, Branch)
        test = self.value(end.condition)
        then, other = end.then, end.other
        if isinstance(test, int):
            then = other = then if test else other
        for target in {then: None, other: None}:
            self.sources.setdefault(target, []).append(block.number)
        return Branch(test, then, other)
