"""What a validation found, as plain data: the only thing that its reports read.

Times are in ns of the recording's clock. Source: the JSON contract ``vmlitmus/validation/1``.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

FIRST = "at the first events"  # why a search begins, where it does not begin anew


class ValidationAnswer(StrEnum):
    """The three answers of a validation."""

    EXPLAINED = "explained"
    NOT = "not explained"
    CANNOT_TELL = "cannot tell"


@dataclass(frozen=True)
class Candidate:
    """A step that might stand for the event, and what rules it out in how many states."""

    step: str
    why: str
    states: int


@dataclass(frozen=True)
class Prefix:
    """One of the longest runs that explain what came before: its last state, in words.

    ``runs`` counts the runs that end there.
    """

    state: dict[str, str]
    runs: int


@dataclass(frozen=True)
class Mismatch:
    """An event that no run explains, with all longest prefixes and what ruled each step out.

    ``before`` are the last events of the core that are explained.
    """

    time: int
    cpu: int
    event: str
    explained: int  # events of the core explained since the search began anew
    prefixes: tuple[Prefix, ...]
    candidates: tuple[Candidate, ...]
    before: tuple[str, ...]


@dataclass(frozen=True)
class CoreResult:
    """One core, or one ``vcpu``: how many events were to be explained, and how many are.

    ``runs`` counts the runs that explain the last stretch, told apart by the states after each
    event; ``states`` is the most states that agreed with the recording at one time. ``anew`` says
    how often the search had to begin again, and why.
    """

    cpus: tuple[int, ...]
    events: int
    explained: int
    runs: int
    states: int
    mismatches: tuple[Mismatch, ...]
    anew: dict[str, int]
    unread: int  # events of the core for which nothing could be asked
    why_unread: dict[str, int]  # how many of them since which beginning, in the words of ``anew``
    vcpu: str = ""  # which one, where a vcpu was followed; ``cpus`` are those that it ran on


@dataclass(frozen=True)
class Validation:
    """A whole validation."""

    where: str
    topic: str
    question: str
    answer: ValidationAnswer
    cores: tuple[CoreResult, ...]
    settings: dict[str, str]
    abstractions: dict[str, str]
    kept: str  # why it cannot be told, where it cannot
    notes: tuple[str, ...]

    @property
    def code(self) -> int:
        """The exit code: 0 explained, 1 not, 3 cannot tell."""
        return {ValidationAnswer.EXPLAINED: 0, ValidationAnswer.NOT: 1}.get(self.answer, 3)
