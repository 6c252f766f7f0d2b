"""The kernel language: small Python functions on 64-bit unsigned integers, compiled to LLVM IR.

The fixed part of the compiled engine is written in it. Every value is a 64-bit unsigned integer,
addresses included; ``while``, ``if``, assignments, calls, arithmetic and comparisons mean what they
say. A number with a fraction is the bits of a double, on which ``fadd`` and the like work; ``log``
and its kind are the C library's, so that they agree with Python's. Names in capitals are constants
given when compiling; a branch on them is decided then, and
``for x in range(N)`` with a constant N is unrolled.
"""

from __future__ import annotations

import ast
import linecache
import operator
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

_BINARY: dict[type[ast.operator], str] = {
    ast.Add: "add",
    ast.Sub: "sub",
    ast.Mult: "mul",
    ast.BitAnd: "and",
    ast.BitOr: "or",
    ast.BitXor: "xor",
    ast.LShift: "shl",
    ast.RShift: "lshr",
    ast.Mod: "urem",
    ast.FloorDiv: "udiv",
}
_FLOAT = {"fadd": "fadd", "fsub": "fsub", "fmul": "fmul", "fdiv": "fdiv"}
_FLOAT_FUNCTIONS = ("log", "exp", "cos", "sqrt", "floor")
_COMPARE: dict[type[ast.cmpop], str] = {
    ast.Eq: "eq",
    ast.NotEq: "ne",
    ast.Lt: "ult",
    ast.LtE: "ule",
    ast.Gt: "ugt",
    ast.GtE: "uge",
}
_APPLIED: dict[type[ast.AST], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.BitAnd: operator.and_,
    ast.BitOr: operator.or_,
    ast.BitXor: operator.xor,
    ast.LShift: operator.lshift,
    ast.RShift: operator.rshift,
    ast.Mod: operator.mod,
    ast.FloorDiv: operator.floordiv,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
INTRINSICS = """
declare void @llvm.prefetch.p0(ptr, i32, i32, i32)
declare i64 @llvm.cttz.i64(i64, i1)

declare double @llvm.log.f64(double)
declare double @llvm.exp.f64(double)
declare double @llvm.cos.f64(double)
declare double @llvm.sqrt.f64(double)
declare double @llvm.floor.f64(double)
"""


def compile_kernel(
    functions: Sequence[Callable[..., Any]], constants: Mapping[str, int], exported: frozenset[str]
) -> str:
    """Return LLVM IR for some kernel functions; they may call each other and the model's.

    Functions not ``exported`` can only be called by the others; those that nobody calls are left
    out. One with a loop that is called at several places is "shared": it hardly pays to inline it.
    """
    written: dict[str, _Function] = {}
    calls = Counter(exported)
    known = {function.__name__: function for function in functions}
    while wanted := [name for name in known if name in calls]:
        for name in wanted:
            if is_operation(name):
                raise ValueError(f"{name}() is an operation of the kernel language")
            written[name] = _Function(known.pop(name), constants)
            calls.update(written[name].calls)
    texts = []
    for name, function in written.items():
        linkage = "" if name in exported else "internal "
        shared = ' "shared"' if linkage and function.repeats and calls[name] > 1 else ""
        texts.append(function.text(linkage, shared))
    return INTRINSICS + "\n".join(texts)


def is_operation(name: str) -> bool:
    """Say whether the kernel language itself has something of that name."""
    return name in _FLOAT or name in _FLOAT_FUNCTIONS or hasattr(_Function, f"in_{name}")


def _syntax(function: Callable[..., Any]) -> ast.FunctionDef:
    """Return a function as syntax."""
    return _functions(function.__code__.co_filename)[function.__code__.co_firstlineno]


@cache
def _functions(file: str) -> dict[int, ast.FunctionDef]:
    """Return the functions of a file by their lines; a process compiles most of them."""
    nodes = ast.parse("".join(linecache.getlines(file))).body
    return {node.lineno: node for node in nodes if isinstance(node, ast.FunctionDef)}


class _Function:
    """Writes one function: locals live in memory, which LLVM turns into registers."""

    def __init__(self, function: Callable[..., Any], constants: Mapping[str, int]) -> None:
        self.syntax = _syntax(function)
        self.constants = dict(constants)
        self.lines: list[str] = []
        self.locals: dict[str, None] = {}
        self.count = 0
        self.loops: list[tuple[str, str]] = []
        self.closed = False
        self.calls: list[str] = []
        self.repeats = False  # whether there is a loop in it
        self.parameters = [a.arg for a in self.syntax.args.args]
        for name in self.parameters:
            self.local(name)
            self.line(f"store i64 %{name}, ptr %v.{name}")
        self.block(self.syntax.body)
        if not self.closed:
            self.line("ret i64 0")

    def text(self, linkage: str, attributes: str) -> str:
        slots = [f"  %v.{name} = alloca i64" for name in self.locals]
        given = ", ".join(f"i64 %{p}" for p in self.parameters)
        head = f"define {linkage}i64 @{self.syntax.name}({given}) nounwind{attributes} {{\nentry:"
        return "\n".join([head, *slots, *self.lines, "}"])

    def line(self, text: str) -> None:
        if not self.closed:
            self.lines.append("  " + text)

    def label(self, name: str) -> None:
        if not self.closed:
            self.line(f"br label %{name}")
        self.lines.append(f"{name}:")
        self.closed = False

    def jump(self, text: str) -> None:
        self.line(text)
        self.closed = True

    def fresh(self, hint: str = "t") -> str:
        self.count += 1
        return f"{hint}{self.count}"

    def local(self, name: str) -> str:
        self.locals.setdefault(name)
        return f"%v.{name}"

    def block(self, body: list[ast.stmt]) -> None:
        for node in body:
            if self.closed:
                return
            getattr(self, f"do_{type(node).__name__}")(node)

    def do_Expr(self, node: ast.Expr) -> None:
        if not isinstance(node.value, ast.Constant):
            self.value(node.value)

    def do_Assign(self, node: ast.Assign) -> None:
        assert isinstance(node.targets[0], ast.Name)
        value = self.value(node.value)
        self.line(f"store i64 {value}, ptr {self.local(node.targets[0].id)}")

    def do_AugAssign(self, node: ast.AugAssign) -> None:
        assert isinstance(node.target, ast.Name)
        value = self.value(ast.BinOp(ast.Name(node.target.id, ast.Load()), node.op, node.value))
        self.line(f"store i64 {value}, ptr {self.local(node.target.id)}")

    def do_If(self, node: ast.If) -> None:
        known = self.known(node.test)
        if known is not None:
            self.block(node.body if known else node.orelse)
            return
        then, other, end = self.fresh("then"), self.fresh("else"), self.fresh("end")
        self.branch(node.test, then, other)
        for name, body in ((then, node.body), (other, node.orelse)):
            self.lines.append(f"{name}:")
            self.closed = False
            self.block(body)
            if not self.closed:
                self.jump(f"br label %{end}")
        self.lines.append(f"{end}:")
        self.closed = False

    def do_While(self, node: ast.While) -> None:
        test, body, end = self.fresh("test"), self.fresh("body"), self.fresh("end")
        self.repeats = True
        self.label(test)
        self.branch(node.test, body, end)
        self.lines.append(f"{body}:")
        self.closed = False
        self.loops.append((end, test))
        self.block(node.body)
        self.loops.pop()
        if not self.closed:
            self.jump(f"br label %{test}")
        self.lines.append(f"{end}:")
        self.closed = False

    def do_For(self, node: ast.For) -> None:
        """A loop over a constant range, unrolled."""
        assert isinstance(node.iter, ast.Call) and isinstance(node.target, ast.Name)
        bounds = [self.known(a) for a in node.iter.args]
        for number in range(*(int(b or 0) for b in bounds)):
            self.constants[node.target.id] = number
            self.block(node.body)
        self.constants.pop(node.target.id, None)

    def do_Break(self, node: ast.Break) -> None:
        self.jump(f"br label %{self.loops[-1][0]}")

    def do_Continue(self, node: ast.Continue) -> None:
        self.jump(f"br label %{self.loops[-1][1]}")

    def do_Return(self, node: ast.Return) -> None:
        value = self.value(node.value) if node.value else "0"
        self.jump(f"ret i64 {value}")

    def branch(self, test: ast.expr, then: str, other: str) -> None:
        """Branch on a condition; ``and`` and ``or`` evaluate the right side only when needed."""
        if isinstance(test, ast.BoolOp):
            *firsts, last = test.values
            for part in firsts:
                following = self.fresh("and")
                if isinstance(test.op, ast.And):
                    self.branch(part, following, other)
                else:
                    self.branch(part, then, following)
                self.lines.append(f"{following}:")
                self.closed = False
            self.branch(last, then, other)
        elif isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
            self.branch(test.operand, other, then)
        else:
            flag = self.flag(test)
            self.jump(f"br i1 {flag}, label %{then}, label %{other}")

    def flag(self, test: ast.expr) -> str:
        name = "%" + self.fresh()
        if isinstance(test, ast.Compare):
            left, right = self.value(test.left), self.value(test.comparators[0])
            self.line(f"{name} = icmp {_COMPARE[type(test.ops[0])]} i64 {left}, {right}")
        else:
            self.line(f"{name} = icmp ne i64 {self.value(test)}, 0")
        return name

    def known(self, node: ast.expr) -> int | None:
        """Return the value of a constant expression, or None."""
        if isinstance(node, ast.Name):
            return self.constants.get(node.id)
        if isinstance(node, ast.Constant):
            return int(node.value)  # type: ignore[arg-type]
        if isinstance(node, ast.BinOp):
            parts, operation = (node.left, node.right), _APPLIED[type(node.op)]
        elif isinstance(node, ast.Compare):
            parts, operation = (node.left, node.comparators[0]), _APPLIED[type(node.ops[0])]
        else:
            return None
        left = self.known(parts[0])
        right = self.known(parts[1]) if left is not None else None
        return None if right is None else int(operation(left, right))

    def value(self, node: ast.expr) -> str:
        known = self.known(node)
        if known is not None:
            known &= (1 << 64) - 1
            return str(known - (1 << 64) if known >> 63 else known)
        name = "%" + self.fresh()
        if isinstance(node, ast.Name):
            if node.id not in self.locals:
                raise NameError(f"{self.syntax.name}(): {node.id} is no constant and not yet set")
            self.line(f"{name} = load i64, ptr {self.local(node.id)}")
        elif isinstance(node, ast.BinOp):
            left, right = self.value(node.left), self.value(node.right)
            self.line(f"{name} = {_BINARY[type(node.op)]} i64 {left}, {right}")
        elif isinstance(node, ast.Call):
            return self.call(node, name)
        else:
            self.line(f"{name} = zext i1 {self.flag(node)} to i64")
        return name

    def call(self, node: ast.Call, name: str) -> str:
        assert isinstance(node.func, ast.Name)
        values = [self.value(a) for a in node.args]
        special = getattr(self, f"in_{node.func.id}", None)
        if node.func.id in _FLOAT or node.func.id in _FLOAT_FUNCTIONS:
            self.in_double(name, node.func.id, *values)
            return name
        if special is not None:
            special(name, *values)
            return name
        given = ", ".join(f"i64 {v}" for v in values)
        self.calls.append(node.func.id)
        self.line(f"{name} = call i64 @{node.func.id}({given})")
        return name

    def address(self, base: str, index: str, kind: str = "i64") -> str:
        pointer, place = "%" + self.fresh(), "%" + self.fresh()
        self.line(f"{pointer} = inttoptr i64 {base} to ptr")
        self.line(f"{place} = getelementptr {kind}, ptr {pointer}, i64 {index}")
        return place

    def in_load(self, name: str, base: str, index: str) -> None:
        self.line(f"{name} = load i64, ptr {self.address(base, index)}")

    def in_store(self, name: str, base: str, index: str, value: str) -> None:
        self.line(f"store i64 {value}, ptr {self.address(base, index)}")

    def in_load32(self, name: str, base: str, index: str) -> None:
        self.narrow_load(name, base, index, "i32")

    def in_store32(self, name: str, base: str, index: str, value: str) -> None:
        self.narrow_store(base, index, value, "i32")

    def in_load16(self, name: str, base: str, index: str) -> None:
        self.narrow_load(name, base, index, "i16")

    def in_store16(self, name: str, base: str, index: str, value: str) -> None:
        self.narrow_store(base, index, value, "i16")

    def in_load8(self, name: str, base: str, index: str) -> None:
        self.narrow_load(name, base, index, "i8")

    def in_store8(self, name: str, base: str, index: str, value: str) -> None:
        self.narrow_store(base, index, value, "i8")

    def narrow_load(self, name: str, base: str, index: str, kind: str) -> None:
        narrow = "%" + self.fresh()
        self.line(f"{narrow} = load {kind}, ptr {self.address(base, index, kind)}")
        self.line(f"{name} = zext {kind} {narrow} to i64")

    def narrow_store(self, base: str, index: str, value: str, kind: str) -> None:
        narrow = "%" + self.fresh()
        self.line(f"{narrow} = trunc i64 {value} to {kind}")
        self.line(f"store {kind} {narrow}, ptr {self.address(base, index, kind)}")

    def in_prefetch(self, name: str, base: str, index: str) -> None:
        place = self.address(base, index)
        self.line(f"call void @llvm.prefetch.p0(ptr {place}, i32 0, i32 3, i32 1)")

    def in_high(self, name: str, a: str, b: str) -> None:
        """Return the high half of a 128-bit product."""
        x, y, product, high = ("%" + self.fresh() for _ in range(4))
        self.line(f"{x} = zext i64 {a} to i128")
        self.line(f"{y} = zext i64 {b} to i128")
        self.line(f"{product} = mul i128 {x}, {y}")
        self.line(f"{high} = lshr i128 {product}, 64")
        self.line(f"{name} = trunc i128 {high} to i64")

    def in_same_lanes(self, name: str, line: str, a: str, b: str) -> None:
        """Return a bit for each of the eight numbers of a line that is a, b, a, b ..."""
        first, both, each, equal = ("%" + self.fresh() for _ in range(4))
        self.line(f"{first} = insertelement <8 x i64> poison, i64 {a}, i32 0")
        self.line(f"{both} = insertelement <8 x i64> {first}, i64 {b}, i32 1")
        mask = ", ".join(f"i32 {i % 2}" for i in range(8))
        self.line(f"{each} = shufflevector <8 x i64> {both}, <8 x i64> poison, <8 x i32> <{mask}>")
        self.line(f"{equal} = icmp eq <8 x i64> {self.lanes(line)}, {each}")
        self.bits(name, equal)

    def in_vacant_lanes(self, name: str, line: str) -> None:
        """Return a bit for each of the eight numbers of a line that is 0."""
        equal = "%" + self.fresh()
        self.line(f"{equal} = icmp eq <8 x i64> {self.lanes(line)}, zeroinitializer")
        self.bits(name, equal)

    def in_same_lanes32(self, name: str, line: str, a: str) -> None:
        """Return a bit for each of the sixteen 32-bit numbers of a line that is a."""
        narrow, first, each, equal = ("%" + self.fresh() for _ in range(4))
        self.line(f"{narrow} = trunc i64 {a} to i32")
        self.line(f"{first} = insertelement <16 x i32> poison, i32 {narrow}, i32 0")
        zeros = "<16 x i32> zeroinitializer"
        self.line(f"{each} = shufflevector <16 x i32> {first}, <16 x i32> poison, {zeros}")
        self.line(f"{equal} = icmp eq <16 x i32> {self.lanes(line, 32)}, {each}")
        self.bits(name, equal, 16)

    def in_vacant_lanes32(self, name: str, line: str) -> None:
        """Return a bit for each of the sixteen 32-bit numbers of a line that is 0."""
        equal = "%" + self.fresh()
        self.line(f"{equal} = icmp eq <16 x i32> {self.lanes(line, 32)}, zeroinitializer")
        self.bits(name, equal, 16)

    def lanes(self, line: str, bits: int = 64) -> str:
        """Load the numbers of a line of 64 bytes."""
        pointer, numbers = "%" + self.fresh(), "%" + self.fresh()
        self.line(f"{pointer} = inttoptr i64 {line} to ptr")
        self.line(f"{numbers} = load <{512 // bits} x i{bits}>, ptr {pointer}, align 64")
        return numbers

    def bits(self, name: str, flags: str, count: int = 8) -> None:
        whole = "%" + self.fresh()
        self.line(f"{whole} = bitcast <{count} x i1> {flags} to i{count}")
        self.line(f"{name} = zext i{count} {whole} to i64")

    def in_lowest_bit(self, name: str, a: str) -> None:
        """Return the number of the lowest bit that is set; there has to be one."""
        self.line(f"{name} = call i64 @llvm.cttz.i64(i64 {a}, i1 true)")

    def double(self, bits: str) -> str:
        """Return the double that has some bits."""
        name = "%" + self.fresh()
        self.line(f"{name} = bitcast i64 {bits} to double")
        return name

    def in_double(self, name: str, what: str, *values: str) -> None:
        """An operation on doubles, or a function of one."""
        given, result = [self.double(v) for v in values], "%" + self.fresh()
        if what in _FLOAT:
            self.line(f"{result} = {_FLOAT[what]} double {given[0]}, {given[1]}")
        else:
            self.line(f"{result} = call double @llvm.{what}.f64(double {given[0]})")
        self.line(f"{name} = bitcast double {result} to i64")

    def in_fless(self, name: str, a: str, b: str) -> None:
        flag, x, y = "%" + self.fresh(), self.double(a), self.double(b)
        self.line(f"{flag} = fcmp olt double {x}, {y}")
        self.line(f"{name} = zext i1 {flag} to i64")

    def in_to_double(self, name: str, a: str) -> None:
        result = "%" + self.fresh()
        self.line(f"{result} = uitofp i64 {a} to double")
        self.line(f"{name} = bitcast double {result} to i64")

    def in_to_integer(self, name: str, a: str) -> None:
        self.line(f"{name} = fptoui double {self.double(a)} to i64")

    def in_negative(self, name: str, a: str) -> None:
        self.line(f"{name} = lshr i64 {a}, 63")

    def in_expand(self, name: str, *addresses: str) -> None:
        self.call_at(name, *addresses)

    def in_conditions(self, name: str, *addresses: str) -> None:
        self.call_at(name, *addresses)

    def in_evaluate(self, name: str, *addresses: str) -> None:
        self.call_at(name, *addresses)

    def in_canonical(self, name: str, *addresses: str) -> None:
        self.call_at(name, *addresses)

    def call_at(self, name: str, *addresses: str) -> None:
        """Call the machine's function at the first address with the other addresses."""
        pointers = ["%" + self.fresh() for _ in addresses]
        for pointer, value in zip(pointers, addresses, strict=True):
            self.line(f"{pointer} = inttoptr i64 {value} to ptr")
        function, *given = pointers
        self.line(f"{name} = call i64 {function}({', '.join(f'ptr {p}' for p in given)})")
