"""Random models in which one thing is many: on both sides of each border of a word.

``choose(n)`` returns a number in 0..n-1, see ``random_models``. A model is wide along one axis, now
and then along two; its states stay few, because what is many is mostly left alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

BORDERS = (2, 1, 3, 62, 63, 64, 65, 126, 127, 128, 129, 130, 190, 192)
MANY = (2, 1, 3, 63, 64, 65, 127, 128, 129)
AXES = (
    "items",
    "kinds",
    "bits",
    "steps",
    "conditions",
    "disturbances",
    "parts",
    "sections",
    "boxes",
    "instances",
)
TEXT = """from __future__ import annotations
from enum import Enum
from typing import Annotated
from vmlitmus.lang import *

S = Assumption("wide", "a wide model")


class Parity(Enum):
    @property
    def odd(self):
        return int(self.name[1:]) % 2 == 1


Kind = Parity("Kind", [f"K{{i}}" for i in range({kinds})])


class Item(Entity):
    special: Const[bool] = False


class Box(Entity):
    held: Set[Item]
    marks: Set[Kind]
    n: Annotated[int, Between({n.low}, {n.high})]
    m: Annotated[int, Between({m.low}, {m.high})]
    ref: Item | None = None
    kind: Kind = Kind.K0
    flag: bool = False


def last_of(group, otherwise):
    for x in group:
        otherwise = x
    return otherwise


{body}


def setup(make, s):
    items = [make(Item, special=i % 3 == 0) for i in range({items})]
    for b in range({boxes}):
        make(Box, n={n0}, m={m0}, held=items[{first}:], marks=list(Kind)[{mark}:])


MODEL = Model(name="wide", doc="", entities=(Item, Box), steps=({steps},),
    conditions=({conditions},), setup=setup)
