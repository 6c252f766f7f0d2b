"""Random small models as Python source text, from a source of choices.

``choose(n)`` returns a number in 0..n-1; Hypothesis or a seeded generator supplies it, and 0 is
always the simplest choice, so that shrinking leads to small models.
"""

from __future__ import annotations

from collections.abc import Callable

HEAD = """from __future__ import annotations
from enum import Enum
from typing import Annotated
from vmlitmus.lang import *

S = Assumption("random", "a random model")
FLIP = Assumption("flip", "a switch", default=True)

class Colour(Enum):
    RED = "red"
    GREEN = "green"
    BLUE = "blue"

    @property
    def warm(self):
        return self is Colour.RED

class Cell(Entity):
    fixed: Const[bool] = False
    flag: bool = False
    count: Annotated[int, Between(0, 2)] = 0
    colour: Colour = Colour.RED
    next: Cell | None = None
    friends: Set[Actor]

class Actor(Entity):
    flag: bool = False
    count: Annotated[int, Between(-1, 1)] = 0
    cell: Cell | None = None
    home: Const[Cell]
    seen: Set[Cell]

class Policy(Hooks):
    def before(self, w, a):
        pass
    def during(self, w, a, c):
        yield from ()

def pick(w, a):
    if a.flag:
        return a.home
    return w.all(Cell)[0]

def bump(c):
    if c.count < 2:
        c.count += 1
    else:
        c.count = 0

"""
TAIL = """
@condition("goal", "a goal", source=S)
def goal(w):
    return {goal}

@condition("other", "another", source=S)
def other(w):
    return {other}

def setup(make, s):
    cells = [make(Cell, fixed=bool(i)) for i in range({cells})]
    for i in range({actors}):
        make(Actor, home=cells[i % {cells}])

MODEL = Model(name="random", doc="", entities=(Cell, Actor), steps=({steps},),
    conditions=(goal, other), setup=setup, hooks={{Policy: {{"mine": Mine}}}}, assumptions=(FLIP,))
"""


