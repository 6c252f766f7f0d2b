"""Random small models as Python source text, from a source of choices.

``choose(n)`` returns a number in 0..n-1; Hypothesis or a seeded generator supplies it, and 0 is
always the simplest choice, so that shrinking leads to small models.
"""

from __future__ import annotations

from collections.abc import Callable

from random_expressions import Expressions, Names

HEAD = """from __future__ import annotations
from enum import Enum
from typing import Annotated
from vmlitmus.lang import *

S = Assumption("random", "a random model")
FLIP = Assumption("flip", "a switch", default=True)
MODE = Assumption("mode", "a choice", default="left", choices=("left", "right"))

class Colour(Enum):
    RED = "red"
    GREEN = "green"
    BLUE = "blue"

    @property
    def warm(self):
        return self is Colour.RED

class Host(Entity):
    open: bool = False
    total: Annotated[int, Between(0, 3)] = 0

class Cell(Entity):
    fixed: Const[bool] = False
    flag: bool = {flag}
    count: Annotated[int, Between({low}, {high})] = 0
    colour: Colour = Colour.{colour}
    next: Cell | None = None
    friends: Set[Actor]
    shades: Set[Colour]

    @property
    def lit(self):
        return self.flag or self.fixed

class Actor(Entity):
    flag: bool = False
    level: Annotated[int, Between(-1, 2)] = 0
    cell: Cell | None = None
    at: Cell
    home: Const[Cell]
    seen: Set[Cell]

class Policy(Hooks):
    STEP = 1

    def before(self, w, a):
        pass

    def during(self, w, a, c):
        yield from ()

    def early(self, w, a, c):
        yield from ()

def pick(w, a):
    if a.flag:
        return a.home
    return w.all(Cell)[0]

def first(w):
    for x in w.all(Cell):
        if x.flag:
            return x
    return None

def bump(c, by=1):
    if c.count + by <= {high}:
        c.count += by
    else:
        c.count = {low}

"""
TAIL = """
@condition("goal", "a goal", source=S{backed})
def goal(w):
    return {goal}

@condition("other", "another", source=S)
def other(w):
    return {other}

def setup(make, s):
    make(Host)
    cells = [make(Cell, fixed=bool(i)) for i in range({cells})]
    cells[0].next = cells[-1]
    for i in range({actors}):
        make(Actor, home=cells[i % {cells}], at=cells[0], seen={seen})

MODEL = Model(name="random", doc="", entities=(Host, Cell, Actor), steps=({steps},),
    conditions=(goal, other), setup=setup, assumptions=(FLIP, MODE),
    hooks={{Policy: {{"mine": Mine, "none": Policy}}}},
    settings={{"m": {{"policy": mechanism(Policy, default="mine")}}}})
"""


WORD = {
    "bool": "truth",
    "int": "int",
    "Colour": "colour",
    "Cell": "cell",
    "Cell?": "maybe",
    "cells": "cells",
}


