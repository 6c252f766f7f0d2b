"""Expand a sequence: sub-sequences inlined, every outside name bound to its value.

The result is one tree that stands alone. Each node's ``lineno`` is an index into ``lines``, which
gives the file and line it came from, because one expanded sequence draws on several files.
"""

from __future__ import annotations

import ast
import copy
import string
import types
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NoReturn, cast

from vmlitmus.errors import ModelError, unknown
from vmlitmus.lang.amend import Amendment
from vmlitmus.lang.syntax.trees import (
    children,
    function_syntax,
    is_generator,
    names_of,
    place,
    shown_path,
    walk,
)
from vmlitmus.lang.world import Mechanisms, chosen


class Block(ast.stmt):
    """An inlined sub-sequence; a ``Leave`` with the same key goes to its end."""

    _fields = ("body",)
    body: list[ast.stmt]
    key: int


class Leave(ast.stmt):
    """A return from an inlined sub-sequence."""

    _fields = ()
    key: int


class Ending(ast.stmt):
    """A yield: the end of a section, its label and the values that the label shows."""

    _fields = ("values",)
    values: list[ast.expr]
    template: str


@dataclass
class Expanded:
    """One expanded sequence: its body, the values of outside names, and where lines came from."""

    world_name: str
    actor: str
    parameters: list[str]
    body: list[ast.stmt] = field(default_factory=list)
    constants: dict[str, Any] = field(default_factory=dict)
    lines: list[str] = field(default_factory=lambda: [""])
    annotations: dict[str, Any] = field(default_factory=dict)
    last: Ending | None = None
    amended: set[Amendment] = field(default_factory=set)

    def place(self, node: ast.AST) -> str:
        """Return "file:line" of a node."""
        return self.lines[getattr(node, "lineno", 0)]


def expand(
    function: types.FunctionType,
    label: str | None,
    mechanisms: Mechanisms,
    amendments: tuple[Amendment, ...] = (),
) -> Expanded:
    """Return a sequence with its sub-sequences inlined; raises ModelError for what cannot be.

    ``label`` names the section that no yield ends, if there is one; ``mechanisms`` are those that
    ``w.use()`` gives; ``amendments`` change sections, each of which has to be there.
    """
    syntax = function_syntax(function)
    first, actor, *rest = [a.arg for a in syntax.args.args]
    done = Expanded(first, actor, rest)
    inliner = _Inliner(done, mechanisms, function, {}, None, amendments)
    done.body = inliner.statements(syntax.body, whole=True)
    for amendment in amendments:
        if amendment not in done.amended:
            labels = [
                node.template
                for node in walk(ast.Module(done.body, []))
                if isinstance(node, Ending)
            ]
            raise ModelError(f"{function.__name__}(): " + unknown("label", amendment.label, labels))
    if label is not None:
        done.last = cast(Ending, inliner.ending(syntax, label))
    return done


