"""The states of the model that agree with what was recorded of one core so far."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from vmlitmus.validation.frontier import Follower, Shown, State, TooMany
from vmlitmus.validation.lift import IDLE, Group, Lifted
from vmlitmus.validation.mapping import Observed

MOST_STATES = 20_000  # that agree with the recording at one time


class AgreeingStates:
    """``runs`` maps each state that agrees to its number of runs; empty: nothing is known.

    An event is named as the mapping names it, and comes with what a step is bound to and with what
    the recording shows of the core after it.
    """

    def __init__(self, follower: Follower, lifted: Lifted, events: Mapping[str, Observed]) -> None:
        self._follower = follower
        self._lifted = lifted
        self.steps = {name: observed.steps for name, observed in events.items()}
        self.runs: dict[State, int] = {}
        self.most = 0

    def look(self) -> Shown:
        """Return what the recording shows of the core now."""
        return self._follower.shown(next(iter(self.runs)))

    def group_at(self, place: int) -> Group | None:
        """Return the group whose task a cpu of the core runs."""
        who, _ = self.look()[place]
        return who if isinstance(who, Group) else None

    def with_task(self, place: int, group: Group | None) -> Shown:
        """Return what is shown once a cpu runs a task of a group, None for the idle task."""
        return self._changed(place, (group if group is not None else IDLE, False))

    def with_guest(self, place: int, guest: bool) -> Shown:
        """Return what is shown once a cpu has entered or left guest mode."""
        return self._changed(place, (self.look()[place][0], guest)) if self.runs else ()

    def _changed(self, place: int, cpu: tuple[object, bool]) -> Shown:
        shown = list(self.look()) if self.runs else []
        return tuple(cpu if n == place else other for n, other in enumerate(shown))

    def take(
        self, kind: str, bound: tuple[str, ...], shows: Shown, chances: Iterable[frozenset[str]]
    ) -> bool:
        """Take an event; says whether some state could. ``chances``: tasks that may have waited."""
        found: dict[State, int] = {}
        for chance in chances:
            self._follower.open = chance
            found = self._after(kind, bound, shows)
            if found:
                break
        self._follower.open = frozenset()
        if not found:
            return False
        if len(found) > MOST_STATES:
            raise TooMany
        self._keep_least(found)
        self.most = max(self.most, len(self.runs))
        return True

    def may_switch_within(self, place: int) -> None:
        """A cpu went from one task of a group to another: siblings may have been picked for."""
        bound = (str(self._lifted.cpus[place]),)
        self._keep_least(_sum(self.runs, self._after("switches", bound, self.look())))

    def may_dequeue(self, task: str) -> None:
        """A task of a group left; another of it, not seen yet, may still be queued."""
        self.runs = _sum(self.runs, self._after("dequeued", (task,), self.look()))

    def leave(self, task: str, *, last: bool) -> None:
        """A task of a group sleeps; it may be the ``last`` one that waited, or it is not."""
        shows = self.look()
        found = self._after("sleeps", (task,), shows) if last else {}
        self.runs = _sum(found, self._after("yields", (task,), shows)) or dict(self.runs)

    def _after(self, kind: str, bound: tuple[str, ...], shows: Shown) -> dict[State, int]:
        found: dict[State, int] = {}
        for state, runs in self.runs.items():
            for after in self._follower.after(state, self.steps[kind], bound, shows):
                found[after] = found.get(after, 0) + runs
        return found

    def _keep_least(self, found: dict[State, int]) -> None:
        self.runs = {state: found[state] for state in self._follower.least(found)}


def _sum(one: Mapping[State, int], other: Mapping[State, int]) -> dict[State, int]:
    found = dict(one)
    for state, runs in other.items():
        found[state] = found.get(state, 0) + runs
    return found
