"""The longest time from one thing to another: the longest path through state classes.

First all classes are found; then those in which the measured time runs. Where they have a cycle,
the time has no bound, and the cycle is the reason. Where they have none, the time since the
beginning goes along as one more clock, and the longest of all ends is the answer.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from vmlitmus.simulation.laws.rules import Rules, actor_of
from vmlitmus.simulation.measures.measure import Measure
from vmlitmus.simulation.measures.tally import Plan, plan
from vmlitmus.simulation.worst.classes import ELAPSED, Class, Classes, Edge
from vmlitmus.simulation.worst.zone import NOW, begun

ANYBODY = ""
Watch = tuple[Class, str]  # a class, and whose time runs in it
Path = list[tuple[Class, Edge]]


class TooLarge(Exception):
    """There are more classes than time or the limit allows; ``classes`` were looked at."""

    def __init__(self, classes: int, why: str) -> None:
        super().__init__(why)
        self.classes = classes


@dataclass(frozen=True)
class Longest:
    """The longest time in nanoseconds; None without a bound, ``why`` then says why.

    ``before`` leads to where the time begins, ``path`` from there to its end; the last ``loop``
    edges of the path come again and again. ``seen`` says whether the time ever begins.
    """

    nanoseconds: int | None
    why: str
    before: Path
    path: Path
    loop: int
    classes: int
    seen: bool = True


class Search:
    """Looks for the longest of one latency. ``most`` bounds the classes, ``seconds`` the time."""

    def __init__(self, rules: Rules, measure: Measure, *, most: int, seconds: float) -> None:
        self.classes = Classes(rules)
        self.machine = rules.machine
        self.measure = measure
        self.plan: Plan = plan([measure], rules.machine)
        self.most = most
        self.ends = time.monotonic() + seconds
        self.outgoing: dict[Class, list[Edge]] = {}
        self.parent: dict[Class, tuple[Class, Edge] | None] = {}

    def run(self, progress: Callable[[int], None] | None = None) -> Longest:
        """Return what is found; raises TooLarge."""
        self._explore(progress)
        starts = list(self._starts())
        if not starts:
            return Longest(None, "", [], [], 0, len(self.parent), seen=False)
        return self._without_end(starts) or self._longest(starts)

    def _explore(self, progress: Callable[[int], None] | None) -> None:
        first = self.classes.first()
        self.parent[first] = None
        waiting = [first]
        for here in waiting:
            found = self.outgoing[here] = list(self.classes.edges(here))
            for edge in found:
                if edge.target not in self.parent:
                    self.parent[edge.target] = here, edge
                    waiting.append(edge.target)
            self._check(len(self.parent))
            if progress is not None and len(self.parent) % 500 == 0:
                progress(len(self.parent))

    def _check(self, count: int) -> None:
        if count > self.most:
            raise TooLarge(count, "ask with smaller bounds or constant durations")
        if time.monotonic() > self.ends:
            raise TooLarge(count, "the time is up; see --time-limit")

    def _occurs(self, here: Class, edge: Edge, word: str) -> bool:
        """Say whether something occurs on an edge."""
        if edge.firing is None:
            return False
        at = self.plan.occurrences.index(word)
        if at in self.plan.of(edge.firing):
            return True
        condition = word.removeprefix("not ")
        if condition not in self.plan.conditions:
            return False
        before, after = (self._holds(c, condition) for c in (here, edge.target))
        return before != after and after is (word == condition)

    def _holds(self, here: Class, condition: str) -> bool:
        return self.classes.stepper.holds(here.state, condition)

    def _actor(self, edge: Edge) -> str:
        if not self.measure.by_actor or edge.firing is None:
            return ANYBODY
        return actor_of(self.machine.instances[edge.firing[0]])

    def _starts(self) -> Iterator[tuple[Path, Watch]]:
        """Yield where the time may begin, each with the way there."""
        word = self.measure.what[0]
        seen: set[Watch] = set()
        first = next(iter(self.parent))
        if word in self.plan.conditions and self._holds(first, word):
            seen.add((first, ANYBODY))
            yield [], (first, ANYBODY)
        for here, edges in self.outgoing.items():
            for edge in edges:
                watch = edge.target, self._actor(edge)
                if watch not in seen and self._occurs(here, edge, word):
                    seen.add(watch)
                    yield [*self._way(here), (here, edge)], watch

    def _way(self, to: Class) -> Path:
        found: Path = []
        while (step := self.parent[to]) is not None:
            found.append(step)
            to = step[0]
        return found[::-1]

    def _next(self, watch: Watch, edges: list[Edge]) -> Iterator[tuple[Edge, Watch]]:
        """Yield what goes on with the time still running."""
        here, actor = watch
        for edge in edges:
            if not self._is_end(here, edge, actor):
                yield edge, (edge.target, actor)

    def _is_end(self, here: Class, edge: Edge, actor: str) -> bool:
        return self._occurs(here, edge, self.measure.what[1]) and self._actor(edge) == actor

    def _without_end(self, starts: list[tuple[Path, Watch]]) -> Longest | None:
        """Return a cycle, or a place where nothing more happens, while the time runs."""
        done: set[Watch] = set()
        for before, start in starts:
            way: list[tuple[Watch, Iterator[tuple[Edge, Watch]]]] = []
            taken: Path = []
            on_way: dict[Watch, int] = {}
            watch: Watch | None = start if start not in done else None
            while watch is not None or way:
                if watch is not None:
                    if not self.outgoing[watch[0]]:
                        return self._endless("nothing more happens", before, taken, 0)
                    on_way[watch] = len(way)
                    way.append((watch, self._next(watch, self.outgoing[watch[0]])))
                found = next(way[-1][1], None)
                if found is None:
                    ended, _ = way.pop()
                    del on_way[ended]
                    done.add(ended)
                    if taken:
                        taken.pop()
                    watch = None
                    continue
                edge, watch = found
                taken.append((way[-1][0][0], edge))
                if watch in on_way:
                    loop = len(way) - on_way[watch]
                    return self._endless(
                        "these steps may come again and again", before, taken, loop
                    )
                if watch in done:
                    taken.pop()
                    watch = None
        return None

    def _endless(self, why: str, before: Path, taken: Path, loop: int) -> Longest:
        return Longest(None, why, before, list(taken), loop, len(self.parent))

    def _longest(self, starts: list[tuple[Path, Watch]]) -> Longest:
        """Return the longest of the ways on which the time ends; none of them has a cycle."""
        best: Longest | None = None
        came: dict[Watch, tuple[Watch, Edge] | None] = {}
        begins: dict[Watch, Path] = {}
        waiting: list[Watch] = []
        for before, (here, actor) in starts:
            watch = replace(here, zone=begun(here.zone, {ELAPSED: (0, 0)})), actor
            if watch not in came:
                came[watch], begins[watch] = None, before
                waiting.append(watch)
        for watch in waiting:
            here, actor = watch
            for edge in self.classes.edges(here):
                if self._is_end(here, edge, actor):
                    most = edge.target.zone.most(NOW, ELAPSED)
                    if best is None or most is None or most > (best.nanoseconds or 0):
                        before, path = self._back(watch, came, begins)
                        why = "" if most is not None else "a step may take any time"
                        best = Longest(most, why, before, [*path, (here, edge)], 0, 0)
                        if most is None:
                            return replace(best, classes=len(self.parent))
                elif (on := (edge.target, actor)) not in came:
                    came[on] = watch, edge
                    waiting.append(on)
            self._check(len(came))
        assert best is not None, "no cycle, and no end"
        return replace(best, classes=len(self.parent))

    def _back(
        self,
        watch: Watch,
        came: dict[Watch, tuple[Watch, Edge] | None],
        begins: dict[Watch, Path],
    ) -> tuple[Path, Path]:
        path: Path = []
        while (step := came[watch]) is not None:
            watch, edge = step
            path.append((watch[0], edge))
        return begins[watch], path[::-1]
