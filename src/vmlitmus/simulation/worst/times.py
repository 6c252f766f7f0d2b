"""When each step of a path happens, so that its end comes as late as it can after its beginning.

Each step leaves bounds on the differences of times: a clock ends at least its shortest and at most
its longest duration after it was started, and no clock that still runs has ended yet. The shortest
paths through these bounds, from the beginning on, are times that meet all of them, the last of
which is the latest (Bellman and Ford).
"""

from __future__ import annotations

from vmlitmus.simulation.worst.classes import ELAPSED, Class, Classes
from vmlitmus.simulation.worst.longest import Path
from vmlitmus.simulation.worst.zone import Name

Bounds = dict[tuple[int, int], int]  # the greatest difference of the times of two steps


def latest_times(classes: Classes, before: Path, path: Path) -> list[int]:
    """Return when each step of ``path`` happens, in nanoseconds after the last of ``before``."""
    bounds = _bounds(classes, [*before, *path])
    origin = len(before)
    count = origin + len(path) + 1
    times: list[int | None] = [None] * count
    times[origin] = 0
    for _ in range(count):
        changed = False
        for (a, b), most in bounds.items():
            base = times[b]
            if base is not None and ((now := times[a]) is None or base + most < now):
                times[a] = base + most
                changed = True
        if not changed:
            break
    return [time or 0 for time in times[origin + 1 :]]


def _bounds(classes: Classes, steps: Path) -> Bounds:
    """Return bounds on t[a] - t[b]; step 0 is the start of the run, step k its k-th edge."""
    found: Bounds = {}
    began = dict.fromkeys(steps[0][0].zone.names, 0) if steps else {}
    for number, (here, edge) in enumerate(steps, 1):
        _let(found, number - 1, number, 0)
        if edge.clock is None:
            _let(found, number, number - 1, 0)
        else:
            _let_clocks(found, classes, here, edge.clock, number, began)
        began |= dict.fromkeys(edge.starts, number)
    return found


def _let_clocks(
    found: Bounds, classes: Classes, here: Class, ends: Name, number: int, began: dict[Name, int]
) -> None:
    """One clock ends at step ``number``; the others have not ended before."""
    later = classes.later(here, ends)
    for name in here.zone.names:
        if name == ELAPSED:
            continue
        least, most = classes.duration(here, name, is_first=began[name] == 0)
        if name == ends:
            _let(found, began[name], number, -least)
        if most is not None:
            _let(found, number, began[name], most - later.get(name, 0))


def _let(bounds: Bounds, a: int, b: int, most: int) -> None:
    known = bounds.get((a, b))
    bounds[a, b] = most if known is None else min(known, most)
