"""Claims: statements about all runs of a machine, over named conditions."""

from __future__ import annotations

from typing import Literal, TypeAlias

from vmlitmus.frozen import Frozen

Kind: TypeAlias = Literal["never", "possible", "recoverable", "eventually", "leads_to"]
KINDS: tuple[Kind, ...] = ("never", "possible", "recoverable", "eventually", "leads_to")


class Claim(Frozen):
    """A quantifier over a condition, or (leads_to) over a condition and what has to follow it.

    never: no reachable state satisfies it. possible: some reachable state does. recoverable: from
    every reachable state, a state that satisfies it can still be reached. eventually: every fair
    run reaches one. leads_to: on every fair run, each state that satisfies ``condition`` satisfies
    ``then`` too, or is followed by one that does.
    """

    kind: Kind
    condition: str
    then: str | None = None

    def __post_init__(self) -> None:
        assert (self.kind == "leads_to") == (self.then is not None), self

    @property
    def conditions(self) -> tuple[str, ...]:
        """The names of the conditions, in order."""
        return (self.condition,) if self.then is None else (self.condition, self.then)

    @property
    def awaited(self) -> str:
        """The condition that has to come, for a claim that something comes."""
        return self.then or self.condition

    @property
    def is_liveness(self) -> bool:
        """Say whether the claim is about what happens for ever, so that fairness matters."""
        return self.kind in ("eventually", "leads_to")

    def __str__(self) -> str:
        return " ".join((self.kind, *self.conditions))


def never(condition: str) -> Claim:
    """Return the claim that no reachable state satisfies the condition."""
    return Claim("never", condition)


def possible(condition: str) -> Claim:
    """Return the claim that some reachable state satisfies the condition."""
    return Claim("possible", condition)


def recoverable(condition: str) -> Claim:
    """Return the claim that the condition can be reached again from every reachable state."""
    return Claim("recoverable", condition)


def eventually(condition: str) -> Claim:
    """Return the claim that every fair run reaches a state that satisfies the condition."""
    return Claim("eventually", condition)


def leads_to(condition: str, then: str) -> Claim:
    """Return the claim that on every fair run, ``condition`` is followed by ``then``."""
    return Claim("leads_to", condition, then)
