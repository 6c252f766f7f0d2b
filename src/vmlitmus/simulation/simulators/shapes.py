"""The code of a machine for the simulator: one function for all instances that do the same.

Two instances of a step mostly differ in nothing but which variables they read and write, and in
some constants. What they have in common is their shape; what differs is a row of a table. So there
is as much code as there are shapes, however many entities there are.

A state is not packed: each variable has a word of its own, or some where it is wider.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from vmlitmus.compiler import Machine, State
from vmlitmus.compiler.ir.nodes import Bits, Branch, Code, Emit, Op, Operand, Value, size, width
from vmlitmus.engine.native.ir_text import Writer, called
from vmlitmus.engine.native.layout import Layout

WORD = 64
_ALL = (1 << WORD) - 1
Gap: TypeAlias = tuple[Bits, int]  # what a shape leaves open: how wide it is, and what is there


class Unpacked:
    """The words of each variable of a machine: ``first`` of each, and how many they are."""

    def __init__(self, machine: Machine) -> None:
        self.variables = machine.variables
        self.first: list[int] = []
        self.count = 0
        for variable in machine.variables:
            self.first.append(self.count)
            self.count += words_of(width(variable.domain))

    def unpack(self, words: Sequence[int]) -> State:
        """Return the state that some words hold."""
        ends = [*self.first[1:], self.count]
        return tuple(
            sum(word << WORD * at for at, word in enumerate(words[first:end]))
            for first, end in zip(self.first, ends, strict=True)
        )

    def pack(self, state: State) -> list[int]:
        """Return the words that hold a state."""
        ends = [*self.first[1:], self.count]
        return [
            code >> WORD * at & _ALL
            for code, first, end in zip(state, self.first, ends, strict=True)
            for at in range(end - first)
        ]


def words_of(bits: Bits) -> int:
    """Return how many words hold a value of a width."""
    return -(-size(bits) // WORD)


@dataclass
class Shape:
    """A function, and the rows of the codes that have it: one for each, in order."""

    name: str
    body: str
    widths: list[Bits]
    rows: list[list[int]] = field(default_factory=list)

    def text(self) -> str:
        """Return the function: (state, row, written) -> what the code comes to.

        That is -1 for a model error and 0 for a step that is not enabled; else 1 + the number of
        the firing, or of a condition 0 or 1. Where ``written`` is no null pointer, the step is
        taken: its first word counts the words of the state that changed, which come after it.
        """
        lines = [f"define i64 @{self.name}(ptr %state, ptr %row, ptr %written) {{", "entry:"]
        for number, (bits, place) in enumerate(zip(self.widths, self.places(), strict=True)):
            lines += _gap(number, bits, place)
        return "\n".join([*lines, "  br label %b0", self.body, "}"])

    def places(self) -> list[int | tuple[str, int]]:
        """Return for each gap what fills it: a number in all rows, or a place in the row."""
        found: list[int | tuple[str, int]] = []
        known: dict[tuple[int, tuple[int, ...]], int] = {}
        at = 0
        for number, bits in enumerate(self.widths):
            column = tuple(row[number] for row in self.rows)
            if all(value == column[0] for value in column):
                found.append(column[0])
                continue
            words = words_of(bits)
            if (words, column) not in known:
                known[words, column] = at
                at += words
            found.append(("row", known[words, column]))
        return found

    def tables(self) -> list[list[int]]:
        """Return the words of each row."""
        return [list(words) for words in zip(*self._columns(), strict=True)] or [
            [] for _ in self.rows
        ]

    def _columns(self) -> list[list[int]]:
        """Return each column of words, as ``places`` has them."""
        columns: dict[int, list[int]] = {}
        for number, (bits, place) in enumerate(zip(self.widths, self.places(), strict=True)):
            if not isinstance(place, int):
                for word in range(words_of(bits)):
                    columns[place[1] + word] = [
                        row[number] >> WORD * word & _ALL for row in self.rows
                    ]
        return [columns[at] for at in sorted(columns)]


def _gap(number: int, bits: Bits, place: int | tuple[str, int]) -> list[str]:
    """Return the lines that make the value of a gap."""
    if isinstance(place, int):
        return [f"  %h{number} = add {bits} 0, {place}"]
    pointer = f"  %g{number} = getelementptr i64, ptr %row, i64 {place[1]}"
    if bits != "i1":
        return [pointer, f"  %h{number} = load {bits}, ptr %g{number}, align 8"]
    return [
        pointer,
        f"  %f{number} = load i64, ptr %g{number}",
        f"  %h{number} = trunc i64 %f{number} to i1",
    ]


class Shapes:
    """The shapes of some codes, each with the numbers that its steps are known by.

    ``shape`` and ``row`` say of each code, by its place in order, which shape it has and which row
    of it.
    """

    def __init__(self, machine: Machine, unpacked: Unpacked) -> None:
        self.machine = machine
        self.unpacked = unpacked
        self.made: dict[tuple[str, tuple[Bits, ...]], Shape] = {}
        self.called: set[tuple[str, Bits]] = set()
        self.shape: list[Shape] = []
        self.row: list[int] = []

    def add(self, code: Code, number: Callable[[int], int] | None = None) -> None:
        """Add a code; ``number`` gives the number of what happens, by its ending."""
        outline = _Outline(self.machine, self.unpacked, number)
        body = outline.body(code)
        self.called |= outline.called
        widths = tuple(bits for bits, _ in outline.gaps)
        shape = self.made.get((body, widths))
        if shape is None:
            shape = self.made[body, widths] = Shape(f"s{len(self.made)}", body, list(widths))
        self.shape.append(shape)
        self.row.append(len(shape.rows))
        shape.rows.append([value for _, value in outline.gaps])

    def ir(self) -> str:
        """Return the functions of all shapes."""
        functions = [called(name, bits) for name, bits in sorted(self.called)]
        return "\n".join([*functions, *(shape.text() for shape in self.made.values())])


class _Outline(Writer):
    """Writes a code with its constants and variables left open; ``gaps`` is what was left out."""

    def __init__(
        self, machine: Machine, unpacked: Unpacked, number: Callable[[int], int] | None
    ) -> None:
        super().__init__(_NO_LAYOUT)
        self.machine = machine
        self.unpacked = unpacked
        self.number = number
        self.gaps: list[Gap] = []
        self.names: dict[str, str] = {}
        self.blocks: dict[int, str] = {}

    def body(self, code: Code) -> str:
        """Return the blocks of a code as text that is the same for all that do the same."""
        self.label(code.blocks[0].number)
        for block in code.blocks:
            self.lines.append(f"{self.label(block.number)}:")
            self.ops(block, "")
            self.end(block.end)
        self.lines += ["disabled:", "  ret i64 0", "faulty:", "  ret i64 -1"]
        return "\n".join(self.lines)

    def label(self, number: int) -> str:
        return self.blocks.setdefault(number, f"b{len(self.blocks)}")

    def target(self, number: int) -> str:
        if number >= 0:
            return self.label(number)
        return "disabled" if number == -1 and self.number is not None else "faulty"

    def gap(self, bits: Bits, value: int) -> str:
        """Leave something open; return the name of what will be there."""
        self.gaps.append((bits, value))
        return f"%h{len(self.gaps) - 1}"

    def named(self, operand: Operand, prefix: str, bits: str = "i64") -> str:
        if isinstance(operand, int):
            return self.gap(bits, operand)
        return self.names.setdefault(operand, f"%v{len(self.names)}")

    def op(self, op: Op, prefix: str) -> None:
        if op.op == "phi":
            arms = [f"[ {self.named(v, prefix, op.bits)}, %{self.label(n)} ]" for v, n in op.args]
            self.line(f"{self.named(op.dest, prefix)} = phi {op.bits} {', '.join(arms)}")
        else:
            super().op(op, prefix)

    def load(self, dest: str, op: Op) -> None:
        pointer = self.place(op.args[0])
        if op.bits == "i1":
            whole = self.temporary()
            self.line(f"{whole} = load i64, ptr {pointer}")
            self.line(f"{dest} = trunc i64 {whole} to i1")
        else:
            self.line(f"{dest} = load {op.bits}, ptr {pointer}, align 8")

    def place(self, variable: int) -> str:
        """Return the address of a variable."""
        pointer = self.temporary()
        first = self.gap("i64", self.unpacked.first[variable])
        self.line(f"{pointer} = getelementptr i64, ptr %state, i64 {first}")
        return pointer

    def end(self, end: Any) -> None:
        if isinstance(end, Emit):
            self.emit(end)
        elif isinstance(end, Value):
            found = self.temporary()
            self.line(f"{found} = zext i1 {self.named(end.operand, '', 'i1')} to i64")
            self.line(f"ret i64 {found}")
        else:
            assert isinstance(end, Branch)
            self.branch(end)

    def branch(self, end: Branch) -> None:
        then, other = self.target(end.then), self.target(end.other)
        if then == other:
            self.line(f"br label %{then}")
        else:
            test = self.named(end.condition, "", "i1")
            self.line(f"br i1 {test}, label %{then}, label %{other}")

    def emit(self, end: Emit) -> None:
        """Say what happens; where it is taken, write it down, and what of the state changed."""
        assert self.number is not None
        self.fresh += 1
        taken, behind = f"take{self.fresh}", f"end{self.fresh}"
        found = self.gap("i64", self.number(end.ending) + 1)
        looks = self.temporary()
        self.line(f"{looks} = icmp eq ptr %written, null")
        self.line(f"br i1 {looks}, label %{behind}, label %{taken}")
        self.lines.append(f"{taken}:")
        count = "0"
        for variable, operand in end.writes.items():
            count = self.write(variable, operand, count)
        self.line(f"store i64 {count}, ptr %written")
        self.line(f"br label %{behind}")
        self.lines.append(f"{behind}:")
        self.line(f"ret i64 {found}")

    def write(self, variable: int, operand: Operand, count: str) -> str:
        """Write a variable; return how many words changed by now."""
        kept = self.machine.variables[variable]
        bits = width(kept.domain)
        value = self.named(operand, "", bits)
        if bits == "i1":
            wide = self.temporary()
            self.line(f"{wide} = zext i1 {value} to i64")
            bits, value = "i64", wide
        pointer = self.place(variable)
        before, differs, more, after, slot = (self.temporary() for _ in range(5))
        self.line(f"{before} = load {bits}, ptr {pointer}, align 8")
        self.line(f"store {bits} {value}, ptr {pointer}, align 8")
        self.line(f"{slot} = getelementptr i64, ptr %written, i64 {count}")
        slot, at = self.temporary(), slot
        self.line(f"{slot} = getelementptr i64, ptr {at}, i64 1")
        self.line(f"store i64 %h{len(self.gaps) - 1}, ptr {slot}")
        self.line(f"{differs} = icmp ne {bits} {before}, {value}")
        self.line(f"{more} = zext i1 {differs} to i64")
        self.line(f"{after} = add i64 {count}, {more}")
        return after


class _NoLayout(Layout):
    """States are not packed here."""

    def __init__(self) -> None:
        self.places, self.words, self.bits = [], 0, 0


_NO_LAYOUT = _NoLayout()


def dependents(count: int, reads: Iterable[Iterable[int]]) -> tuple[list[int], list[int]]:
    """Return who reads each of ``count`` variables, one behind the other, and where each begins."""
    by: list[list[int]] = [[] for _ in range(count)]
    for reader, variables in enumerate(reads):
        for variable in variables:
            by[variable].append(reader)
    begins = [0]
    for readers in by:
        begins.append(begins[-1] + len(readers))
    return begins, [reader for readers in by for reader in readers]
