"""Random models whose entities are set up alike: many of them are interchangeable."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from random_models import CONDITION, CONDITIONS, HEAD, TAIL, Writer

SHAPES = (  # cells, and the home of each actor
    (2, (0, 0)),
    (3, (0, 1, 2)),
    (2, (0, 0, 1, 1)),
    (3, (0,)),
    (2, (0, 1, 0, 1)),
    (3, (0, 0)),
    (1, (0, 0, 0)),
    (4, (2,)),
)
STARTS = (
    "    pass",
    "    for a in actors:\n        a.seen = tuple(cells)",
    "    for a in actors:\n        a.cell = a.home",
    "    for c in cells:\n        c.friends = tuple(actors)",
    "    for a in actors:\n        a.flag = True",
    "    for c in cells:\n        c.flag, c.next = True, c",
    "    for c in cells:\n        c.count, c.colour = 1, Colour.GREEN",
)


@dataclass(frozen=True)
class Alike:
    """The code of models that differ in their setups: what the first one is, and what all have."""

    text: str
    cells: int
    homes: tuple[int, ...]
    start: str
    names: tuple[str, ...]

    def first(self) -> str:
        """Return the text that makes the code a model."""
        return self.model(self.homes, self.start)

    def another(self, choose: Callable[[int], int]) -> str:
        """Return a text that makes it another model, with as many cells and actors."""
        count = len(self.homes)
        patterns = (
            [i % self.cells for i in range(count)],
            [i * self.cells // count for i in range(count)],
            [self.cells - 1] * count,
            [choose(self.cells) for _ in range(count)],
        )
        homes = tuple(patterns[choose(len(patterns))])
        return self.model(homes, STARTS[choose(len(STARTS))])

    def model(self, homes: tuple[int, ...], start: str) -> str:
        return TAIL.format(
            conditions="",
            cells=", ".join(["make(Cell)"] * self.cells),
            actors=", ".join(f"make(Actor, home=cells[{home}])" for home in homes),
            start=start,
            steps=", ".join(self.names),
            names=", ".join(CONDITIONS),
        )


class AlikeWriter(Writer):
    """Writes a model in which only homes, and what the code does, tell entities apart."""

    def model(self) -> str:
        """Return the source text of a whole model; it is small, so that many can be judged."""
        code = self.code()
        return code.text + code.first()

    def code(self) -> Alike:
        """Return the code of a model."""
        steps = [self.step(i) for i in range(1 + self.choose(2))]
        policy = self.policy()
        sequences = [self.sequence(i) for i in range(self.choose(2))]
        cells, homes = SHAPES[self.choose(len(SHAPES))]
        start = STARTS[self.choose(2)]
        conditions = [
            CONDITION.format(name=name, test=self.asked(2 - i % 2))
            for i, name in enumerate(CONDITIONS)
        ]
        start = STARTS[2] if self.choose(4) == 3 else start
        names = [f"step{i}" for i in range(len(steps))] + [f"seq{i}" for i in range(len(sequences))]
        text = HEAD + "\n".join([policy, *steps, *sequences, *conditions])
        return Alike(text, cells, homes, start, tuple(names))

    def pieces(self, indent: int, size: int, *, loop: bool) -> list[str]:
        self.fuel = min(self.fuel, 3)
        return super().pieces(indent, min(size, 2), loop=loop)

    def asked(self, depth: int) -> str:
        """Return a test that sees all entities alike, or one that looks at the first one."""
        if self.choose(6) == 5:
            return f"w.all(Cell)[0].{('flag', 'count > 0')[self.choose(2)]}"
        return self.over(depth)
