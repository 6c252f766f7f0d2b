"""What of a sequence's locals must live across each yield, and the code of its sections.

A local that no later section reads is dropped at the yield, so that it makes no two states differ.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable
from enum import Enum
from typing import Any

from vmlitmus.compiler.sections.cut import CutSequence, End, Statements, like
from vmlitmus.errors import ModelError
from vmlitmus.frozen import Frozen
from vmlitmus.lang.entity import Entity
from vmlitmus.lang.syntax.trees import children, stored, walk

Exit = tuple[int, frozenset[str]]  # place, names surely assigned on the way there
Names = tuple[frozenset[str], frozenset[str]]  # which a node reads, and which it sets


class FramedSection(Frozen):
    """A section ready to run: the locals it starts with, its function's tree, where it leads.

    The function takes the world, the actor and those locals. It returns the number of the ending,
    the actor's place, the values of the locals that live on, and the values that the label shows.
    """

    start: int
    live: tuple[str, ...]
    syntax: ast.FunctionDef
    leads: tuple[int, ...]


def frames(done: CutSequence, name: str) -> tuple[list[FramedSection], dict[int, tuple[str, ...]]]:
    """Return the sections with their locals, and the locals that live at each place."""
    e = done.expanded
    outside = set(e.constants) | {e.world_name, e.actor, "_rest_of", "_without"}
    known: dict[ast.AST, Names] = {}
    reads = {s.start: _Reads(outside, known).of(s.body) for s in done.sections}
    live = _fixpoint({start: (r.needed, r.exits) for start, r in reads.items()})
    order = _first_seen(done, outside)
    for start, names in live.items():
        if start == 0 and names - set(e.parameters):
            bad = sorted(names - set(e.parameters))[0]
            raise ModelError(f"{name}(): {bad.split('_')[0]!r} may be read before it is set")
    places = {start: tuple(n for n in order if n in names) for start, names in live.items()}
    places[0] = tuple(e.parameters)
    framed = [
        FramedSection(
            s.start,
            places[s.start],
            _function(done, s.start, s.body, places),
            tuple(sorted({place for place, _ in reads[s.start].exits if place})),
        )
        for s in done.sections
    ]
    return framed, {place: names for place, names in places.items() if place}


def _fixpoint(reads: dict[int, tuple[set[str], list[Exit]]]) -> dict[int, set[str]]:
    live = {start: set(needed) for start, (needed, _) in reads.items()}
    changed = True
    while changed:
        changed = False
        for start, (_, exits) in reads.items():
            for place, assigned in exits:
                if place and not live[place] - assigned <= live[start]:
                    live[start] |= live[place] - assigned
                    changed = True
    return live


class _Reads:
    """Which locals a section reads before it has surely assigned them.

    ``known`` keeps the names of nodes for other sections, which share many.
    """

    def __init__(self, outside: Iterable[str], known: dict[ast.AST, Names]) -> None:
        self.outside = set(outside)
        self.known = known
        self.needed: set[str] = set()
        self.exits: list[Exit] = []

    def of(self, body: Statements) -> _Reads:
        self.block(body, set())
        return self

    def block(self, body: Statements, assigned: set[str]) -> set[str] | None:
        """Return the names surely assigned after a block, or None when its end is not reached."""
        now: set[str] | None = assigned
        for node in body:
            if now is None:
                return None
            now = self.statement(node, now)
        return now

    def statement(self, node: ast.stmt, assigned: set[str]) -> set[str] | None:
        if isinstance(node, End):
            self.read(node.values, assigned)
            self.exits.append((node.place, frozenset(assigned)))
            return None
        if isinstance(node, ast.If):
            self.read([node.test], assigned)
            arms = [self.block(arm, set(assigned)) for arm in (node.body, node.orelse)]
            reached = [arm for arm in arms if arm is not None]
            return set.intersection(*reached) if reached else None
        if isinstance(node, ast.For):
            self.read([node.iter], assigned)
            self.block(node.body, assigned | stored(node.target))
            return assigned
        if isinstance(node, ast.With):
            self.read([item.context_expr for item in node.items], assigned)
            return self.block(node.body, assigned)
        if isinstance(node, (ast.Break, ast.Continue)):
            return None
        self.read([node], assigned)
        return assigned | self.names(node)[1]

    def read(self, nodes: Iterable[ast.AST], assigned: set[str]) -> None:
        for node in nodes:
            self.needed |= self.names(node)[0] - assigned - self.outside

    def names(self, node: ast.AST) -> Names:
        found = self.known.get(node)
        if found is None:
            sets = frozenset(stored(node))
            target = stored(node.target) if isinstance(node, ast.AugAssign) else set()
            found = self.known[node] = frozenset(_loaded(node) | target), sets
        return found


def _loaded(node: ast.AST) -> set[str]:
    """Return the names that are read; those that a comprehension sets live only in it."""
    if isinstance(node, ast.Name):
        return {node.id} if isinstance(node.ctx, ast.Load) else set()
    if isinstance(node, (ast.GeneratorExp, ast.SetComp, ast.ListComp)):
        bound: set[str] = set()
        found: set[str] = set()
        for clause in node.generators:
            found |= _loaded(clause.iter) - bound
            bound |= stored(clause.target)
            found |= set().union(*map(_loaded, clause.ifs)) - bound
        return found | _loaded(node.elt) - bound
    return set().union(*map(_loaded, children(node)))


def _first_seen(done: CutSequence, outside: set[str]) -> list[str]:
    """Return the locals in the order in which the source names them, parameters first."""
    found = dict.fromkeys(done.expanded.parameters)
    for section in done.sections:
        for statement in section.body:
            for node in walk(statement):
                if isinstance(node, ast.Name) and node.id not in outside:
                    found.setdefault(node.id)
    return list(found)


def _function(
    done: CutSequence, start: int, body: Statements, places: dict[int, tuple[str, ...]]
) -> ast.FunctionDef:
    e = done.expanded
    names = [e.world_name, e.actor, *places[start]]
    arguments = ast.arguments([], [ast.arg(n) for n in names], None, [], [], None, [])
    code = [_returning(node, places) for node in body]
    return ast.FunctionDef("section", arguments, code, [], None, lineno=1)


def _returning(node: ast.stmt, places: dict[int, tuple[str, ...]]) -> ast.stmt:
    """Return a statement with every End below it as a return of what its section leaves."""
    if isinstance(node, End):
        live = places[node.place] if node.place else ()
        kept: list[ast.expr] = [ast.Name(n, ast.Load()) for n in live]
        value = ast.Tuple(
            [
                ast.Constant(node.number),
                ast.Constant(node.place),
                ast.Tuple(kept, ast.Load()),
                ast.Tuple(list(node.values), ast.Load()),
            ],
            ast.Load(),
        )
        return like(node, ast.Return(value))
    if isinstance(node, ast.If):
        arms = [[_returning(n, places) for n in arm] for arm in (node.body, node.orelse)]
        return ast.copy_location(ast.If(node.test, arms[0], arms[1]), node)
    if isinstance(node, ast.For):
        body = [_returning(n, places) for n in node.body]
        return ast.copy_location(ast.For(node.target, node.iter, body, []), node)
    return node


def rest_of(members: Iterable[Any]) -> tuple[Any, ...]:
    """Return what a loop with yields is to visit, in index order."""
    if isinstance(members, (set, frozenset)):
        return tuple(sorted(members, key=position))
    return tuple(members)


def position(member: object) -> int:
    """Return where a member stands among all of its kind."""
    if isinstance(member, Enum):
        return list(type(member)).index(member)
    return member.index if isinstance(member, Entity) else int(str(member))


def without(rest: Iterable[Any], member: object) -> tuple[Any, ...]:
    """Return the members still to visit after one was taken."""
    return tuple(m for m in rest if m is not member)


def compiled(section: FramedSection, constants: dict[str, Any], name: str) -> Callable[..., Any]:
    """Return the section as a Python function; its line numbers index ``Expanded.lines``."""
    for node in walk(section.syntax):
        if "lineno" in node._attributes:
            line = max(getattr(node, "lineno", 1), 1)
            node.lineno = node.end_lineno = line  # type: ignore[attr-defined]
            node.col_offset = node.end_col_offset = 0  # type: ignore[attr-defined]
    module = ast.Module([section.syntax], [])
    scope = {**constants, "_rest_of": rest_of, "_without": without}
    exec(compile(module, f"<sections of {name}>", "exec"), scope)  # noqa: S102 - model source
    function: Callable[..., Any] = scope["section"]
    return function
