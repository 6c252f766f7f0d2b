"""Blocks of the intermediate form as LLVM text, on a packed state of several words."""

from __future__ import annotations

from vmlitmus.compiler.ir.nodes import Bits, Block, Branch, Op, Operand, size
from vmlitmus.engine.native.layout import Layout, Place

_DIVISION = """define internal {bits} @{name}.{bits}({bits} %a, {bits} %b) {{
entry:
  br label %next
next:
  %i = phi {bits} [ {first}, %entry ], [ %before, %next ]
  %rest = phi {bits} [ 0, %entry ], [ %r, %next ]
  %done = phi {bits} [ 0, %entry ], [ %q, %next ]
  %high = lshr {bits} %a, %i
  %bit = and {bits} %high, 1
  %twice = shl {bits} %rest, 1
  %left = or {bits} %twice, %bit
  %fits = icmp uge {bits} %left, %b
  %taken = sub {bits} %left, %b
  %r = select i1 %fits, {bits} %taken, {bits} %left
  %one = zext i1 %fits to {bits}
  %moved = shl {bits} %done, 1
  %q = or {bits} %moved, %one
  %before = sub {bits} %i, 1
  %last = icmp eq {bits} %i, 0
  br i1 %last, label %end, label %next
end:
  ret {bits} {result}
}}"""  # long division by a positive number: compiled code has no library that divides so wide ones


def called(name: str, bits: Bits) -> str:
    """Return what declares or defines a function on one width."""
    if name == "ctpop":
        return f"declare {bits} @llvm.ctpop.{bits}({bits})"
    return _DIVISION.format(
        name=name, bits=bits, first=size(bits) - 1, result={"udiv": "%q", "urem": "%r"}[name]
    )


class Writer:
    """Writes blocks of the intermediate form as LLVM text."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.lines: list[str] = []
        self.fresh = 0
        self.called: set[tuple[str, Bits]] = set()  # functions used, and on which width

    def line(self, text: str) -> None:
        self.lines.append("  " + text)

    def temporary(self) -> str:
        self.fresh += 1
        return f"%t{self.fresh}"

    def entry(self) -> None:
        self.lines.append("entry:")
        for word in range(self.layout.words):
            pointer = self.temporary()
            self.line(f"{pointer} = getelementptr i64, ptr %state, i64 {word}")
            self.line(f"%w{word} = load i64, ptr {pointer}")

    def ops(self, block: Block, prefix: str) -> None:
        for op in block.ops:
            self.op(op, prefix)

    def op(self, op: Op, prefix: str) -> None:
        dest = self.named(op.dest, prefix)
        if op.op == "load":
            self.load(dest, op)
        elif op.op == "phi":
            arms = ", ".join(
                f"[ {self.named(value, prefix, op.bits)}, %{prefix}b{number} ]"
                for value, number in op.args
            )
            self.line(f"{dest} = phi {op.bits} {arms}")
        else:
            args = [self.named(a, prefix, op.bits) for a in op.args]
            self.compute(dest, op, args)

    def compute(self, dest: str, op: Op, args: list[str]) -> None:
        if op.op in ("eq", "ne", "slt", "sle"):
            self.line(f"{dest} = icmp {op.op} {op.bits} {args[0]}, {args[1]}")
        elif op.op == "select":
            condition = {"0": "false", "1": "true"}.get(args[0], args[0])
            self.line(f"{dest} = select i1 {condition}, {op.bits} {args[1]}, {op.bits} {args[2]}")
        elif op.op == "ctpop":
            self.called.add((op.op, op.bits))
            self.line(f"{dest} = call {op.bits} @llvm.ctpop.{op.bits}({op.bits} {args[0]})")
        elif op.op == "bit0":
            self.line(f"{dest} = trunc {op.bits} {args[0]} to i1")
        elif " " in op.op:
            name, _, to = op.op.partition(" ")
            self.line(f"{dest} = {name} {op.bits} {args[0]} to {to}")
        elif op.op in ("udiv", "urem") and op.bits != "i64":
            self.called.add((op.op, op.bits))
            given = f"{op.bits} {args[0]}, {op.bits} {args[1]}"
            self.line(f"{dest} = call {op.bits} @{op.op}.{op.bits}({given})")
        else:
            self.line(f"{dest} = {op.op} {op.bits} {args[0]}, {args[1]}")

    def load(self, dest: str, op: Op) -> None:
        *others, last = self.layout.places[op.args[0]]
        if others or op.bits not in ("i1", "i64"):
            self.load_wide(dest, op.bits, [*others, last])
            return
        shifted = self.temporary()
        self.line(f"{shifted} = lshr i64 %w{last.word}, {last.shift}")
        if op.bits == "i1":
            self.line(f"{dest} = trunc i64 {shifted} to i1")
        else:
            self.line(f"{dest} = and i64 {shifted}, {last.mask}")

    def load_wide(self, dest: str, bits: Bits, places: list[Place]) -> None:
        """Load a value that is wider than a word, or whose code has several places."""
        joined = "0"
        for number, place in enumerate(places, 1):
            shifted, masked, moved = self.temporary(), self.temporary(), self.temporary()
            self.line(f"{shifted} = lshr i64 %w{place.word}, {place.shift}")
            self.line(f"{masked} = and i64 {shifted}, {place.mask}")
            wide = masked
            if bits != "i64":
                wide = self.temporary()
                self.line(f"{wide} = zext i64 {masked} to {bits}")
            self.line(f"{moved} = shl {bits} {wide}, {place.start}")
            result = dest if number == len(places) else self.temporary()
            self.line(f"{result} = or {bits} {joined}, {moved}")
            joined = result

    def named(self, operand: Operand, prefix: str, bits: str = "i64") -> str:
        """Return an operand as text, unique to its instance."""
        if isinstance(operand, str):
            return f"%{prefix}{operand[1:]}"
        return str(operand)


def targets(end: Branch) -> list[int]:
    """Return the blocks that a branch may lead to, each once."""
    return list(dict.fromkeys((end.then, end.other)))


def signed(value: int) -> int:
    """Return a word as LLVM writes it."""
    return value - (1 << 64) if value >> 63 else value
