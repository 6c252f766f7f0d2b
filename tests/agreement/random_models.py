"""Random small models as Python source text, from a source of choices.

``choose(n)`` returns a number in 0..n-1; Hypothesis or a seeded generator supplies it, and 0 is
always the simplest choice, so that shrinking leads to small models.
"""

from __future__ import annotations

from collections.abc import Callable

from random_texts import TextMaker

CONDITIONS = ("goal", "other", "third", "fourth", "fifth", "sixth")
HEAD = """from __future__ import annotations
from typing import Annotated
from vmlitmus.lang import *
from small_world import *

"""
TAIL = """
{conditions}
def setup(make, s):
    cells = [{cells}]
    actors = [{actors}]
{start}
MODEL = Model(name="random", doc="", entities=(Cell, Actor), steps=({steps},),
    conditions=({names},), setup=setup, hooks={{Policy: {{"mine": Mine}}}}, assumptions=(FLIP,))
"""
CONDITION = """@condition("{name}", "a condition", source=S)
def {name}(w):
    return {test}

"""
KEPT = ("colour", "flag", "seen", "next")  # fields that a local keeps across a yield


class Writer(TextMaker):
    """Writes one model."""

    def __init__(self, choose: Callable[[int], int]) -> None:
        super().__init__(choose)
        self.label = 0
        self.fuel = 0  # how many pieces the sequence at hand may still have
        self.in_policy = False
        self.returns = False  # whether the hook's sub-sequence has a return

    def model(self) -> str:
        """Return the source text of a whole model."""
        steps = [self.step(i) for i in range(1 + self.choose(2))]
        policy = self.policy()
        sequences = [self.sequence(i) for i in range(1 + self.choose(2))]
        return HEAD + "\n".join([policy, *steps, *sequences]) + self.tail(len(steps), sequences)

    def tail(self, steps: int, sequences: list[str]) -> str:
        names = [f"step{i}" for i in range(steps)] + [f"seq{i}" for i in range(len(sequences))]
        cells, actors = 1 + self.choose(2), 1 + self.choose(2)
        return TAIL.format(
            conditions="".join(
                CONDITION.format(name=name, test=self.over(2 - i % 2))
                for i, name in enumerate(CONDITIONS)
            ),
            cells=", ".join(self.cell(i) for i in range(cells)),
            actors=", ".join(f"make(Actor, home=cells[{i % cells}])" for i in range(actors)),
            start="\n".join(self.start(actors)),
            steps=", ".join(names),
            names=", ".join(CONDITIONS),
        )

    def cell(self, index: int) -> str:
        colour = ("RED", "GREEN", "BLUE")[self.choose(3)]
        flag, count = bool(self.choose(2)), self.choose(3)
        return (
            f"make(Cell, fixed={bool(index)}, flag={flag}, count={count}, colour=Colour.{colour})"
        )

    def start(self, actors: int) -> list[str]:
        lines = []
        for index in range(actors):
            lines += [f"    actors[{index}].flag = True"] * self.choose(2)
            lines += [f"    actors[{index}].seen = (cells[-1],)"] * self.choose(2)
            lines += [f"    cells[0].friends = (actors[{index}],)"] * self.choose(2)
        return lines

    def over(self, depth: int) -> str:
        kind = ("any", "all")[self.choose(2)]
        if self.choose(2):
            return f"{kind}({self.test('c', None, depth)} for c in w.all(Cell))"
        return f"{kind}({self.test('a.home', 'a', depth)} for a in w.all(Actor))"

    def fresh(self) -> str:
        self.label += 1
        return f"does {self.label}"

    def end(self, indent: int, c: str = "c") -> str:
        """Return a yield; some labels show a value."""
        shown = ("", "", " with {a.count}", f" at {{{c}.colour}}")[self.choose(4)]
        return " " * indent + f'yield "{{a}} {self.fresh()}{shown}"'

    def storm(self) -> str:
        return ', disturbance="storm"' if self.choose(3) == 2 else ""

    def step(self, index: int) -> str:
        colour = ", k: Colour" if self.choose(8) == 7 else ""
        lines = [
            f'@step("{{a}} and {{c}} {self.fresh()}", source=S{self.storm()})',
            f"def step{index}(w, a: Actor, c: Cell{colour}):",
        ]
        if colour:
            lines += ["    when(c.colour is not k and not c.flag)", "    c.colour = k"]
        elif self.choose(3):
            lines.append(f"    when({self.test('c', 'a', 2)})")
        lines += self.effects("c", "a", 4, 1 + self.choose(2))
        if self.choose(4) == 3:
            lines += [f"    if {self.test('c', 'a', 1)}:", "        return"]
        return "\n".join([*lines, *self.effects("c", "a", 4, self.choose(2)), ""])

    def policy(self) -> str:
        lines = ["class Mine(Policy):", "    def before(self, w, a):"]
        lines += self.effects("a.home", "a", 8, 1)
        lines += ["    def during(self, w, a, c):"]
        self.fuel, self.in_policy = 3, True
        body = self.pieces(8, self.choose(3), loop=False)
        self.in_policy = False
        self.returns = any(line.strip() == "return" for line in body)
        last = self.end(8) if self.choose(2) or not body else "        yield from ()"
        return "\n".join([*lines, *body, last, ""])

    def sequence(self, index: int) -> str:
        head = [
            f'@sequence("{{a}} {self.fresh()}", source=S{self.storm()})',
            f"def seq{index}(w, a: Actor, c: Cell):",
        ]
        if self.choose(3):
            head.append(f"    when({self.test('c', 'a', 1)})")
        self.fuel = 7
        body = self.pieces(4, 1 + self.choose(4), loop=False)
        last = [self.end(4)] if self.choose(2) else []
        return "\n".join([*head, *body, self.end(4), *last, ""])

    def pieces(self, indent: int, size: int, *, loop: bool) -> list[str]:
        """Statements with yields among them; ``loop`` says whether they stand in one."""
        lines: list[str] = []
        for _ in range(size):
            if self.fuel > 0:
                self.fuel -= 1
                lines += self.piece(indent, loop)
        return lines

    def piece(self, indent: int, loop: bool) -> list[str]:
        kinds = (
            self.plain,
            self.waiting,
            self.branch,
            self.each,
            self.calling,
            self.leaving,
            self.keeping,
            self.counting,
            self.hooking,
            self.forever,
            self.rebinding,
            self.carrying,
            self.colours,
            self.remembering,
        )
        return kinds[self.choose(len(kinds))](indent, loop)

    def plain(self, indent: int, loop: bool) -> list[str]:
        return self.effects("c", "a", indent, 1)

    def waiting(self, indent: int, loop: bool) -> list[str]:
        return [self.end(indent), " " * indent + f"when({self.test('c', 'a', 1)})"]

    def branch(self, indent: int, loop: bool) -> list[str]:
        pad = " " * indent
        return [
            pad + f"if {self.test('c', 'a', 1)}:",
            *self.effects("c", "a", indent + 4, 1),
            *self.pieces(indent + 4, self.choose(2), loop=loop),
            self.end(indent + 4),
            *self.jump("c", indent + 4, loop),
            pad + "else:",
            *self.effects("c", "a", indent + 4, 1),
            *self.pieces(indent + 4, self.choose(2), loop=loop),
        ]

    def jump(self, c: str, indent: int, loop: bool) -> list[str]:
        """Sometimes, in a loop: leave it, or go on with it."""
        word = ("", "break", "continue")[self.choose(3)] if loop else ""
        pad = " " * indent
        return [pad + f"if {self.test(c, 'a', 1)}:", pad + "    " + word] if word else []

    def each(self, indent: int, loop: bool) -> list[str]:
        """A loop over cells with yields."""
        name = f"d{indent}"
        group = ("w.all(Cell)", "a.seen", "w.all(Cell)", "{x for x in w.all(Cell) if x.flag}")[
            self.choose(4)
        ]
        return [
            " " * indent + f"for {name} in {group}:",
            *self.jump(name, indent + 4, True),
            *self.effects(name, "a", indent + 4, 1),
            *self.pieces(indent + 4, self.choose(2), loop=True),
            self.end(indent + 4, name),
            *self.jump(name, indent + 4, True),
            *self.effects(name, "a", indent + 4, self.choose(2)),
        ]

    def calling(self, indent: int, loop: bool) -> list[str]:
        """A sub-sequence, with a name or a value as its cell."""
        cell = ("c", "a.home", "pick(w, a)")[self.choose(3)]
        hook = not self.in_policy and not (loop and self.returns) and self.choose(2)
        name = "w.use(Policy).during" if hook else "paint"
        return [" " * indent + f"yield from {name}(w, a, {cell})"]

    def leaving(self, indent: int, loop: bool) -> list[str]:
        pad = " " * indent
        return [pad + f"if {self.test('c', 'a', 1)}:", self.end(indent + 4), pad + "    return"]

    def keeping(self, indent: int, loop: bool) -> list[str]:
        """A local that lives across one or two yields."""
        pad = " " * indent
        field = KEPT[self.choose(len(KEPT))]
        owner, name = "a" if field == "seen" else "c", f"was_{field}"
        restore = f"{owner}.{field} = {'not ' if field == 'flag' else ''}{name}"
        return [
            pad + f"{name} = {owner}.{field}",
            self.end(indent),
            *self.effects("c", "a", indent, 1),
            *(self.calling(indent, loop) if self.choose(3) else self.pieces(indent, 1, loop=loop)),
            *([self.end(indent)] if self.choose(2) else []),
            *([pad + f"if {self.test('c', 'a', 1)}:", "    " + pad + f"{name} = {owner}.{field}"]
              if self.choose(3) == 2 else []),
            pad + restore,
        ]  # fmt: skip

    def counting(self, indent: int, loop: bool) -> list[str]:
        pad, name = " " * indent, f"n{indent}"
        return [
            pad + f"{name}: Annotated[int, Between(0, 2)] = c.count",
            pad + f"while {name} > 0:",
            pad + f"    {name} -= 1",
            *self.effects("c", "a", indent + 4, 1),
            self.end(indent + 4),
            *self.jump("c", indent + 4, True),
            *self.pieces(indent + 4, self.choose(2), loop=True),
            self.end(indent + 4),
        ]

    def hooking(self, indent: int, loop: bool) -> list[str]:
        return [" " * indent + "w.use(Policy).before(w, a)", self.end(indent)]

    def forever(self, indent: int, loop: bool) -> list[str]:
        """A loop that only a break ends."""
        pad = " " * indent
        return [
            pad + ("while True:" if self.choose(2) else f"while {self.test('c', 'a', 0)}:"),
            pad + f"    if {self.test('c', 'a', 1)}:",
            pad + "        break",
            *self.effects("c", "a", indent + 4, 1),
            self.end(indent + 4),
            *self.jump("c", indent + 4, True),
            *self.effects("c", "a", indent + 4, self.choose(2)),
            self.end(indent + 4),
        ]

    def rebinding(self, indent: int, loop: bool) -> list[str]:
        """The sequence's parameter gets another value; a sub-sequence may not do that."""
        change = [] if self.in_policy else [" " * indent + "c = pick(w, a)"]
        return [*change, self.end(indent), *self.effects("c", "a", indent, 1)]

    def carrying(self, indent: int, loop: bool) -> list[str]:
        """An int that is counted on across yields."""
        pad, name = " " * indent, f"m{indent}"
        return [
            pad + f"{name}: Annotated[int, Between(-1, 3)] = a.count",
            self.end(indent),
            pad + f"{name} += c.count",
            *([self.end(indent)] if self.choose(2) else []),
            pad + f"c.count = max({name}, 0) % 3",
        ]

    def colours(self, indent: int, loop: bool) -> list[str]:
        """A loop over an enum, or over a set of its members."""
        pad, name = " " * indent, f"k{indent}"
        if self.choose(2):
            return [
                pad + f"for {name} in c.marks:",
                pad + f"    c.marks.discard({name})",
                self.end(indent + 4),
                *self.jump("c", indent + 4, True),
            ]
        return [
            pad + f"for {name} in Colour:",
            pad + f"    if c.colour is {name}:",
            pad + f"        {('break', 'continue')[self.choose(2)]}",
            pad + f"    c.colour = {name}",
            self.end(indent + 4),
            *self.jump("c", indent + 4, True),
        ]

    def remembering(self, indent: int, loop: bool) -> list[str]:
        """The truth of a test, kept across a yield."""
        pad, name = " " * indent, f"so{indent}"
        return [
            pad + f"{name} = {self.test('c', 'a', 1)}",
            self.end(indent),
            pad + f"if {name}:",
            *self.effects("c", "a", indent + 4, 1),
            *self.pieces(indent + 4, self.choose(2), loop=loop),
        ]
