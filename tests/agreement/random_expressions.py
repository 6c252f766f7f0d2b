"""Random expressions and effects of model code, grown from templates.

In a template, ``$cell``, ``$truth`` and so on stand for a random expression of that kind. Of
several templates the first is the simplest.
"""

from __future__ import annotations

import re
from collections.abc import Callable

Names = dict[str, list[str]]  # kind of value -> the names in scope that hold one

CELL = ("$anycell", "$actor.at", "$actor.home")
DEEP_CELL = ("pick(w, $actor)", "($cell if $truth else $cell)")
MAYBE = ("None", "$cell.next", "$actor.cell")
DEEP_MAYBE = ("first(w)", "($cell if $truth else None)", "$cell")
COLOUR = ("Colour.GREEN", "$cell.colour")
DEEP_COLOUR = ("(Colour.RED if $truth else $colour)",)
CELLS = ("$actor.seen",)
DEEP_CELLS = (
    "($cells $mix {$cell})",
    "{$bind.Cell for $bound in w.all(Cell) if $truth}",
    "{$bind.Cell for $bound in $cells if $truth}",
    "($cells $mix $cells)",
)
INTEGER = ("$cell.count", "1", "$actor.level", "w.the(Host).total", "w.use(Policy).STEP")
DEEP_INTEGER = (
    "($int + $int)",
    "($int - $int)",
    "($int * $int)",
    "min($int, $int)",
    "max($int, $int)",
    "(len($cells) // 2)",
    "(len($cells) % 2)",
    "len($cells)",
    "sum($over.Cell.int for $bound in $cells if $truth)",
    "($int if $truth else $int)",
)
TRUTH = (
    "$cell.flag",
    "not $actor.flag",
    "$cell.lit",
    "$cell.colour.warm",
    "$maybe is None",
    "$cell is $actor.at",
    "not w.the(Host).open",
    "$actor.idle",
    "$int $order $int",
    "0 <= $anycell.count < 2",
    "$colour == Colour.RED",
    "$colour is not Colour.RED",
    "$colour in (Colour.RED, Colour.BLUE)",
    "$actor in $cell.friends",
    "$actor not in $cell.friends",
    "$cell in $cells",
    "$colour in $cell.shades",
    "len($cells) $order 1",
    "bool($cells)",
    "w.assume(FLIP)",
    'w.assume(MODE) == "left"',
    'w.part("one")',
    'w.part("two")',
    "$cell.fixed",
    "($actor.cell is not None and $actor.cell.flag)",
)
DEEP_TRUTH = (
    "($truth and $truth)",
    "($truth or $truth)",
    "(not $truth or $truth)",
    "$cells == $cells",
    "$cells != $cells",
    "any($over.Cell.truth for $bound in $cells)",
    "all($over.Cell.truth for $bound in w.all(Cell) if $truth)",
    "any($over.Actor.truth for $bound in w.all(Actor) if $truth)",
    "all($over.Colour.truth for $bound in Colour)",
    "any($over.Actor.truth for $bound in $cell.friends)",
    "sum(1 for $bind.Cell in $cells if $truth) >= 1",
    "any(u.flag != t.flag for u in w.all(Actor) if u.flag for t in w.all(Cell))",
    "($truth if $truth else $truth)",
)
ASSIGN = (
    "$cell.flag = $truth",
    "$cell.flag = not $cell.flag",
    "$actor.flag = $truth",
    "$cell.colour = $colour",
    "$cell.next = $maybe",
    "$actor.cell = $maybe",
    "$actor.at = $cell",
    "$actor.seen = $cells",
    "$actor.seen |= $cells",
    "$actor.seen -= $cells",
    "$actor.seen &= $cells",
    "w.the(Host).open = $truth",
    "$cell.count = min(max($int, $low), $high)",
    "w.the(Host).total = min(max($int, 0), 3)",
    "bump($cell)",
    "bump($cell, by=$one)",
)
MUTATE = (
    "$actor.seen.add($cell)",
    "$actor.seen.discard($cell)",
    "$cell.friends.add($actor)",
    "$cell.friends.discard($actor)",
    "$cell.shades.add($colour)",
    "$cell.shades.clear()",
)
FAULTY = ("$cell.count += 1", "$actor.seen.remove($cell)", "$actor.cell.flag = True")
TWO_LINES = (
    ("if $actor.level < 2:", "    $actor.level += 1"),
    ("if $actor.cell is not None:", "    $actor.cell.flag = $truth"),
    ("if $truth:", "    $assign", "elif $truth:", "    $assign", "else:", "    $assign"),
)
_KIND = {"cells": "cells", "maybe": "Cell?", "colour": "Colour", "int": "int", "truth": "bool"}
_SHALLOW = {
    "cell": CELL,
    "maybe": MAYBE,
    "colour": COLOUR,
    "cells": CELLS,
    "int": INTEGER,
    "truth": TRUTH,
}
_DEEP = {
    "cell": DEEP_CELL,
    "maybe": DEEP_MAYBE,
    "colour": DEEP_COLOUR,
    "cells": DEEP_CELLS,
    "int": DEEP_INTEGER,
    "truth": DEEP_TRUTH,
}