class _Inliner:
    """Copies the statements of one function into the expansion, with its names made unique."""

    def __init__(
        self,
        into: Expanded,
        mechanisms: Mechanisms,
        function: types.FunctionType,
        given: dict[str, ast.expr],
        key: int | None,
        amendments: tuple[Amendment, ...] = (),
    ) -> None:
        self.amendments = amendments
        self.into = into
        self.mechanisms = mechanisms
        self.function = function
        self.scope = names_of(function)
        self.file = shown_path(function.__code__.co_filename)
        self.given = given
        self.key = key
        self.local = _local(function)

    def statements(self, body: list[ast.stmt], *, whole: bool = False) -> list[ast.stmt]:
        """Return the statements of a block; ``whole`` says that it is all of a function."""
        found: list[ast.stmt] = []
        start: int | None = 0 if whole else None  # where the section at hand begins, if here
        for statement in body:
            made = self.statement(statement)
            label = _label_of(statement)
            if label is None:
                found += made
                start = None if any(_has_yield(node) for node in made) else start
                continue
            found, made = self.amend(statement, label, found, made, start)
            found += made
            start = len(found)
        return found

    def amend(
        self,
        node: ast.stmt,
        label: str,
        found: list[ast.stmt],
        made: list[ast.stmt],
        start: int | None,
    ) -> tuple[list[ast.stmt], list[ast.stmt]]:
        """Return what comes before a yield, and the yield, with the amendments of its label."""
        for amendment in self.amendments:
            if amendment.label != label:
                continue
            self.into.amended.add(amendment)
            if amendment.where == "after":
                made = [*made, *self.put(node, amendment)]
                continue
            if start is None:
                self.refuse(
                    node,
                    f"{amendment.where} {label!r}: the section begins in an 'if' or a loop of "
                    f"{self.function.__name__}() that stands above; switch a part of it off "
                    "(--without), use after(), or write the sequence anew",
                )
            if amendment.where == "before":
                found[start:start] = self.put(node, amendment)
            else:
                found, made = [*found[:start], *self.put(node, amendment)], []
        return found, made

    def put(self, node: ast.stmt, amendment: Amendment) -> list[ast.stmt]:
        """Return an amendment inlined: its parameters are names of this function."""
        function = amendment.function
        _, *others = [a.arg for a in function_syntax(function).args.args]
        names = [function_syntax(self.function).args.args[0].arg, *others]
        for name in others:
            if name not in self.local:
                known = unknown("parameter", name, sorted(self.local))
                raise ModelError(f"{function.__name__}(): {known}", place(function))
        args: list[ast.expr] = [ast.Name(n, ast.Load(), lineno=node.lineno) for n in names]
        return self.body_of(node, function, [], args)

    def statement(self, node: ast.stmt) -> list[ast.stmt]:
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.YieldFrom):
            return self.inline(node, node.value.value)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            return []
        if isinstance(node, ast.Return) and node.value is not None:
            self.refuse(node, "a sequence returns no value")
        if isinstance(node, ast.Return) and self.key is not None:
            leave = Leave()
            leave.key = self.key
            return [self.located(leave, node)]
        if isinstance(node, (ast.If, ast.For, ast.While)):
            return [self.compound(node)]
        if isinstance(node, (ast.Try, ast.FunctionDef, ast.ClassDef, ast.Match)):
            self.refuse(node, f"no {type(node).__name__.lower()} in model code")
        label = _label_of(node)
        if label is not None:
            return [self.ending(node, label)]
        return [self.renamed(node)]

    def ending(self, node: ast.AST, template: str) -> ast.stmt:
        """Return the statement that ends a section, with its label taken apart."""
        try:
            parsed = string.Formatter().parse(template)
            fields = [name for _, name, _, _ in parsed if name is not None]
            values = [ast.parse(name, mode="eval").body for name in fields]
        except (SyntaxError, ValueError):
            self.refuse(node, f"label {template!r}: only {{name}} and {{name.field}}")
        end = Ending()
        end.template = template
        end.values = []
        for value in values:
            for part in ast.walk(value):
                _set_line(part, getattr(node, "lineno", 0))
            wrapped = ast.Expr(value, lineno=getattr(node, "lineno", 0))
            end.values.append(self.renamed(wrapped).value)  # type: ignore[attr-defined]
        return self.located(end, node)

    def compound(self, node: ast.If | ast.For | ast.While) -> ast.stmt:
        if isinstance(node, (ast.For, ast.While)) and node.orelse:
            self.refuse(node, "a loop has no else in model code")
        shallow = copy.copy(node)
        shallow.body, shallow.orelse = [], []
        done = self.renamed(shallow)
        assert isinstance(done, (ast.If, ast.For, ast.While))
        done.body = self.statements(node.body)
        done.orelse = self.statements(node.orelse)
        return done

    def inline(self, node: ast.stmt, call: ast.expr) -> list[ast.stmt]:
        """Return the statements for ``yield from call``."""
        if isinstance(call, ast.Tuple) and not call.elts:
            return []
        if not isinstance(call, ast.Call) or call.keywords:
            self.refuse(node, "'yield from' needs a call with positional arguments")
        callee = self.value(call.func)
        bound = [callee.__self__] if isinstance(callee, types.MethodType) else []
        function = getattr(callee, "__func__", callee)
        if not isinstance(function, types.FunctionType):
            self.refuse(node, "'yield from' needs a sub-sequence, a function with yields")
        if not is_generator(function):
            here = f"{self.file}:{getattr(node, 'lineno', 0)}"
            raise ModelError(
                f"{function.__name__}() has no yields; {here} goes on with it by 'yield from'",
                place(function),
            )
        return self.body_of(node, function, bound, call.args)

    def body_of(
        self, node: ast.stmt, function: types.FunctionType, bound: list[Any], args: list[ast.expr]
    ) -> list[ast.stmt]:
        """Return an inlined sub-sequence: arguments in locals of their own, then its body."""
        parameters = [a.arg for a in function_syntax(function).args.args]
        if len(parameters) != len(bound) + len(args):
            self.refuse(node, f"{function.__name__}() takes {len(parameters)} arguments")
        key = len(self.into.lines)
        given: dict[str, ast.expr] = {}
        before: list[ast.stmt] = []
        values = [self.constant(b) for b in bound] + [self.renamed_expression(a) for a in args]
        for name, value in zip(parameters, values, strict=True):
            if isinstance(value, ast.Name):
                given[name] = value
                continue
            unique = f"{name}_{key}"
            assign = ast.Assign([ast.Name(unique, ast.Store())], value)
            before.append(self.located(assign, node))
            given[name] = ast.Name(unique, ast.Load())
        block = Block()
        block.key = key
        self.located(block, node)
        inner = _Inliner(self.into, self.mechanisms, function, given, key, self.amendments)
        block.body = inner.statements(function_syntax(function).body, whole=True)
        return [*before, block]

    def value(self, node: ast.expr) -> Any:
        """Evaluate what names a sub-sequence: a name, an attribute, or ``w.use(Hooks)``."""
        if isinstance(node, ast.Attribute):
            return getattr(self.value(node.value), node.attr, None)
        if isinstance(node, ast.Name):
            given = self.given.get(node.id)
            if isinstance(given, ast.Name):
                return self.into.constants.get(given.id)
            return self.scope.get(node.id)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            if node.func.attr == "use" and len(node.args) == 1:
                return chosen(self.mechanisms, self.value(node.args[0]))
        self.refuse(node, "'yield from' needs a name, a method or w.use(...).moment(...)")

    def refuse(self, node: ast.AST, reason: str) -> NoReturn:
        line = getattr(node, "lineno", self.function.__code__.co_firstlineno)
        raise ModelError(reason, f"{self.file}:{line}")

    def constant(self, value: Any) -> ast.Name:
        name = f"_k{len(self.into.constants)}"
        self.into.constants[name] = value
        return ast.Name(name, ast.Load())

    def renamed_expression(self, node: ast.expr) -> ast.expr:
        done = self.renamed(ast.Expr(node, lineno=node.lineno))
        assert isinstance(done, ast.Expr)
        return done.value

    def renamed(self, node: ast.stmt) -> ast.stmt:
        done = _Copy(self).of(node)
        assert isinstance(done, ast.stmt)
        return done

    def located(self, node: ast.stmt, origin: ast.AST) -> ast.stmt:
        """Give a node, and all below it, the place of another."""
        self.into.lines.append(f"{self.file}:{getattr(origin, 'lineno', 0)}")
        for inner in walk(node):
            _set_line(inner, len(self.into.lines) - 1)
        return node