class Writer(Expressions):
    """Writes one model."""

    def __init__(self, choose: Callable[[int], int]) -> None:
        super().__init__(choose)
        self.returns = False

    def model(self) -> str:
        """Return the source text of a whole model."""
        self.cells, self.actors = 1 + self.choose(2), 1 + self.choose(2)
        self.low, self.high = -self.choose(2), 1 + self.choose(2)
        head = HEAD.format(
            flag=bool(self.choose(2)),
            low=self.low,
            high=self.high,
            colour=self.one_of("RED", "BLUE"),
        )
        return head + "\n".join(self.pieces()) + self.tail()

    def pieces(self) -> list[str]:
        policy = self.policy()
        subs = [self.sub_sequence(0), self.sub_sequence(1)]
        self.steps = [f"step{i}" for i in range(self.choose(3))]
        self.sequences = [f"seq{i}" for i in range(1 + self.choose(2))]
        steps = [self.step(name) for name in self.steps]
        return [policy, *subs, *steps, *(self.sequence(name) for name in self.sequences)]

    def tail(self) -> str:
        return TAIL.format(
            goal=f"{self.truth({}, 1)} and {self.truth({}, 1)}",
            other=self.truth({}, 1),
            backed=self.one_of("", ', backed_by=("other",)'),
            cells=self.cells,
            actors=self.actors,
            seen=self.one_of("()", "cells[-1:]", "cells"),
            steps=", ".join(self.sequences + self.steps),
        )

    def policy(self) -> str:
        names = {"Actor": ["a"]}
        lines = ["class Mine(Policy):", "    STEP = 2", "", "    def before(self, w, a):"]
        lines += self.effects(names, 8, 2)
        lines += ["", "    def during(self, w, a, c):"]
        lines += self.body({"Actor": ["a"], "Cell": ["c"]}, 8, 1 + self.choose(2), calls=False)
        lines += [self.label(8, {"Actor": ["a"]})]
        lines += ["", "    def early(self, w, a, c):"]
        self.returns = True
        lines += self.body({"Actor": ["a"], "Cell": ["c"]}, 8, 1 + self.choose(2), calls=False)
        lines += [self.label(8, {"Actor": ["a"]})]
        self.returns = False
        return "\n".join(lines) + "\n"

    def sub_sequence(self, number: int) -> str:
        names: Names = {"Actor": ["b"], "Cell": ["d"], "bool": ["yes"]}
        self.returns = bool(number)
        lines = [f"def sub{number}(w, b, d, yes):"]
        lines += self.body(names, 4, 1 + self.choose(2), calls=False)
        lines += [self.label(4, {"Actor": ["b"]})]
        self.returns = False
        return "\n".join(lines) + "\n"

    def parameters(self, names: Names) -> str:
        extra = self.one_of("", "c: Cell", "k: Colour")
        if extra:
            names.setdefault(extra[3:], []).append(extra[0])
        return ", " + extra if extra else ""

    def step(self, name: str) -> str:
        disturbance = ', disturbance="storm"' if self.chance(2) else ""
        names: Names = {"Actor": ["a"]}
        more = self.parameters(names)
        lines = [
            f'@step("{{a}} {self.clause()}", source=S{disturbance})',
            f"def {name}(w, a: Actor{more}):",
            *self.guard(names, 4, 1),
            *self.effects(names, 4, 1 + self.choose(2)),
        ]
        return "\n".join(lines) + "\n"

    def sequence(self, name: str) -> str:
        names: Names = {"Actor": ["a"]}
        actor = "a: Actor"
        if self.chance(5):
            actor, names = "c: Cell", {"Cell": ["c"]}
        more = "" if "Cell" in names else self.parameters(names)
        self.returns = self.chance(2)
        label = "" if not self.returns and self.chance(3) else f'"{self.clause()}", '
        guard = self.guard(names, 4, 1 + self.choose(2))
        body = self.body(names, 4, 1 + self.choose(4), calls="Actor" in names)
        body += [self.label(4, names)]
        if label and self.chance(2):
            body += self.effects(names, 4, 1)
        self.returns = False
        return "\n".join(
            [
                f"@sequence({label}source=S)",
                f"def {name}(w, {actor}{more}):",
                *guard,
                *body,
                "",
            ]
        )

    def guard(self, names: Names, indent: int, depth: int) -> list[str]:
        if self.chance(2):
            test = self.truth(names, depth)
            if self.chance(2):
                test = f"{test} or {self.truth(names, 0)}"
            return [" " * indent + f"when({test})"]
        return []

    def label(self, indent: int, names: Names) -> str:
        shown = self.one_of("", "{%s} ", "{%s.flag} ")
        owner = (names.get("Actor") or names.get("Cell") or ["w"])[0]
        shown = shown % owner if "%" in shown else shown
        return " " * indent + f'yield "{shown}{self.clause()}"'

    def body(
        self, names: Names, indent: int, size: int, *, calls: bool, loop: bool = False
    ) -> list[str]:
        """Statements with yields among them; names that they set are added to ``names``."""
        lines: list[str] = []
        for _ in range(size):
            lines += self.piece(names, indent, calls=calls, loop=loop)
        return lines

    def piece(self, names: Names, indent: int, *, calls: bool, loop: bool) -> list[str]:
        pad = " " * indent
        deep = indent > 12
        kind = self.choose(13)
        if kind == 1 or (deep and kind > 3):
            return [self.label(indent, names), *self.guard(names, indent, 1)]
        if kind == 2:
            return [*self.effects(names, indent, 1), self.label(indent, names)]
        if kind in (3, 4):
            return self.keep(names, indent)
        if kind in (5, 6):
            return self.branch(names, indent, calls=calls, loop=loop)
        if kind in (7, 8):
            return self.each(names, indent, calls=calls)
        if kind == 9:
            return self.while_loop(names, indent)
        if kind == 10 and calls and names.get("Cell") and names.get("Actor"):
            return [self.label(indent, names), *self.call(names, indent, loop=loop)]
        if kind == 11 and (self.returns or loop):
            return self.jump(names, indent, loop=loop)
        if kind == 12 and names.get("Actor"):
            return [pad + f"w.use(Policy).before(w, {self.actor(names)})"]
        return self.effects(names, indent, 1)

    def jump(self, names: Names, indent: int, *, loop: bool) -> list[str]:
        pad = " " * indent
        lines = [pad + f"if {self.truth(names, 1)}:"]
        if self.chance(2):
            lines += self.effects(names, indent + 4, 1)
        if self.chance(2):
            lines += [self.label(indent + 4, names)]
        words = (["return"] if self.returns else []) + (["break", "continue"] if loop else [])
        return [*lines, pad + "    " + self.one_of(*words)]

    def keep(self, names: Names, indent: int) -> list[str]:
        """A local: set before a yield, used after it, perhaps set again."""
        pad = " " * indent
        kind = self.one_of("bool", "Colour", "Cell?", "Cell", "cells", "int")
        known = names.get(kind, [])
        value = self.expression(WORD[kind], names, 1)
        if known and kind != "Cell" and self.chance(2):
            name = self.one_of(*known)
            if name.startswith("v"):
                return [pad + f"{name} = {value}", self.label(indent, names)]
        name = f"v{self.number()}"
        annotation = ""
        if kind == "int":
            annotation = ": Annotated[int, Between(0, 3)]"
            value = f"min(max({value}, 0), 3)"
        elif kind == "Cell?":
            annotation = ": Cell | None"
        names.setdefault(kind, []).append(name)
        return [pad + f"{name}{annotation} = {value}", self.label(indent, names)]

    def branch(self, names: Names, indent: int, *, calls: bool, loop: bool) -> list[str]:
        pad = " " * indent
        lines = []
        for word in ("if", "elif")[: 1 + self.choose(2)]:
            inner = {k: list(v) for k, v in names.items()}
            lines += [pad + f"{word} {self.truth(names, 1)}:"]
            lines += self.body(inner, indent + 4, 1 + self.choose(2), calls=calls, loop=loop)
        if self.chance(2):
            inner = {k: list(v) for k, v in names.items()}
            lines += [pad + "else:"]
            lines += self.body(inner, indent + 4, 1, calls=calls, loop=loop)
        return lines

    def each(self, names: Names, indent: int, *, calls: bool) -> list[str]:
        """A loop over entities or an enum, with yields on some ways round."""
        pad = " " * indent
        kind, group = self.group(names)
        name = f"x{self.number()}"
        inner = {k: list(v) for k, v in names.items()}
        inner.setdefault(kind, []).append(name)
        lines = [pad + f"for {name} in {group}:"]
        lines += self.body(inner, indent + 4, 1 + self.choose(2), calls=calls, loop=True)
        if self.chance(2):
            lines += [pad + f"    if {self.truth(inner, 1)}:", self.label(indent + 8, inner)]
        return lines

    def while_loop(self, names: Names, indent: int) -> list[str]:
        pad = " " * indent
        name = f"n{self.number()}"
        lines = [
            pad + f"{name}: Annotated[int, Between(0, 2)] = {self.one_of('1', '2')}",
            pad + f"while {name} > 0 and {self.truth(names, 1)}:",
            pad + f"    {name} = {name} - 1",
            *self.effects(names, indent + 4, 1),
        ]
        if self.chance(3):
            lines += [pad + f"    if {self.truth(names, 1)}:", pad + "        break"]
        return [*lines, self.label(indent + 4, names), *self.guard(names, indent + 4, 0)]

    def call(self, names: Names, indent: int, *, loop: bool) -> list[str]:
        actor, cell = self.actor(names), self.expression("cell", names, 1)
        calls = [
            f"w.use(Policy).during(w, {actor}, {cell})",
            f"sub0(w, {actor}, {cell}, {self.truth(names, 1)})",
        ]
        if not loop:
            calls += [
                f"w.use(Policy).early(w, {actor}, {cell})",
                f"sub1(w, {actor}, {cell}, {self.truth(names, 0)})",
            ]
        return [" " * indent + "yield from " + self.one_of(*calls)]