class Expressions:
    """Writes expressions over the entities of ``random_models``."""

    cells = actors = 1
    low, high = 0, 2

    def __init__(self, choose: Callable[[int], int]) -> None:
        self.choose = choose
        self.count = 0

    def chance(self, n: int) -> bool:
        """Return True once in n times."""
        return self.choose(n) == n - 1

    def one_of(self, *texts: str) -> str:
        return texts[self.choose(len(texts))]

    def number(self) -> int:
        self.count += 1
        return self.count

    def clause(self) -> str:
        return f"does {self.number()}"

    def expression(self, kind: str, names: Names, depth: int) -> str:
        """Return an expression; ``kind`` as in the templates."""
        own = tuple(names.get(_KIND.get(kind, ""), ()))
        if own and self.chance(2):
            return self.one_of(*own)
        deep = bool(depth) and self.chance(2)
        return self.fill(self.one_of(*(_DEEP if deep else _SHALLOW)[kind]), names, depth - deep)

    def truth(self, names: Names, depth: int) -> str:
        return self.expression("truth", names, depth)

    def actor(self, names: Names) -> str:
        return self.one_of(*names.get("Actor", ()), f"w.all(Actor)[{self.choose(self.actors)}]")

    def any_cell(self, names: Names) -> str:
        return self.one_of(*names.get("Cell", ()), f"w.all(Cell)[{self.choose(self.cells)}]")

    def fill(self, template: str, names: Names, depth: int) -> str:
        """Return a template with random expressions in place of its ``$kind``."""
        bound = ""
        match = re.search(r"\$(bind|over)\.(\w+)", template)
        inner = names
        if match:
            bound = self.bound(names)
            without = {k: [n for n in v if n != bound] for k, v in names.items()}
            inner = {**without, match[2]: [*without.get(match[2], ()), bound]}
        head, middle, tail = template.partition(" in ") if match else (template, "", "")

        def one(found: re.Match[str], scope: Names) -> str:
            word, *rest = found[1].split(".")
            if word == "over":
                return self.expression(rest[1], inner, max(depth - 1, 0))
            return self.word(word, bound, scope, depth) + "".join("." + r for r in rest if r[0] > "Z")

        pattern = r"\$(over\.\w+\.\w+|bind\.\w+|\w+)"
        if not match:
            return re.sub(pattern, lambda f: one(f, names), template)
        group, condition, test = tail.partition(" if ")
        return (
            re.sub(pattern, lambda f: one(f, inner), head)
            + middle
            + re.sub(pattern, lambda f: one(f, names), group)
            + condition
            + re.sub(pattern, lambda f: one(f, inner), test)
        )

    def word(self, word: str, bound: str, names: Names, depth: int) -> str:
        if word in _SHALLOW:
            return self.expression(word, names, max(depth, 0))
        if word in ("bound", "bind"):
            return bound
        if word == "actor":
            return self.actor(names)
        if word == "anycell":
            return self.any_cell(names)
        if word == "assign":
            return self.assignment(names)
        return {
            "mix": lambda: self.one_of("|", "&", "-"),
            "order": lambda: self.one_of("<", "<=", "==", "!=", ">", ">="),
            "one": lambda: "1",
            "low": lambda: str(self.low),
            "high": lambda: str(self.high),
        }[word]()

    def bound(self, names: Names) -> str:
        """Return a name for a comprehension; sometimes one that is a local, too."""
        taken = [n for known in names.values() for n in known if n[0] in "vx"]
        if taken and self.chance(6):
            return self.one_of(*taken)
        return f"y{self.number()}"

    def group(self, names: Names) -> tuple[str, str]:
        """Return what a loop goes over: the kind of its members, and the text."""
        kind, text = (
            ("Cell", "w.all(Cell)"),
            ("Actor", "w.all(Actor)"),
            ("Cell", "$cells"),
            ("Actor", "$cell.friends"),
            ("Colour", "Colour"),
            ("Colour", "$cell.shades"),
        )[self.choose(6)]
        return kind, self.fill(text, names, 1)

    def effects(self, names: Names, indent: int, count: int) -> list[str]:
        pad = " " * indent
        return [pad + line for _ in range(count) for line in self.effect(names)]

    def assignment(self, names: Names) -> str:
        return self.fill(self.one_of(*ASSIGN), names, 1)

    def effect(self, names: Names) -> list[str]:
        kind = self.choose(8)
        if kind < 3:
            return [self.assignment(names)]
        if kind < 5:
            return [self.fill(self.one_of(*MUTATE), names, 1)]
        if kind == 5:
            lines = TWO_LINES[self.choose(len(TWO_LINES))]
            return [self.fill(line, names, 0) for line in lines]
        if kind == 6 and self.chance(8):
            return [self.fill(self.one_of(*FAULTY), names, 0)]
        return self.loop(names)

    def loop(self, names: Names) -> list[str]:
        kind, group = self.group(names)
        name = f"z{self.number()}"
        inner = {**names, kind: [*names.get(kind, ()), name]}
        return [
            f"for {name} in {group}:",
            f"    if {self.truth(inner, 1)}:",
            "        " + self.assignment(inner),
            "        " + self.one_of("pass", "continue", "break"),
            "    " + self.fill(self.one_of(*MUTATE), inner, 0),
        ]
