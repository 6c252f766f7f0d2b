"""Decision diagrams: what code computes, as a function of the state that it starts in.

A diagram is an int, which is the result whatever the state, or a node that asks for one thing of
the state and has a diagram for each answer. Equal functions are the same object, so that comparing
what two pieces of code do takes no search. What is asked first is fixed by a node's level.

After R. Bryant, "Graph-Based Algorithms for Boolean Function Manipulation", 1986, with numbers at
the leaves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import repeat
from typing import TypeAlias

from vmlitmus.compiler.ir.nodes import EXACT


class TooMuch(Exception):
    """A comparison would take too long."""


class Node:
    """A question, by its level, and the diagrams that its answers lead to."""

    __slots__ = ("answers", "level")

    def __init__(self, level: int, answers: tuple[Diagram, ...]) -> None:
        self.level = level
        self.answers = answers


Diagram: TypeAlias = int | Node


class Diagrams:
    """All diagrams of one proof; ``effort`` counts the answers looked at, ``most`` bounds it."""

    def __init__(self) -> None:
        self.most = self.effort = 0
        self.nodes: dict[tuple[int, tuple[Diagram, ...]], Node] = {}
        self.known: dict[tuple[object, ...], Diagram] = {}

    def node(self, level: int, answers: tuple[Diagram, ...]) -> Diagram:
        """Return the diagram that asks, or the one that all answers lead to."""
        first = answers[0]
        if answers.count(first) == len(answers):
            return first
        key = level, answers
        found = self.nodes.get(key)
        if found is None:
            found = self.nodes[key] = Node(level, answers)
        return found

    def apply(self, op: str, *args: Diagram) -> Diagram:
        """Return the diagram of an operation of the intermediate form."""
        name = op.partition(" ")[0]
        if name in ("sext", "zext", "trunc"):
            return args[0]
        if name == "select":
            return self.select(*args)
        return self._apply(name, EXACT[name], args)

    def map(self, key: object, function: Callable[[int], int], diagram: Diagram) -> Diagram:
        """Return a diagram with another number at each leaf; ``key`` names the function."""
        return self._apply(key, function, (diagram,))

    def _apply(
        self, key: object, function: Callable[..., int], args: tuple[Diagram, ...]
    ) -> Diagram:
        levels = [a.level for a in args if a.__class__ is Node]
        if not levels:
            return _result(function, args)
        known = self.known
        found = known.get((key, args))
        if found is None:
            level = min(levels)
            rows = self._answers(level, args)
            answers = tuple([self._apply(key, function, row) for row in rows])
            found = known[key, args] = self.node(level, answers)
        return found

    def select(self, condition: Diagram, then: Diagram, other: Diagram) -> Diagram:
        """Return what is one diagram where a condition is true, and another where it is not."""
        if isinstance(condition, int):
            return then if condition else other
        if then is other:
            return then
        key = "select", condition, then, other
        found = self.known.get(key)
        if found is None:
            args = (condition, then, other)
            level = min([a.level for a in args if isinstance(a, Node)])
            answers = tuple([self.select(*row) for row in self._answers(level, args)])
            found = self.known[key] = self.node(level, answers)
        return found

    def _answers(self, level: int, args: tuple[Diagram, ...]) -> Iterable[tuple[Diagram, ...]]:
        """Return, for each answer to the question of a level, what the diagrams are then."""
        asking = [a.answers if isinstance(a, Node) and a.level == level else None for a in args]
        count = next(len(answers) for answers in asking if answers is not None)
        self.effort += count
        if self.effort > self.most:
            raise TooMuch
        columns = [
            repeat(a, count) if answers is None else answers
            for a, answers in zip(args, asking, strict=True)
        ]
        return zip(*columns, strict=True)


def _result(function: Callable[..., int], args: tuple[Diagram, ...]) -> int:
    """Return the result of an operation on numbers.

    A select computes both of its sides: what cannot be computed is not selected, and stands for 0.
    """
    try:
        return function(*args)
    except (ValueError, ZeroDivisionError):
        return 0
