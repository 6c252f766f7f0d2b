"""Lower steps, sections and conditions from their syntax trees to the intermediate form.

Model code is interpreted once with values that are either known (``Known``: entities bound to
parameters, constants, mechanisms) or computed at run time (``Computed``). Loops over entities are
unrolled, calls are inlined, branches on known values vanish. What the language does not offer is
refused here, with file, line and reason; so lowering a step is also its check.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from dataclasses import field, replace
from typing import Any

from vmlitmus.compiler.ir.nodes import Code, Emit, Operand, Value
from vmlitmus.compiler.lowering.calls import Calls
from vmlitmus.compiler.lowering.read_set import RecordedReads
from vmlitmus.compiler.lowering.values import Known, Row, Scope, Snapshot, Val
from vmlitmus.compiler.sections.frame import FramedSection
from vmlitmus.errors import ModelError
from vmlitmus.frozen import Frozen
from vmlitmus.lang.syntax.trees import function_syntax, outside_names, place
from vmlitmus.lang.world import World

_DEEPEST = 40  # calls inside each other


class Finish(Frozen):
    """What lowering a section needs at its ends: how to leave the actor.

    Called with the lowerer, the ending, the place and the values of the locals that live on.
    """

    leave: Callable[[Lowerer, int, int, tuple[Val, ...]], None]


class _Loop(Frozen):
    """Where break and continue of the loop at hand lead."""

    stops: list[Snapshot] = field(default_factory=list)
    nexts: list[Snapshot] = field(default_factory=list)


class Lowerer(Calls):
    """Lowers one step, section or condition."""

    def __init__(self, world: World, variables: RecordedReads) -> None:
        super().__init__(world, variables)
        self.loops: list[_Loop] = []
        self.finish: Finish | None = None

    def statements(self, body: list[ast.stmt]) -> None:
        for node in body:
            if self.block is None:
                return
            self.statement(node)

    def statement(self, node: ast.stmt) -> None:
        handler = getattr(self, f"do_{type(node).__name__}", None)
        if handler is None:
            self.refuse(node, f"model code has no {type(node).__name__.lower()} statement")
        handler(node)

    def do_Pass(self, node: ast.Pass) -> None:
        """Nothing happens."""

    def do_Expr(self, node: ast.Expr) -> None:
        if not isinstance(node.value, ast.Constant):
            self.eval(node.value)

    def do_Assign(self, node: ast.Assign) -> None:
        if len(node.targets) != 1:
            self.refuse(node, "assign to one target at a time")
        self.assign(node.targets[0], self.eval(node.value))

    def do_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is None:
            self.refuse(node, "an annotated local needs a value")
        self.assign(node.target, self.eval(node.value))

    def do_AugAssign(self, node: ast.AugAssign) -> None:
        target = ast.copy_location(_as_load(node.target), node.target)
        combined = ast.copy_location(ast.BinOp(target, node.op, node.value), node)
        self.assign(node.target, self.eval(combined))

    def assign(self, target: ast.expr, value: Val) -> None:
        if isinstance(target, ast.Name):
            self.scope.names[target.id] = value
        elif isinstance(target, ast.Attribute):
            self.write(target, self.eval(target.value), target.attr, value)
        elif isinstance(target, ast.Tuple) and isinstance(value, Row) and self.is_whole(value):
            if len(value.items) != len(target.elts):
                self.refuse(target, "the two sides have different lengths")
            for inner, (item, _) in zip(target.elts, value.items, strict=True):
                self.assign(inner, item)
        elif isinstance(target, ast.Tuple) and isinstance(value, Known):
            if not isinstance(value.value, tuple) or len(value.value) != len(target.elts):
                self.refuse(target, "the two sides have different lengths")
            for inner, item in zip(target.elts, value.value, strict=True):
                self.assign(inner, Known(item))
        else:
            self.refuse(target, "assign to a name or to a field of an entity")

    def do_If(self, node: ast.If) -> None:
        test = self.truth(self.eval(node.test), node.test)
        if isinstance(test, int):
            self.statements(node.body if test else node.orelse)
            return
        arms = self.fork(test)
        ends = []
        for arm, body in zip(arms, (node.body, node.orelse), strict=True):
            self.resume(arm)
            self.statements(body)
            ends.extend(self.snapshot())
        self.join(ends)

    def do_With(self, node: ast.With) -> None:
        """A LOCKed operation, or accesses between which nobody can look."""
        call = node.items[0].context_expr
        callee = self.eval(call.func) if isinstance(call, ast.Call) else None
        meant = getattr(callee.value, "__func__", None) if isinstance(callee, Known) else None
        if len(node.items) > 1 or meant not in (World.locked, World.unobserved):
            self.refuse(node, "'with' takes one w.locked(...) or w.unobserved(...)")
        assert isinstance(call, ast.Call)
        values = [self.eval(argument) for argument in call.args]
        values += [self.eval(keyword.value) for keyword in call.keywords]
        said = values[0] if values else None
        if not isinstance(said, Known) or not isinstance(said.value, str):
            self.refuse(node, "this takes a text first: what it is, or why nobody can look")
        if meant is World.unobserved:
            self.quietly(node)
            return
        on = self.truth(values[1], call) if len(values) > 1 else 1
        self.with_lock(node, said.value, on)

    def quietly(self, node: ast.With) -> None:
        last = self.flow.last if self.flow is not None else None
        if last is not None and not self.quiet:
            self.check_alone(node, last, "has a block in which nobody looks")
        self.quiet += 1
        self.statements(node.body)
        self.quiet -= 1

    def with_lock(self, node: ast.With, by: str, on: Operand) -> None:
        """A block with the LOCK where ``on`` is true, without it elsewhere."""
        if on == 0:
            self.quietly(node)
            return
        if on != 1:
            ends = []
            for arm, there in zip(self.fork(on), (1, 0), strict=True):
                self.resume(arm)
                self.with_lock(node, by, there)
                ends.extend(self.snapshot())
            self.join(ends)
            return
        last = self.flow.last if self.flow is not None else None
        if last is not None and not self.quiet and not self.direct:
            self.check_alone(node, last, f"does {by}")
        self.barrier(node, by)
        self.direct += 1
        self.statements(node.body)
        self.direct -= 1

    def do_For(self, node: ast.For) -> None:
        loop = _Loop()
        self.loops.append(loop)
        group = self.in_order(self.eval(node.iter), node.iter)
        for member, present in self.members(group, node.iter):
            if self.block is None:
                break
            self.once(node, member, present, loop)
        self.loops.pop()
        if self.block is not None:
            self.statements(node.orelse)
        self.join(loop.stops + self.snapshot())

    def once(self, node: ast.For, member: Val, present: int | str, loop: _Loop) -> None:
        """One way round an unrolled loop, if the member is present."""
        if present == 0:
            return
        skipped: list[Snapshot] = []
        if present != 1:
            inside, outside = self.fork(present)
            self.resume(outside)
            skipped = self.snapshot()
            self.resume(inside)
        self.assign(node.target, member)
        self.statements(node.body)
        self.join(skipped + loop.nexts + self.snapshot())
        loop.nexts.clear()

    def do_Break(self, node: ast.Break) -> None:
        self.loops[-1].stops.extend(self.snapshot())
        self.block = None

    def do_Continue(self, node: ast.Continue) -> None:
        self.loops[-1].nexts.extend(self.snapshot())
        self.block = None

    def do_Return(self, node: ast.Return) -> None:
        if self.scope.returns is None:
            self.leave_section(node)
        else:
            result = self.eval(node.value) if node.value is not None else Known(None)
            self.scope.names["<result>"] = result
            self.scope.returns.extend(self.snapshot())
        self.block = None

    def leave_section(self, node: ast.Return) -> None:
        if self.finish is None:
            self.emit(0)
            return
        assert isinstance(node.value, ast.Tuple)
        number, where, kept, _ = node.value.elts
        assert isinstance(kept, ast.Tuple)
        values = tuple(self.eval(name) for name in kept.elts)
        self.finish.leave(self, _integer(number), _integer(where), values)

    def emit(self, ending: int) -> None:
        """End the step here."""
        assert self.block is not None
        writes = {index: self.code_of(value, index) for index, value in sorted(self.fields.items())}
        if self.flow is not None:
            self.code.order.leaves.append((writes, self.flow))
        self.block.end = Emit(ending, writes)
        self.block = None

    def call_function(
        self, node: ast.AST, function: Any, values: list[Val], named: dict[str, Val]
    ) -> Val:
        """Inline a call of a plain function."""
        if len(self.scopes) > _DEEPEST:
            again = any(scope.function is function for scope in self.scopes)
            why = "calls itself" if again else f"is called more than {_DEEPEST} calls deep"
            self.refuse(node, f"{function.__name__}() {why}")
        syntax = function_syntax(function)
        names = self.bind(node, syntax, function, values, named)
        self.enter(
            Scope(
                names, outside_names(function), lambda inner: place(function, inner), [], function
            )
        )
        loops, self.loops = self.loops, []
        self.statements(syntax.body)
        self.loops = loops
        if self.block is not None:
            self.scope.names["<result>"] = Known(None)
        returns = self.scope.returns
        assert returns is not None
        self.join(
            [replace(s, names={"<result>": s.names["<result>"]}) for s in returns]
            + [replace(s, names={"<result>": Known(None)}) for s in self.snapshot()]
        )
        result = self.scope.names.get("<result>") if self.block is not None else Known(None)
        self.leave()
        if result is None:
            self.refuse(node, f"{function.__name__}() returns values of different kinds")
        return result


def _as_load(node: ast.expr) -> ast.expr:
    if isinstance(node, ast.Name):
        return ast.Name(node.id, ast.Load())
    if isinstance(node, ast.Attribute):
        return ast.Attribute(node.value, node.attr, ast.Load())
    return node


def _integer(node: ast.expr) -> int:
    assert isinstance(node, ast.Constant) and isinstance(node.value, int)
    return node.value


def lower_section(
    world: World,
    variables: RecordedReads,
    section: FramedSection,
    names: dict[str, Val],
    constants: Mapping[str, Any],
    where: Callable[[ast.AST], str],
    finish: Finish,
) -> Code:
    """Lower a section, given the values of its world, actor and locals."""
    lowerer = Lowerer(world, variables)
    lowerer.finish = finish
    lowerer.enter(Scope(dict(names), constants, where, None))
    lowerer.statements(section.syntax.body)
    if lowerer.block is not None:
        raise ModelError("a section has no end", where(section.syntax))
    return lowerer.code


def lower_condition(world: World, function: Any, variables: RecordedReads) -> Code:
    """Lower a condition; its blocks end in a Value."""
    lowerer = Lowerer(world, variables)
    lowerer.pure += 1
    lowerer.enter(Scope({}, {}, lambda n: place(function, n), None))
    result = lowerer.call_function(ast.Pass(), function, [Known(world)], {})
    operand = lowerer.truth(result, ast.Pass())
    assert lowerer.block is not None
    lowerer.block.end = Value(operand)
    return lowerer.code