@lru_cache(maxsize=4096)
def _local(function: types.FunctionType) -> frozenset[str]:
    """Return the names that a function sets, and its parameters."""
    syntax = function_syntax(function)
    stored = {n.id for n in walk(syntax) if isinstance(n, ast.Name) and _is_store(n)}
    return frozenset(stored | {a.arg for a in syntax.args.args})


def _label_of(node: ast.stmt) -> str | None:
    """Return the label of a statement that is a yield with a text."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Yield):
        label = node.value.value
        if isinstance(label, ast.Constant) and isinstance(label.value, str):
            return label.value
    return None


def _has_yield(node: ast.AST) -> bool:
    """Say whether a section ends within a statement, which has expressions but none of them."""
    return isinstance(node, Ending) or any(
        _has_yield(inner) for inner in children(node) if isinstance(inner, ast.stmt)
    )


class _Copy:
    """Copies code into the expansion: names made unique, and outside names constants."""

    def __init__(self, owner: _Inliner) -> None:
        self.owner = owner

    def of(self, node: ast.AST) -> ast.AST:
        """Return the copy of a node, each node in it with its place among the lines."""
        if not node._attributes and not node._fields:
            return node  # an operator
        line = self.line(node) if node._attributes else 0
        made = self.made(node)
        if made._attributes:
            _set_line(made, line)
        return made

    def line(self, node: ast.AST) -> int:
        lines = self.owner.into.lines
        place = f"{self.owner.file}:{getattr(node, 'lineno', 0)}"
        if lines[-1] != place:
            lines.append(place)
        return len(lines) - 1

    def made(self, node: ast.AST) -> ast.AST:
        if isinstance(node, ast.Name):
            return self.name(node)
        if isinstance(node, ast.AnnAssign):
            return self.annotated(node)
        if isinstance(node, (ast.YieldFrom, ast.Await)):
            self.owner.refuse(node, "'yield from' stands alone as a statement")
        if isinstance(node, ast.Yield):
            self.owner.refuse(node, 'a yield stands alone, with its label: yield "..."')
        made = type(node).__new__(type(node))
        for name in node._fields:
            value = getattr(node, name, None)
            if isinstance(value, list):
                value = [self.of(one) if isinstance(one, ast.AST) else one for one in value]
            elif isinstance(value, ast.AST):
                value = self.of(value)
            setattr(made, name, value)
        return made

    def annotated(self, node: ast.AnnAssign) -> ast.Assign:
        if not isinstance(node.target, ast.Name) or node.value is None:
            self.owner.refuse(node, "an annotated local needs a value")
        name, value = self.of(node.target), self.of(node.value)
        assert isinstance(name, ast.Name) and isinstance(value, ast.expr)
        code = compile(ast.Expression(node.annotation), "<annotation>", "eval")
        kind = eval(code, self.owner.scope)  # noqa: S307 - model source
        self.owner.into.annotations[name.id] = kind
        return ast.Assign([name], value)

    def name(self, node: ast.Name) -> ast.expr:
        owner = self.owner
        if node.id in owner.given:
            if not isinstance(node.ctx, ast.Load):
                owner.refuse(node, f"a sub-sequence does not assign to its parameter {node.id!r}")
            return copy.copy(owner.given[node.id])
        if node.id in owner.local:
            return ast.Name(node.id if owner.key is None else f"{node.id}_{owner.key}", node.ctx)
        if node.id not in owner.scope:
            owner.refuse(node, f"unknown name {node.id!r}")
        return owner.constant(owner.scope[node.id])


def _set_line(node: ast.AST, line: int) -> None:
    for attribute in ("lineno", "end_lineno"):
        setattr(node, attribute, line)
    for attribute in ("col_offset", "end_col_offset"):
        setattr(node, attribute, 0)


def _is_store(node: ast.Name) -> bool:
    return isinstance(node.ctx, ast.Store)
