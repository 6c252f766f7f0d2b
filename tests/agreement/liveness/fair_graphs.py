"""Random small graphs with fairness, the models that have them, and an opinion of their own.

Nothing here uses an engine: a graph is a table, and ``violated`` goes through all sets of states
that a run may visit for ever.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass

HEAD = """from __future__ import annotations
from typing import Annotated
from vmlitmus.lang import *

S = Assumption("random", "a random graph")

class Walker(Entity):
    at: Annotated[int, Between(0, {last})] = 0

"""
TAIL = """
@condition("asked", "it is asked for", source=S)
def asked(w):
    return {asked}

@condition("met", "it is met", source=S)
def met(w):
    return {met}

def setup(make, s):
    make(Walker)

MODEL = Model(name="graph", doc="", entities=(Walker,), steps=({names},),
    conditions=(asked, met), setup=setup)
"""


@dataclass(frozen=True)
class Graph:
    """``moves[i]`` maps states where instance i is enabled to where it leads; ``fair[i]`` is its
    fairness or None. ``asked`` and ``met`` are sets of states; the first state is 0."""

    moves: tuple[dict[int, int], ...]
    fair: tuple[str | None, ...]
    asked: frozenset[int]
    met: frozenset[int]
    size: int

    def text(self) -> str:
        """Return the source text of a model with this graph."""
        steps = [self.step(i) for i in range(len(self.moves))]
        tail = TAIL.format(
            asked=_among(self.asked, "w.the(Walker)"),
            met=_among(self.met, "w.the(Walker)"),
            names=", ".join(f"step{i}" for i in range(len(self.moves))),
        )
        return HEAD.format(last=max(self.size - 1, 1)) + "\n".join(steps) + tail

    def step(self, index: int) -> str:
        moves = self.moves[index]
        fair = f', fair="{self.fair[index]}"' if self.fair[index] else ""
        lines = [
            f'@step("{{x}} takes {index}", source=S{fair})',
            f"def step{index}(w, x: Walker):",
            f"    when({_among(moves, 'x')})",
            f"    x.at = {_target(list(moves.items()))}",
        ]
        return "\n".join(lines) + "\n"

    def steps(self, state: int) -> list[tuple[int, int]]:
        return [(i, moves[state]) for i, moves in enumerate(self.moves) if state in moves]

    def reached(self, starts: set[int], within: set[int]) -> set[int]:
        found, waiting = set(starts), list(starts)
        while waiting:
            for _, after in self.steps(waiting.pop()):
                if after in within and after not in found:
                    found.add(after)
                    waiting.append(after)
        return found

    def waiting(self, kind: str) -> set[int]:
        """Return where a run may be that has waited in vain so far."""
        unmet = set(range(self.size)) - self.met
        if kind == "eventually":
            starts = {0}
        else:
            starts = self.reached({0}, set(range(self.size))) & self.asked
        return self.reached(starts & unmet, unmet)

    def violated(self, kind: str) -> bool:
        """Say whether some fair run waits for ever: try all sets of states it may end in."""
        waiting = sorted(self.waiting(kind))
        sizes = range(1, len(waiting) + 1)
        subsets = itertools.chain.from_iterable(itertools.combinations(waiting, n) for n in sizes)
        return any(self.fair_for_ever(set(states)) for states in subsets)

    def fair_for_ever(self, states: set[int]) -> bool:
        """Say whether a run may visit exactly these states for ever, and be fair."""
        if any(self.reached({state}, states) != states for state in states):
            return False
        return all(self.kept(i, states) for i in range(len(self.moves)))

    def kept(self, index: int, states: set[int]) -> bool:
        moves = self.moves[index]
        taken = any(state in moves and moves[state] in states for state in states)
        enabled = [state in moves for state in states]
        if self.fair[index] == "weak":
            return taken or not all(enabled)
        if self.fair[index] == "strong":
            return taken or not any(enabled)
        return True


def _among(states, who: str) -> str:
    """Return the text of a test whether ``who`` is in one of some states."""
    return " or ".join(f"{who}.at == {state}" for state in sorted(states)) or f"{who}.at > 90"


def _target(moves: list[tuple[int, int]]) -> str:
    (state, target), *rest = moves
    return f"{target} if x.at == {state} else ({_target(rest)})" if rest else str(target)


def random_graph(choose: Callable[[int], int]) -> Graph:
    """Return a graph of up to 7 states and 5 instances; ``choose(n)`` gives a number below n."""
    size = 2 + choose(6)
    moves, fair = [], []
    for _ in range(1 + choose(5)):
        enabled = [s for s in range(size) if choose(5) < 2] or [choose(size)]
        moves.append({state: choose(size) for state in enabled})
        fair.append((None, "weak", "strong", "weak", "strong")[choose(5)])
    asked = frozenset(s for s in range(size) if choose(3) == 0)
    met = frozenset(s for s in range(size) if choose(4) == 0)
    return Graph(tuple(moves), tuple(fair), asked, met, size)


def nested_graph(choose: Callable[[int], int]) -> Graph:
    """Return a graph with loops inside loops, of which strong fairness forbids the outer ones.

    Two unfair instances go round among up to 8 states; strong ones, enabled in few of them, lead
    mostly to the last state, where the claim is met.
    """
    size = 4 + choose(6)
    rings = [{s: choose(size - 1) if choose(3) else s for s in range(size - 1)} for _ in range(2)]
    rings[0] = {s: (s + 1) % (size - 1) for s in range(size - 1)}
    strong = []
    for _ in range(1 + choose(4)):
        enabled = {choose(size - 1) for _ in range(1 + choose(2))}
        strong.append({s: size - 1 if choose(4) else choose(size) for s in sorted(enabled)})
    weak = {s: size - 1 for s in range(size - 1) if choose(8)} or {0: 0}
    fair = (None, None, *("strong" for _ in strong), "weak")
    asked = frozenset({choose(size - 1)})
    return Graph((*rings, *strong, weak), fair, asked, frozenset({size - 1}), size)


def all_graphs_of_two_states() -> Iterator[Graph]:
    """Yield every graph of two states and two instances, with every fairness, met in none."""
    moves = [
        {state: target for state, target in enumerate(targets) if target is not None}
        for targets in itertools.product((None, 0, 1), repeat=2)
    ]
    fairness = (None, "weak", "strong")
    for a, b in itertools.product([m for m in moves if m], repeat=2):
        for fair in itertools.product(fairness, repeat=2):
            yield Graph((a, b), fair, frozenset({1}), frozenset(), 2)
