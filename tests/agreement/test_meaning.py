"""Model code means what Python says: both engines agree on it, or it is refused with a reason.

Each body was once lowered to something else, or ended in a traceback; or stands for its like.
"""

from __future__ import annotations

import random

import pytest
from generators import generator_differs
from judge import disagreement, load

from vmlitmus.compiler import build
from vmlitmus.errors import ModelError
from vmlitmus.lang import Claim

HEAD = """from __future__ import annotations
from enum import Enum, IntEnum
from typing import Annotated
from vmlitmus.lang import *

S = Assumption("meaning", "a model")
LIMIT = 1


class Colour(Enum):
    RED = "red"
    GREEN = "green"
    BLUE = "blue"


class Level(IntEnum):
    ZERO = 0
    ONE = 1


class Text(str, Enum):
    EMPTY = ""
    FULL = "full"


class Cell(Entity):
    flag: bool = False
    count: Annotated[int, Between(0, 3)] = 0
    large: Annotated[int, Between(0, 1000)] = 300
    same: Annotated[int, Between(0, 1000)] = 300
    colour: Colour = Colour.RED
    level: Level = Level.ZERO
    text: Text = Text.EMPTY
    next: Cell | None = None
    seen: Set[Cell]
    colours: Set[Colour]

    @property
    def far(self):
        return self.next.flag

    def joins(self, other, least=0):
        if other.next is self:
            other.flag = not self.flag
            return self.count > least
        return other.flag


class Actor(Entity):
    home: Const[Cell]
    cell: Cell | None = None
    number: Annotated[int, Between(-1, 2)] = 0
    flag: bool = False


def follows(c):
    return c.next and c.next.flag


def end(x, c):
    if c.flag:
        return
    x.flag = True


"""
TAIL = """

@step("{a} wanders {c}", source=S)
def wander(w, a: Actor, c: Cell):
    if c.count < 2:
        c.count += 1
        c.flag = not c.flag
    elif c.next is None:
        c.next = a.home
        a.cell = c
    else:
        c.count = 0
        c.colours.add(Colour.GREEN)
        c.seen.add(a.home)
        c.large = c.same
        c.level = Level.ONE
        c.text = Text.FULL
        c.colour = Colour.BLUE
        a.number = 1


@condition("goal", "a goal", source=S)
def goal(w):
    return w.all(Cell)[0].flag and w.all(Cell)[1].count == 2


def setup(make, s):
    cells = [make(Cell) for _ in range(2)]
    make(Actor, home=cells[0])


MODEL = Model(name="meaning", doc="", entities=(Cell, Actor), steps=(probe, wander),
    conditions=(goal,), setup=setup)
"""
STEPS = {
    "else of a loop": "for x in w.all(Cell):\n if x.flag: break\nelse: c.count = 3",
    "else of an inner loop": "for x in w.all(Cell):\n for y in w.all(Cell):\n"
    "  if y.flag and x is not y:\n   a.cell = x\n   break\n else: a.flag = True",
    "or of constants": "n = 0 or 2\nif c.count < 2: c.count = c.count + n - 1",
    "and of a constant": "c.count = True and c.count",
    "the truth of and": "a.flag = bool(c.next and c.next.flag)",
    "a function that gives and": "if follows(c): a.flag = True",
    "not or": "a.flag = not (c.next or a.cell)",
    "tuples are equal in order": "if (c.next, a.cell) == (a.cell, c.next): a.flag = True",
    "tuples differ": "a.flag = (c.next, a.cell) != (a.home, c)",
    "a loop over a tuple": "x = a.cell if a.cell is not None else c\n"
    "for y in (x, a.home): a.cell = y",
    "the length of a tuple": "if a.cell is not None: c.count = len((a.cell, c))",
    "the length of a list": "c.count = len([a.home for x in w.all(Cell) if x.flag])",
    "a list has a member twice": "c.count = len([x.home for x in w.all(Actor)"
    " for y in w.all(Cell)])",
    "a loop over a list": "for x in [y for y in w.all(Cell) if y.flag]: a.cell = x",
    "a member of a list": "a.flag = a.cell in [y for y in w.all(Cell) if y.flag]",
    "a list becomes a set": "c.seen = [y for y in w.all(Cell) if y.flag]",
    "the sum of a list": "xs = [y.count for y in w.all(Cell)]\na.flag = sum(xs) > 2",
    "a tuple is taken apart": "x, y = c.flag, c.count\na.flag = x\nc.count = min(y, 2)",
    "a member of a tuple": "a.flag = c.next not in (a.cell, a.home)",
    "any of a list": "a.flag = any([c.flag, a.flag])",
    "all of a tuple": "a.flag = all((c.flag, c.count))",
    "an inner loop only where the outer is": "a.flag = any(y.flag for x in w.all(Cell)"
    " if x.next is not None for y in x.next.seen)",
    "a list only where it is": "a.flag = len([y for x in w.all(Cell) if x.next is not None"
    " for y in x.next.seen]) > 1",
    "a sum only where it is": "c.count = min(sum(x.next.count for x in w.all(Cell)"
    " if x.next is not None), 3)",
    "a nested sum": "a.flag = sum(y.count for x in w.all(Cell) if x.flag for y in w.all(Cell)) > 2",
    "all of two loops": "a.flag = all(x is y or x.count != y.count for x in w.all(Cell)"
    " if x.flag for y in w.all(Cell) if not y.flag)",
    "a property of what it may be": "if a.cell is not None and a.cell.next is not None:\n"
    " a.flag = a.cell.far",
    "a method of what is known": "a.flag = c.joins(a.home)",
    "a method of what it may be": "if a.cell is not None: a.flag = a.cell.joins(c)",
    "a method of what it may be, twice": "if a.cell is not None and c.next is not None:\n"
    " a.flag = a.cell.joins(c.next, least=1)",
    "an IntEnum that is false": "if c.level: a.flag = True",
    "not an IntEnum": "a.flag = not c.level",
    "an IntEnum is equal": "a.flag = c.level == Level.ONE",
    "an enum that is an empty text": "a.flag = bool(c.text)",
    "a chain": "a.flag = -1 <= a.number < c.count <= 2",
    "a lazy chain": "if c.count == 0 or c.next is not None: a.flag = 0 < c.count < c.next.count",
    "1 is True": "a.flag = 1 is True",
    "a loop over a few that are a set": "for x in {y for y in w.all(Cell) if y.flag}: a.cell = x",
}
FAULTY = {
    "a method of None": "a.flag = a.cell.joins(c)",
    "None into a set": "c.seen.add(None)",
    "None out of a set": "c.seen.discard(None)",
    "beyond the range": "c.count = sum([y.count for y in w.all(Cell)])",
}
SEQUENCES = {
    "a loop over what a test selects": "for x in {y for y in w.all(Cell) if y.flag}:\n"
    " a.cell = x\n yield '{a} one'",
    "a loop over a selected list": "for x in [y for y in w.all(Cell) if y.flag]:\n"
    " a.cell = x\n yield '{a} one'",
    "a list lives on": "xs = [x for x in w.all(Cell) if x.flag]\nyield '{a} one'\n"
    "for x in xs: x.count = 0",
    "and of bools lives on": "b = c.flag and a.flag\nyield '{a} one'\na.flag = b",
    "a loop over an enum": "for k in {k for k in Colour if k in c.colours}:\n c.colour = k\n"
    " yield '{a} one'",
}
REFUSED = {
    "a.flag = c.next and c.next.flag": "write bool",
    "a.flag = c.count or a.flag": "write bool",
    "a.cell = c.next or a.home": "write bool",
    "a.flag = follows(c)": "write bool",
    "a.flag = (c.next or a.cell) == (a.cell or c.next)": "write bool",
    "c.count = min((), default=2)": "'min' takes no keywords",
    "c.count = sorted((3, 1, 2), reverse=True)[0]": "'sorted' takes no keywords",
    "c.count = max((1, 2), key=LIMIT)": "'max' takes no keywords",
    "end(c, **{'c': c})": "no ** arguments",
    "for x in {Colour.RED, Colour.BLUE}: c.colour = x": "a Python set has no order",
    "for x in {k for k in Colour if k in c.colours}: c.colour = x": "a Python set has no order",
    "a.flag = c.large is c.same": "'is' compares entities",
    "a.flag = c.seen is c.seen": "'is' compares entities",
    "if c.flag: LIMIT = 2\nc.count = LIMIT": "'LIMIT' is not set here on every way",
    "c.count = min(c.flag, 1)": "not bools",
    "c.count = max(c.flag, True)": "not bools",
    "c.seen.add(c, c)": "add() takes one member",
    "c.seen.add()": "add() takes one member",
    "c.seen.clear(c)": "clear() takes nothing",
    "a.flag = 1 < None": "not supported between",
    "a.flag = 3 in 5": "'in' needs a set or a tuple",
    "c.count = -'x'": "the minus of a constant",
    "c.count = len(5)": "has no len()",
    "c.count = max(())": "empty",
    "c.count = int('x')": "invalid literal",
    "a.flag = any(x.flag for x, y in w.all(Cell))": "one name as its target",
    "c.count = max([y.count for y in w.all(Cell)])": "'max' of values that are not all known",
    "c.seen = [c] + [a.cell]": "a tuple or list has no operators",
}
REFUSED_SEQUENCES = {
    "for x in (c, a.home):\n a.cell = x\n yield '{a} one'": "what lives across a yield is a set",
    "x = c.next or a.home\nyield '{a} one'\na.cell = x": "lives across a yield: annotate it",
}