"""
SETS = (
    ("b.held.add(w.all(Item)[{i}])",),
    ("b.held.discard(w.all(Item)[{i}])",),
    ("if w.all(Item)[{i}] in b.held:", "    b.held.remove(w.all(Item)[{i}])"),
    ("b.held = {{x for x in w.all(Item) if x not in b.held}}",),
    ("b.held = {{x for x in w.all(Item)}} - b.held",),
    ("b.held = b.held | {{w.all(Item)[{i}], w.all(Item)[{j}]}}",),
    ("b.held = b.held & {{x for x in w.all(Item) if x.special}}",),
    ("b.held.clear()",),
    ("b.ref = w.all(Item)[{i}]",),
    ("b.ref = None",),
    ("if b.ref is not None:", "    b.held.add(b.ref)"),
    ("b.held = {{x for x in w.all(Item) if x is b.ref}}",),
    ("b.ref = last_of(b.held, None)",),
    ("b.ref = w.all(Item)[{i}] if {test} else b.ref",),
)
KINDS = (
    ("b.kind = Kind.K{k}",),
    ("b.marks.add(Kind.K{k})",),
    ("b.marks.discard(b.kind)",),
    ("b.marks = b.marks | {{Kind.K{k}}}",),
    ("b.kind = last_of(b.marks, Kind.K{k})",),
    ("b.marks = {{b.kind, Kind.K{k}}}",),
)
INTS = (
    ("b.n = {n}",),
    ("b.m = {m}",),
    ("if {n.low} <= b.m <= {n.high}:", "    b.n = b.m"),
    ("b.n = min(b.n + {third}, {n.high})",),
    ("b.n = max(b.n - {third}, {n.low})",),
    ("b.n = (b.n - {n.low}) // {third} + {n.low}",),
    ("b.n = ((b.n - {n.low}) * (b.m - {m.low})) % {modulus} + {n.low}",),
    ("b.n = b.n + b.m - b.m",),
    ("b.n = {n} if {test} else b.n",),
    ("x = b.n - b.m", "if {n.low} <= x <= {n.high}:", "    b.n = x"),
    ("b.n = b.n if b.n > b.m else {n}",),
)
WILD = (("b.n = b.m + {small}",), ("b.m = sum(o.n for o in w.all(Box))",))  # may fail
PLAIN = (("b.flag = not b.flag",), ("b.flag = {test}",), ("b.flag = {part}",))
SET_TESTS = (
    "w.all(Item)[{i}] in b.held",
    "b.ref in b.held",
    "b.ref not in b.held",
    "len(b.held) == {items}",
    "len(b.held) > {i}",
    "b.held == {{w.all(Item)[{i}]}}",
    "b.ref is not None and b.ref.special",
    "b.ref is not None and b.ref.special",
    "b.ref is not None and b.ref.index >= {i}",
    "all(x in b.held for x in w.all(Item) if x.special)",
    "any(x.special for x in b.held)",
    "b.ref in (w.all(Item)[{i}], None)",
    "b.held",
)
KIND_TESTS = (
    "b.kind.odd",
    "b.kind in b.marks",
    "Kind.K{k} in b.marks",
    "len(b.marks) == {kinds}",
    "b.kind is Kind.K{k}",
    "b.kind in (Kind.K{k}, Kind.K0)",
)
INT_TESTS = (
    "b.n < {n}",
    "b.n >= {n}",
    "b.n == {n}",
    "b.n > b.m",
    "b.n != b.m",
    "b.n + b.m > {n}",
    "b.n * b.m == {n} * {m}",
    "b.n * b.n * b.m <= {n} * {n}",
    "b.n - b.m < {m}",
    "max(b.n, b.m) == {n}",
    "min(b.n, b.m) <= {m}",
    "b.n in ({n}, {m})",
    "sum(o.n for o in w.all(Box)) > {n}",
    "sum(1 for o in w.all(Box) if o.n == {n}) == {boxes}",
    "b.n",
)
PLAIN_TESTS = ("b.flag", "not b.flag", "{part}", "b.idle")


@dataclass(frozen=True)
class Range:
    """The values of an int field."""

    low: int
    high: int

    @property
    def borders(self) -> list[int]:
        """Values at which something may change."""
        powers = [sign * (1 << bits) + by for bits in (31, 62, 63, 64, 127, 128)
                  for sign in (1, -1) for by in (-1, 0, 1)]  # fmt: skip
        near = [self.low, self.high, self.low + 1, self.high - 1, 0, (self.low + self.high) // 2]
        return [v for v in dict.fromkeys(near + powers) if self.low <= v <= self.high]


class WideWriter:
    """Writes one model."""

    def __init__(self, choose: Callable[[int], int]) -> None:
        self.choose = choose
        self.label = 0
        wide = {AXES[choose(len(AXES))]}
        if choose(4) == 3:
            wide.add(AXES[choose(len(AXES))])
        self.wide = wide
        self.count = {axis: self.many(MANY) if axis in wide else 1 + choose(2) for axis in AXES}
        for axis in ("items", "kinds", "bits"):
            self.count[axis] = self.many(BORDERS) if axis in wide else 2 + choose(2)
        if "instances" in wide:
            self.count["kinds"] = self.many(MANY)
        self.n, self.m = self.range(), self.range()

    def many(self, borders: tuple[int, ...]) -> int:
        return borders[self.choose(len(borders))]

    def range(self) -> Range:
        """Return the range of an int field that needs about so many bits, one way or another."""
        bits = self.count["bits"] + self.choose(3) - 1
        power = 1 << max(bits, 1)
        return (
            Range(0, power - 1),
            Range(0, power),
            Range(-power // 2, power // 2 - 1),
            Range(-power, power),
            Range(power - 2, power + 2),
            Range(-power - 2, -power + 1),
        )[self.choose(6)]

    def pick(self, count: int) -> int:
        """Return an index below a count, mostly one near a border."""
        near = [i for i in (count - 1, 0, 1, 62, 63, 64, 65, 127, 128, count - 2) if 0 <= i < count]
        return near[self.choose(len(near))]

    def value(self, of: Range) -> int:
        return of.borders[self.choose(len(of.borders))]

    def filled(self, text: str) -> str:
        """Return a text with values in its braces."""
        third = (self.n.high - self.n.low) // 3 + 1
        values = {
            "{n}": lambda: f"({self.value(self.n)})",
            "{m}": lambda: f"({self.value(self.m)})",
            "{n.low}": lambda: f"({self.n.low})",
            "{n.high}": lambda: f"({self.n.high})",
            "{m.low}": lambda: f"({self.m.low})",
            "{third}": lambda: str(third),
            "{modulus}": lambda: str(min(7, self.n.high - self.n.low + 1)),
            "{small}": lambda: str(self.choose(3)),
            "{i}": lambda: str(self.pick(self.count["items"])),
            "{j}": lambda: str(self.pick(self.count["items"])),
            "{k}": lambda: str(self.pick(self.count["kinds"])),
            "{items}": lambda: str(self.count["items"]),
            "{kinds}": lambda: str(self.count["kinds"]),
            "{boxes}": lambda: str(self.count["boxes"]),
            "{part}": lambda: f'w.part("part {self.pick(self.count["parts"])}")',
            "{test}": lambda: self.test(0),
        }
        for name, value in values.items():
            if name in text:
                text = text.replace(name, value())
        return text.replace("{{", "{").replace("}}", "}")

    def test(self, depth: int) -> str:
        groups = [SET_TESTS, KIND_TESTS, INT_TESTS, PLAIN_TESTS]
        if depth and self.choose(4) == 3:
            joint = ("and", "or")[self.choose(2)]
            return f"({self.test(depth - 1)} {joint} {self.test(depth - 1)})"
        tests = groups[self.preferred()]
        return f"bool({self.filled(tests[self.choose(len(tests))])})"

    def preferred(self) -> int:
        """Return which group of words to use, mostly one that is wide."""
        axis = [i for i, name in enumerate(("items", "kinds", "bits")) if name in self.wide]
        return axis[self.choose(len(axis))] if axis and self.choose(3) else self.choose(4)

    def effect(self, indent: int) -> list[str]:
        words = (SETS, KINDS, INTS, PLAIN)[self.preferred()]
        if self.choose(20) == 19:
            words = WILD
        return [" " * indent + self.filled(line) for line in words[self.choose(len(words))]]

    def fresh(self) -> str:
        self.label += 1
        return f"does {self.label}"

    def model(self) -> str:
        """Return the source text of a whole model."""
        steps = [self.step(i) for i in range(self.count["steps"])]
        storms = [
            self.step(i, f"d{i}", self.pick(self.count["disturbances"]) == i)
            for i in range(self.count["disturbances"])
        ]
        sequence = self.sequence() + (self.parts() if "parts" in self.wide else "")
        conditions = [self.condition(i) for i in range(max(self.count["conditions"], 2))]
        names = [f"step{i}" for i in range(len(steps))] + [f"d{i}" for i in range(len(storms))]
        return TEXT.format(
            items=self.count["items"],
            kinds=self.count["kinds"],
            boxes=self.count["boxes"],
            n=self.n,
            m=self.m,
            body="\n\n".join([*steps, *storms, sequence, *conditions]),
            n0=self.value(self.n),
            m0=self.value(self.m),
            first=self.pick(self.count["items"]) if self.choose(3) else self.count["items"],
            mark=self.pick(self.count["kinds"]) if self.choose(3) else self.count["kinds"],
            steps=", ".join([*names, "seq", *(["parted"] if "parts" in self.wide else [])]),
            conditions=", ".join(f"c{i}" for i in range(len(conditions))),
        ).replace("conditions=(c0", "conditions=(goal, c0")

    def step(self, index: int, storm: str = "", alive: bool = True) -> str:
        """A step; of many, those in the middle are never enabled."""
        kind = not storm and "instances" in self.wide and index == 0
        many = self.count["disturbances" if storm else "steps"]
        alive = alive and (many < 4 or index in (0, 62, 63, 64, many - 1))
        which = self.pick(self.count["boxes"])
        lines = [
            f'@step("{{b}} {self.fresh()}", source=S{f", disturbance={storm!r}" if storm else ""})',
            f"def {storm or f'step{index}'}(w, b: Box{', k: Kind' if kind else ''}):",
        ]
        if not alive:
            lines.append("    when(b.kind is not b.kind)")
        elif self.count["boxes"] > 2:
            lines.append(f"    when(b is w.all(Box)[{which}])")
        if alive and self.choose(2):
            lines.append(f"    when({self.test(1)})")
        lines += ["    b.kind = k"] if kind else self.effect(4)
        return "\n".join([*lines, *(self.effect(4) if alive and self.choose(2) else []), ""])

    def parts(self) -> str:
        """A step that asks for every part."""
        parts = [f'w.part("part {i}")' for i in range(self.count["parts"])]
        one = parts[self.pick(len(parts))]
        lines = [
            f'\n\n@step("{{b}} {self.fresh()}", source=S)',
            "def parted(w, b: Box):",
            f"    when(b is w.all(Box)[{self.pick(self.count['boxes'])}])",
            f"    if {' and '.join(parts)}:",
            *self.effect(8),
            f"    elif {one}:",
            *self.effect(8),
        ]
        return "\n".join([*lines, ""])

    def sequence(self) -> str:
        lines = [
            f'@sequence("{{b}} {self.fresh()}", source=S)',
            "def seq(w, b: Box):",
            f"    when(b is w.all(Box)[{self.pick(self.count['boxes'])}] and {self.test(0)})",
        ]
        body = self.keeping() if self.choose(3) else self.effect(4)
        for index in range(self.count["sections"]):
            effect = self.effect(4) if index in (0, 62, 63, 64) or index > 125 else []
            body += [*effect, f'    yield "{{b}} {self.fresh()}"']
        return "\n".join([*lines, *body, *self.effect(4), ""])

    def keeping(self) -> list[str]:
        """A local that lives across a yield."""
        end = f'    yield "{{b}} {self.fresh()}"'
        n = f"Annotated[int, Between({self.n.low}, {self.n.high})]"
        return (
            ["    was = b.held", end, "    b.held = was"],
            ["    ref = b.ref", end, "    b.ref = ref"],
            ["    kind = b.kind", end, "    b.kind = kind"],
            [f"    was: {n} = b.n", end, *self.effect(4), "    b.n = was"],
            ["    for x in b.held:", "        b.held.discard(x)", f"    {end}"],
            ["    for x in b.marks:", "        b.kind = x", f"    {end}", "        break"],
            ["    marks = b.marks", *self.effect(4), end, "    b.flag = marks == b.marks"],
        )[self.choose(7)]

    def condition(self, index: int) -> str:
        head = f'@condition("c{index}", "a condition", source=S)\ndef c{index}(w):\n'
        goal = '@condition("goal", "a goal", source=S)\ndef goal(w):\n' if index == 0 else ""
        test = f"    return any({self.test(1)} for b in w.all(Box))\n"
        goal += goal and f"    return any({self.test(1)} for b in w.all(Box))\n\n"
        return goal + head + test