class Writer:
    """Writes one model."""

    def __init__(self, choose: Callable[[int], int]) -> None:
        self.choose = choose
        self.label = 0

    def model(self) -> str:
        """Return the source text of a whole model."""
        steps = [self.step(i) for i in range(1 + self.choose(2))]
        sequences = [self.sequence(i) for i in range(1 + self.choose(2))]
        names = [f"step{i}" for i in range(len(steps))]
        names += [f"seq{i}" for i in range(len(sequences))]
        policy = self.policy()
        tail = TAIL.format(
            goal=self.over(2),
            other=self.over(1),
            cells=1 + self.choose(2),
            actors=1 + self.choose(2),
            steps=", ".join(names),
        )
        return HEAD + "\n".join([policy, *steps, *sequences]) + tail

    def over(self, depth: int) -> str:
        kind = ("any", "all")[self.choose(2)]
        if self.choose(2):
            return f"{kind}({self.test('c', None, depth)} for c in w.all(Cell))"
        return f"{kind}({self.test('a.home', 'a', depth)} for a in w.all(Actor))"

    def policy(self) -> str:
        lines = ["class Mine(Policy):", "    def before(self, w, a):"]
        lines += self.effects("a.home", "a", 8, 1)
        lines += ["    def during(self, w, a, c):"]
        lines += self.section("c", "a", 8, self.choose(3), "        ")
        lines += (
            [f'        yield "{{a}} {self.fresh()}"']
            if self.choose(2)
            else ["        yield from ()"]
        )
        return "\n".join(lines)

    def fresh(self) -> str:
        self.label += 1
        return f"does {self.label}"

    def step(self, index: int) -> str:
        disturbance = ', disturbance="storm"' if self.choose(2) else ""
        lines = [
            f'@step("{{a}} and {{c}} {self.fresh()}", source=S{disturbance})',
            f"def step{index}(w, a: Actor, c: Cell):",
            f"    when({self.test('c', 'a', 2)})",
            *self.effects("c", "a", 4, 1 + self.choose(3)),
        ]
        return "\n".join(lines) + "\n"

    def sequence(self, index: int) -> str:
        head = [
            f'@sequence("{{a}} {self.fresh()}", source=S)',
            f"def seq{index}(w, a: Actor, c: Cell):",
            f"    when({self.test('c', 'a', 1)})",
        ]
        body = self.section("c", "a", 4, 1 + self.choose(4), "    ")
        last = [f'    yield "{{a}} {self.fresh()}"'] if self.choose(2) else []
        return "\n".join([*head, *body, f'    yield "{{a}} {self.fresh()}"', *last]) + "\n"

    def section(self, c: str, a: str, indent: int, size: int, pad: str) -> list[str]:
        """Statements with yields among them."""
        lines: list[str] = []
        for _ in range(size):
            lines += self.piece(c, a, indent)
        return lines or [" " * indent + "pass"]

    def piece(self, c: str, a: str, indent: int) -> list[str]:
        pad = " " * indent
        kind = self.choose(9)
        label = f'yield "{{{a}}} {self.fresh()}"'
        if kind == 0:
            return self.effects(c, a, indent, 1)
        if kind == 1:
            return [pad + label, pad + f"when({self.test(c, a, 1)})"]
        if kind == 2:
            return [
                pad + f"if {self.test(c, a, 1)}:",
                *self.effects(c, a, indent + 4, 1),
                pad + "    " + label,
                pad + "else:",
                *self.effects(c, a, indent + 4, 1),
            ]
        if kind == 3:
            jump = ("pass", "break", "continue")[self.choose(3)]
            group = ("w.all(Cell)", f"{a}.seen", "{x for x in w.all(Cell) if x.flag}")[
                self.choose(3)
            ]
            name = f"d{self.label}"
            if group.startswith("{"):
                group = "w.all(Cell)"
            return [
                pad + f"for {name} in {group}:",
                pad + f"    if {self.test(name, a, 1)}:",
                pad + f"        {jump}",
                *self.effects(name, a, indent + 4, 1),
                pad + f"    if {self.test(name, a, 1)}:",
                pad + "        " + label,
            ]
        if kind == 4:
            return (
                [pad + f"yield from w.use(Policy).during(w, {a}, {c})"]
                if indent == 4
                else [pad + label]
            )
        if kind == 5:
            return [pad + f"if {self.test(c, a, 1)}:", pad + "    " + label, pad + "    return"]
        if kind == 6:
            name = f"keep{self.label}"
            value = (f"{c}.colour", f"{c}.flag", f"{a}.seen", f"{c}.next")[self.choose(4)]
            use = {
                "colour": f"{c}.colour = {name}",
                "flag": f"{c}.flag = not {name}",
                "seen": f"{a}.seen = {name}",
                "next": f"{c}.next = {name}",
            }[value.split(".")[1]]
            return [pad + f"{name} = {value}", pad + label, pad + use]
        if kind == 7:
            name = f"n{self.label}"
            return [
                pad + f"{name}: Annotated[int, Between(0, 2)] = {c}.count",
                pad + f"while {name} > 0:",
                pad + f"    {name} = {name} - 1",
                *self.effects(c, a, indent + 4, 1),
                pad + "    " + label,
            ]
        return [pad + f"w.use(Policy).before(w, {a})", pad + label]

    def effects(self, c: str, a: str, indent: int, count: int) -> list[str]:
        pad = " " * indent
        return [pad + line for _ in range(count) for line in self.effect(c, a)]

    def effect(self, c: str, a: str) -> list[str]:
        kind = self.choose(14)
        simple = {
            0: f"{c}.flag = not {c}.flag",
            1: f"bump({c})",
            2: f"{a}.flag = {self.test(c, a, 1)}",
            3: f"{a}.seen.add({c})",
            4: f"{a}.seen.discard({c})",
            5: f"{c}.friends.add({a})",
            6: f"{a}.cell = {c}",
            7: f"{a}.cell = None",
            8: f"{c}.colour = Colour.GREEN if {self.test(c, a, 0)} else Colour.BLUE",
            9: f"{a}.count = -1 if {a}.count == 1 else {a}.count + 1",
            10: f"{c}.next = pick(w, {a})",
            11: f"{a}.seen = {{x for x in w.all(Cell) if x.flag or x is {c}}}",
        }
        if kind in simple:
            return [simple[kind]]
        if kind == 12:
            return [
                f"if {a}.cell is not None and not {a}.cell.flag:",
                f"    {a}.cell.count = {self.choose(3)}",
            ]
        return [
            "for x in w.all(Cell):",
            f"    if x.friends == {c}.friends:",
            "        continue",
            "    x.flag = False",
        ]

    def test(self, c: str, a: str | None, depth: int) -> str:
        kind = self.choose(16 if depth else 8)
        mine = a or "w.all(Actor)[0]"
        simple = {
            0: f"{c}.flag",
            1: f"{c}.count < {1 + self.choose(2)}",
            2: f"{c}.colour in (Colour.RED, Colour.BLUE)",
            3: f"{mine} not in {c}.friends",
            4: f"{c}.next is None",
            5: f"{c}.colour.warm",
            6: f"len({mine}.seen) == {self.choose(3)}",
            7: f"{mine}.count >= {self.choose(2)}",
            8: f"({mine}.cell is not None and {mine}.cell.count == {self.choose(3)})",
            9: "w.assume(FLIP)",
            10: f'w.part("part {self.choose(2)}")',
            11: f"sum(1 for x in w.all(Cell) if x.flag) <= {self.choose(2)}",
            12: f"any({mine} in x.friends for x in w.all(Cell))",
            13: f"({mine}.seen - {{{c}}}) != {mine}.seen",
        }
        if kind in simple:
            return simple[kind]
        joint = (" and ", " or ")[kind - 14]
        return "(" + self.test(c, a, depth - 1) + joint + "not " + self.test(c, a, depth - 1) + ")"
