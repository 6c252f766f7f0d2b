"""The states of a model that agree with what was recorded so far."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from vmlitmus.outcome.validation import Candidate, Prefix
from vmlitmus.validation.frontier import Follower, Refusal, State, TooMany, Wanted

MOST_STATES = 20_000  # that agree with the recording at one time
SHOWN = 8  # prefixes and candidates of a mismatch that are kept
TOO_MANY = "too many states agreed"  # why a search begins anew
LOST = "events were lost"
MISMATCH = "after an event that no run explains"


class Agreeing:
    """``runs`` maps each state that agrees to its number of runs; empty: nothing is known.

    ``most`` is the most states that agreed at one time.
    """

    def __init__(self, follower: Follower) -> None:
        self.follower = follower
        self.runs: dict[State, int] = {}
        self.most = 0

    def take(self, wanted: Wanted, chances: Iterable[frozenset[str]]) -> bool:
        """Take an event; says whether some state could. ``chances``: gates, fewest open first."""
        found: dict[State, int] = {}
        for chance in chances:
            self.follower.open = chance
            found = self.after(wanted)
            if found:
                break
        self.follower.open = frozenset()
        if not found:
            return False
        if len(found) > MOST_STATES:
            raise TooMany
        self.keep(found)
        self.most = max(self.most, len(self.runs))
        return True

    def after(self, wanted: Wanted) -> dict[State, int]:
        """Return the states after an event, with their runs."""
        found: dict[State, int] = {}
        for state, runs in self.runs.items():
            for after in self.follower.after(state, wanted):
                found[after] = found.get(after, 0) + runs
        return found

    def keep(self, found: Mapping[State, int]) -> None:
        """Keep the states from which the others are reached unseen."""
        self.runs = {state: found[state] for state in self.follower.least(found)}


def added(one: Mapping[State, int], other: Mapping[State, int]) -> dict[State, int]:
    """Return the states of two, with the runs of both."""
    found = dict(one)
    for state, runs in other.items():
        found[state] = found.get(state, 0) + runs
    return found


def longest_prefixes(
    states: Mapping[State, int], in_words: Callable[[State], dict[str, str]]
) -> tuple[Prefix, ...]:
    """Return the last states of the longest prefixes, those with most runs first."""
    most = sorted(states.items(), key=lambda item: -item[1])[:SHOWN]
    return tuple(Prefix(in_words(state), runs) for state, runs in most)


def candidates(refused: Sequence[Refusal]) -> tuple[Candidate, ...]:
    """Return the first steps that were refused, and why."""
    return tuple(Candidate(r.step, r.why, r.states) for r in refused[:SHOWN])
