"""Cut a sequence into its atomic sections.

A section starts where the sequence starts or where a yield stands, and runs until the next yield
or the end. Its code is the rest of the sequence from that place, with every yield turned into the
end of the section; code that follows a branch is copied into each arm where the arms end
differently. A loop over entities that contains yields keeps what is left to visit in a local.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

from vmlitmus.compiler.sections.expand import Block, Ending, Expanded, Leave
from vmlitmus.errors import ModelError
from vmlitmus.frozen import Frozen
from vmlitmus.lang.syntax.trees import children

Statements = list[ast.stmt]


class Kont(Frozen):
    """What comes after: ``here`` within the section at hand, ``later`` when a section resumes."""

    here: Callable[[], Statements]
    later: Callable[[], Statements]

    def resumed(self) -> Kont:
        return Kont(self.later, self.later)


class Around(Frozen):
    """The loops and inlined bodies around a statement: where break, continue and return lead."""

    stop: Kont | None = None
    again: Kont | None = None
    leave: dict[int, Kont] = field(default_factory=dict)

    def resumed(self) -> Around:
        return Around(
            self.stop and self.stop.resumed(),
            self.again and self.again.resumed(),
            {key: kont.resumed() for key, kont in self.leave.items()},
        )


class End(ast.stmt):
    """The end of a section in its code: which ending, and where the actor is then."""

    _fields = ("values",)
    values: list[ast.expr]
    number: int
    place: int


@dataclass
class Section:
    """One section: the place it starts from (0: the start of the sequence) and its code."""

    start: int
    body: Statements


class CutSequence(Frozen):
    """A sequence as sections; ``endings[k - 1]`` is ending k, with its label."""

    expanded: Expanded
    sections: list[Section]
    endings: list[Ending]

    @property
    def labels(self) -> list[str]:
        return [e.template for e in self.endings]

    @cached_property
    def places(self) -> dict[str, frozenset[int]]:
        """The places at which an actor stands after each label, counted from 1."""
        found: dict[str, frozenset[int]] = {}
        for section in self.sections:
            for end in _ends(section.body):
                if end.number <= len(self.endings):
                    here = {end.place} if end.place else set()
                    label = self.labels[end.number - 1]
                    found[label] = found.get(label, frozenset()) | here
        return found


def cut(expanded: Expanded, name: str, place: str) -> CutSequence:
    """Cut an expanded sequence; raises ModelError where the result would not be atomic sections."""
    return _Cutter(expanded, name, place).run()


class _Cutter:
    def __init__(self, expanded: Expanded, name: str, place: str) -> None:
        self.expanded = expanded
        self.name = name
        self.place = place
        self.endings = [n for n in _in_order(expanded.body) if isinstance(n, Ending)]
        self.places: dict[Ending, int] = {}
        self.pending: list[tuple[int, Callable[[], Statements]]] = []
        self.loops: dict[ast.For, str] = {}

    def run(self) -> CutSequence:
        finish = Kont(self.finish, self.finish)
        sections = [Section(0, self.block(self.expanded.body, finish, Around()))]
        while self.pending:
            start, code = self.pending.pop(0)
            sections.append(Section(start, code()))
        last = [self.expanded.last] if self.expanded.last else []
        return CutSequence(self.expanded, self.drop_empty(sections), self.endings + last)

    def finish(self) -> Statements:
        """Return the end of the whole sequence."""
        end = End()
        end.values = self.expanded.last.values if self.expanded.last else []
        end.number, end.place = len(self.endings) + 1, 0
        end.lineno = self.expanded.last.lineno if self.expanded.last else 0
        return [end]

    def drop_empty(self, sections: list[Section]) -> list[Section]:
        """A yield with nothing after it ends the sequence; number the other places 1, 2, ..."""
        last = len(self.endings) + 1
        kept = [s for s in sections if s.start == 0 or not _is_end(s.body, last)]
        number = {section.start: index for index, section in enumerate(kept)}
        ends = {id(end): end for section in kept for end in _ends(section.body)}
        for section in kept:
            section.start = number[section.start]
        for end in ends.values():
            if end.number == last and self.expanded.last is None:
                raise ModelError(f"the last section of {self.name}() has no label", self.place)
            end.place = number.get(end.place, 0)
        return kept

    def block(self, body: Statements, after: Kont, around: Around) -> Statements:
        """Return the code of a list of statements followed by what comes after."""
        index = next((i for i, node in enumerate(body) if not _is_plain(node)), None)
        if index is None:
            return list(body) + after.here()
        rest = body[index + 1 :]
        follow = Kont(
            lambda: self.block(rest, after, around),
            lambda: self.block(rest, after.resumed(), around.resumed()),
        )
        return body[:index] + self.special(body[index], follow, around)

    def special(self, node: ast.stmt, follow: Kont, around: Around) -> Statements:
        """Return the code from a statement on that holds a yield, or that jumps."""
        if isinstance(node, Ending):
            return self.ending(node, follow)
        if isinstance(node, ast.If):
            arms = [self.block(arm, follow, around) for arm in (node.body, node.orelse)]
            return [like(node, ast.If(node.test, arms[0] or [ast.Pass()], arms[1]))]
        if isinstance(node, ast.For):
            return self.loop(node, follow, around)
        if isinstance(node, ast.While):
            return self.repeat(node, follow, around)
        if isinstance(node, Block):
            inner = Around(None, None, {**around.leave, node.key: follow})
            return self.block(node.body, follow, inner)
        if isinstance(node, Leave):
            return self.jump(node, around.leave[node.key])
        if isinstance(node, ast.Return):
            return self.finish()
        goal = around.stop if isinstance(node, ast.Break) else around.again
        if goal is None:
            raise ModelError("break or continue outside a loop", self.expanded.place(node))
        return goal.here()

    def jump(self, node: ast.stmt, target: Kont) -> Statements:
        """Go to the end of an inlined body; refused where the copied code would fall through."""
        code = target.here()
        if not _always_ends(code):
            raise ModelError(
                "a return of a sub-sequence within a loop around its call is not supported",
                self.expanded.place(node),
            )
        return code

    def ending(self, node: Ending, follow: Kont) -> Statements:
        if node not in self.places:
            self.places[node] = len(self.places) + 1
            self.pending.append((self.places[node], follow.later))
        end = End()
        end.values, end.number = node.values, self.endings.index(node) + 1
        end.place = self.places[node]
        return [like(node, end)]

    def loop(self, node: ast.For, follow: Kont, around: Around) -> Statements:
        """A for loop with yields: a local keeps the members that are still to come."""
        rest = self.loops.setdefault(node, f"_rest{len(self.loops)}")
        first = _assign(node, rest, _call("_rest_of", node.iter))
        return [first, *self.members(node, rest, follow, around)]

    def members(self, node: ast.For, rest: str, follow: Kont, around: Around) -> Statements:
        """The loop from its head, with what is left to visit in ``rest``."""
        if not isinstance(node.target, ast.Name):
            raise ModelError("a loop has one name as its target", self.expanded.place(node))
        resumed = around.resumed()

        def again() -> Statements:
            return self.members(node, rest, follow.resumed(), resumed)

        inner = Around(
            Kont(lambda: [like(node, ast.Break())], follow.later),
            Kont(lambda: [like(node, ast.Continue())], again),
            around.leave,
        )
        taken = _call("_without", _load(rest), _load(node.target.id))
        body = self.block(node.body, Kont(list, again), inner)
        loop = ast.For(node.target, _load(rest), [_assign(node, rest, taken), *body], [])
        return [like(node, loop), *follow.here()]

    def repeat(self, node: ast.While, follow: Kont, around: Around) -> Statements:
        """A while loop from its test: one way round, which must reach a yield."""
        resumed = around.resumed()

        def again() -> Statements:
            return self.repeat(node, follow.resumed(), resumed)

        def stuck() -> Statements:
            raise ModelError(
                "every way round a while loop needs a yield", self.expanded.place(node)
            )

        inner = Around(follow, Kont(stuck, again), around.leave)
        body = self.block(node.body, Kont(stuck, again), inner)
        if isinstance(node.test, ast.Constant) and node.test.value:
            return body
        return [like(node, ast.If(node.test, body, follow.here()))]


def _is_plain(node: ast.stmt, in_loop: bool = False) -> bool:
    """Say whether a statement can be copied as it is: no yield inside, no jump out of it."""
    if isinstance(node, (Ending, Block, Leave, ast.Return, ast.While)):
        return False
    if isinstance(node, (ast.Break, ast.Continue)):
        return in_loop
    if isinstance(node, ast.If):
        return all(_is_plain(inner, in_loop) for inner in node.body + node.orelse)
    if isinstance(node, ast.For):
        return all(_is_plain(inner, True) for inner in node.body)
    return True


def _always_ends(code: Statements) -> bool:
    last = code[-1] if code else None
    if isinstance(last, ast.If):
        return _always_ends(last.body) and _always_ends(last.orelse)
    return isinstance(last, End)


def _is_end(code: Statements, number: int) -> bool:
    return len(code) == 1 and isinstance(code[0], End) and code[0].number == number


def _ends(code: Statements) -> list[End]:
    """Return all ends in some statements, which have expressions but no end in one."""
    found: list[End] = []
    for node in code:
        if isinstance(node, End):
            found.append(node)
        elif isinstance(node, (ast.If, ast.For)):
            found += _ends(node.body) + _ends(node.orelse)
    return found


def _in_order(body: Statements) -> list[ast.stmt]:
    """Return all statements, in the order in which they are written."""
    found: Statements = []
    for node in body:
        found.append(node)
        for name in ("body", "orelse"):
            found.extend(_in_order(getattr(node, name, [])))
    return found


def like(origin: ast.AST, node: ast.stmt) -> ast.stmt:
    """Give a new statement, and the new nodes in it, the place of another.

    A node that has a place has none without one below it.
    """
    waiting: list[ast.AST] = [node]
    while waiting:
        inner = waiting.pop()
        if not hasattr(inner, "lineno"):
            waiting += children(inner)
            if inner._attributes:
                inner.lineno = inner.end_lineno = origin.lineno  # type: ignore[attr-defined]
                inner.col_offset = inner.end_col_offset = 0  # type: ignore[attr-defined]
    return node


def _load(name: str) -> ast.Name:
    return ast.Name(name, ast.Load())


def _call(function: str, *arguments: ast.expr) -> ast.expr:
    return ast.Call(_load(function), list(arguments), [])


def _assign(origin: ast.AST, name: str, value: ast.expr) -> ast.stmt:
    return like(origin, ast.Assign([ast.Name(name, ast.Store())], value))