CALLS = "".join(f"def f{i}(c):\n    return f{i + 1}(c)\n\n\n" for i in range(50))
NESTED = {
    "a.flag = f0(c)": "f40() is called more than 40 calls deep",
    "a.flag = again(c)": "again() calls itself",
    "a.flag = " + " + ".join(["c.count"] * 900) + " > 7": "nested too deeply",
}


def model(body: str, kind: str = "step") -> str:
    lines = "\n".join("    " + line for line in body.split("\n"))
    head = f'@{kind}("{{a}} probes {{c}}", source=S)\ndef probe(w, a: Actor, c: Cell):\n'
    return HEAD + head + lines + "\n" + TAIL


def opinion(text: str) -> str:
    machine = build(load(text))
    claims = [Claim("recoverable", "goal"), Claim("never", "goal")]
    found = disagreement(machine, claims, (), most=5_000)
    assert found.differs is None, found.differs
    for seed in range(5):
        assert generator_differs(machine, random.Random(seed).randrange, 30) is None
    return found.kind


@pytest.mark.parametrize("name", STEPS)
def test_step(name: str) -> None:
    assert opinion(model(STEPS[name])) == "compared"


@pytest.mark.parametrize("name", FAULTY)
def test_faulty_step(name: str) -> None:
    assert opinion(model(FAULTY[name])) == "faulty"


@pytest.mark.parametrize("name", SEQUENCES)
def test_sequence(name: str) -> None:
    assert opinion(model(SEQUENCES[name], "sequence")) == "compared"


@pytest.mark.parametrize("body", NESTED)
def test_nested_too_deeply(body: str) -> None:
    more = (
        CALLS + "def f50(c):\n    return c.flag\n\n\ndef again(c):\n    return again(c)\n\n\n@step"
    )
    with pytest.raises(ModelError) as error:
        build(load(model(body).replace("@step", more, 1)))
    assert NESTED[body] in str(error.value)


@pytest.mark.parametrize(
    ("body", "reason", "kind"),
    [(*pair, "step") for pair in REFUSED.items()]
    + [(*pair, "sequence") for pair in REFUSED_SEQUENCES.items()],
)
def test_refused(body: str, reason: str, kind: str) -> None:
    with pytest.raises(ModelError) as error:
        build(load(model(body, kind)))
    assert reason in str(error.value)
