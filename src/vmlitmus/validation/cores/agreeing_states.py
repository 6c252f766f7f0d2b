"""The states of the model that agree with what was recorded of one core so far."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from vmlitmus.validation.agreeing import Agreeing, added
from vmlitmus.validation.cores.lift import IDLE, CoreShown, Group, Lifted
from vmlitmus.validation.frontier import Follower, Wanted
from vmlitmus.validation.mapping import Observed


class AgreeingStates(Agreeing):
    """The states that agree.

    An event is named as the mapping names it, and comes with what a step is bound to and with what
    the recording shows of the core after it.
    """

    def __init__(self, follower: Follower, lifted: Lifted, events: Mapping[str, Observed]) -> None:
        super().__init__(follower)
        self._lifted = lifted
        self.steps = {name: observed.steps for name, observed in events.items()}

    def look(self) -> CoreShown:
        """Return what the recording shows of the core now."""
        return self._lifted.look(next(iter(self.runs)))

    def group_at(self, place: int) -> Group | None:
        """Return the group whose task a cpu of the core runs."""
        who, _ = self.look()[place]
        return who if isinstance(who, Group) else None

    def with_task(self, place: int, group: Group | None) -> CoreShown:
        """Return what is shown once a cpu runs a task of a group, None for the idle task."""
        return self._changed(place, (group if group is not None else IDLE, False))

    def with_guest(self, place: int, guest: bool) -> CoreShown:
        """Return what is shown once a cpu has entered or left guest mode."""
        return self._changed(place, (self.look()[place][0], guest)) if self.runs else ()

    def _changed(self, place: int, cpu: tuple[object, bool]) -> CoreShown:
        shown = list(self.look()) if self.runs else []
        return tuple(cpu if n == place else other for n, other in enumerate(shown))

    def wanted(self, kind: str, bound: tuple[str, ...], shows: CoreShown) -> Wanted:
        """Return what a step has to be that stands for an event."""
        return Wanted(self.steps[kind], bound, shows)

    def take_event(
        self, kind: str, bound: tuple[str, ...], shows: CoreShown, chances: Iterable[frozenset[str]]
    ) -> bool:
        """Take an event; says whether some state could. ``chances``: tasks that may have waited."""
        return self.take(self.wanted(kind, bound, shows), chances)

    def may_switch_within(self, place: int) -> None:
        """A cpu went from one task of a group to another: siblings may have been picked for."""
        bound = (str(self._lifted.cpus[place]),)
        self.keep(added(self.runs, self.after(self.wanted("switches", bound, self.look()))))

    def may_dequeue(self, task: str) -> None:
        """A task of a group left; another of it, not seen yet, may still be queued."""
        gone = self.after(self.wanted("dequeued", (task,), self.look()))
        self.runs = added(self.runs, gone)

    def leave(self, task: str, *, last: bool) -> None:
        """A task of a group sleeps; it may be the ``last`` one that waited, or it is not."""
        shows = self.look()
        found = self.after(self.wanted("sleeps", (task,), shows)) if last else {}
        stays = self.after(self.wanted("yields", (task,), shows))
        self.runs = added(found, stays) or dict(self.runs)
