"""Random models whose entities are set up alike: many of them are interchangeable."""

from __future__ import annotations

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


class AlikeWriter(Writer):
    """Writes a model in which only homes, and what the code does, tell entities apart."""

    def model(self) -> str:
        """Return the source text of a whole model; it is small, so that many can be judged."""
        steps = [self.step(i) for i in range(1 + self.choose(2))]
        policy = self.policy()
        sequences = [self.sequence(i) for i in range(self.choose(2))]
        return HEAD + "\n".join([policy, *steps, *sequences]) + self.tail(len(steps), sequences)

    def pieces(self, indent: int, size: int, *, loop: bool) -> list[str]:
        self.fuel = min(self.fuel, 3)
        return super().pieces(indent, min(size, 2), loop=loop)

    def tail(self, steps: int, sequences: list[str]) -> str:
        names = [f"step{i}" for i in range(steps)] + [f"seq{i}" for i in range(len(sequences))]
        cells, homes = SHAPES[self.choose(len(SHAPES))]
        start = ("    pass", "    for a in actors:\n        a.seen = tuple(cells)")[self.choose(2)]
        own = "    for a in actors:\n        a.cell = a.home"
        return TAIL.format(
            conditions="".join(
                CONDITION.format(name=name, test=self.asked(2 - i % 2))
                for i, name in enumerate(CONDITIONS)
            ),
            cells=", ".join(["make(Cell)"] * cells),
            actors=", ".join(f"make(Actor, home=cells[{home}])" for home in homes),
            start=own if self.choose(4) == 3 else start,
            steps=", ".join(names),
            names=", ".join(CONDITIONS),
        )

    def asked(self, depth: int) -> str:
        """Return a test that sees all entities alike, or one that looks at the first one."""
        if self.choose(6) == 5:
            return f"w.all(Cell)[0].{('flag', 'count > 0')[self.choose(2)]}"
        return self.over(depth)
