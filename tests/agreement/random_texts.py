"""The words of random models: effects and tests as Python text.

``c`` and ``a`` name a cell and an actor in the text; ``a`` None stands for the first actor.
"""

from __future__ import annotations

from collections.abc import Callable

EFFECTS = (
    ("{c}.flag = not {c}.flag",),
    ("bump({c})",),
    ("{a}.flag = {test}",),
    ("{a}.seen.add({c})",),
    ("{a}.seen.discard({c})",),
    ("{c}.friends.add({a})",),
    ("{a}.cell = {c}",),
    ("{a}.cell = None",),
    ("{c}.colour = Colour.GREEN if {test} else Colour.BLUE",),
    ("{a}.count = -1 if {a}.count == 1 else {a}.count + 1",),
    ("{c}.next = pick(w, {a})",),
    ("{a}.seen = {{x for x in w.all(Cell) if x.flag or x is {c}}}",),
    ("if {a}.cell is not None and not {a}.cell.flag:", "    {a}.cell.count = {small}"),
    (
        "for x in w.all(Cell):",
        "    if x.friends == {c}.friends:",
        "        continue",
        "    x.flag = False",
    ),
    ("for x in w.all(Cell):", "    if not x.flag:", "        x.flag = True", "        break"),
    (
        "for x in {a}.seen:",
        "    bump(x)",
        "    if x.count == 1:",
        "        break",
    ),
    ("{c}.count = min({c}.count + 1, 2)",),
    ("{a}.count = max({a}.count - 1, -1)",),
    ("{a}.count = ({c}.count * 2 + 1) % 3 - 1",),
    ("{c}.count = ({c}.count + 3) // 2",),
    ("{c}.friends.clear()",),
    ("{a}.seen = {a}.seen | {{{c}, {a}.home}}",),
    ("{a}.seen = {{x for x in w.all(Cell)}} - {a}.seen",),
    ("{a}.seen = {a}.seen & {{{c}, pick(w, {a})}}",),
    ("{c}.next = first_free(w, {a})",),
    ("pick(w, {a}).flag = {test}",),
    ("if {c} in {a}.seen:", "    {a}.seen.remove({c})"),
    ("stamp({c})",),
    ("{c}.marks.add(Mark.M17)",),
    ("if Mark.M17 in {c}.marks:", "    {c}.marks.add(Mark.M{mark})"),
    ("n = {c}.count", "n += 1", "if n > 2 or {test}:", "    n = 0", "{c}.count = n"),
    ("if {test}:", "    {c}.next = None", "else:", "    stamp({c})"),
    ("{c}.friends = {c}.friends if {test} else {{{a}}}",),
)
WILD = ("{c}.count = {c}.count + 1", "{a}.seen.remove({c})", "{a}.cell.flag = True")  # may fail

TESTS = (
    "{c}.flag",
    "{c}.count < {positive}",
    "{c}.colour in (Colour.RED, Colour.BLUE)",
    "{mine} not in {c}.friends",
    "{c}.next is None",
    "{c}.colour.warm",
    "len({mine}.seen) == {small}",
    "{mine}.count >= {bit}",
    "({mine}.cell is not None and {mine}.cell.count == {small})",
    "w.assume(FLIP)",
    'w.part("part {bit}")',
    "sum(1 for x in w.all(Cell) if x.flag) <= {bit}",
    "any({mine} in x.friends for x in w.all(Cell))",
    "({mine}.seen - {{{c}}}) != {mine}.seen",
    "{c}.fixed",
    "{c}.count == {mine}.count + 1",
    "0 <= {mine}.count < {c}.count",
    "{c} in ({mine}.home, pick(w, {mine}))",
    "max({c}.count, 1) == 1",
    "{c}.next is not {c}",
    "{mine}.idle",
    "sum(x.count for x in w.all(Cell)) > {positive}",
    "any(x.flag for y in w.all(Actor) for x in y.seen)",
    "({c}.flag if {c}.fixed else {c}.next is None)",
    "{c}.stamp > {small}",
    "Mark.M{mark} not in {c}.marks",
    "all(x.colour != {c}.colour for x in {mine}.seen)",
    "{mine}.count != -1",
    "not {c}.flag",
    "{c}.count > 0",
    "{c}.colour is not Colour.RED",
    "len({mine}.seen | {{{c}}}) > {positive}",
)


class TextMaker:
    """Writes effects and tests; ``choose(n)`` returns a number in 0..n-1."""

    def __init__(self, choose: Callable[[int], int]) -> None:
        self.choose = choose

    def effects(self, c: str, a: str, indent: int, count: int) -> list[str]:
        pad = " " * indent
        return [pad + line for _ in range(count) for line in self.effect(c, a)]

    def effect(self, c: str, a: str) -> list[str]:
        if self.choose(80) == 79:
            return [self.filled(WILD[self.choose(len(WILD))], c, a, 0)]
        lines = EFFECTS[self.choose(len(EFFECTS))]
        return [self.filled(line, c, a, 0) for line in lines]

    def test(self, c: str, a: str | None, depth: int) -> str:
        kind = self.choose(len(TESTS) + (8 if depth else 0))
        if kind < len(TESTS):
            return self.filled(TESTS[kind], c, a, depth)
        joint = ("and", "or")[kind % 2]
        left, right = self.test(c, a, depth - 1), self.test(c, a, depth - 1)
        return f"({left} {joint} not {right})"

    def filled(self, text: str, c: str, a: str | None, depth: int) -> str:
        """Return a text with names and small numbers in its braces."""
        mine = a or "w.all(Actor)[0]"
        return text.format(
            c=c,
            a=a,
            mine=mine,
            bit=self.choose(2) if "{bit}" in text else 0,
            small=self.choose(3) if "{small}" in text else 0,
            positive=1 + (self.choose(2) if "{positive}" in text else 0),
            mark=(16, 17, 22)[self.choose(3)] if "{mark}" in text else 0,
            test=self.test(c, a, depth) if "{test}" in text else "",
        )
