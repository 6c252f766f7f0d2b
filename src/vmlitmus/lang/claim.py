"""Claims: statements about all runs of a machine, over a named condition."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

Kind: TypeAlias = Literal["never", "possible", "recoverable"]
KINDS: tuple[Kind, ...] = ("never", "possible", "recoverable")


@dataclass(frozen=True)
class Claim:
    """A quantifier over a condition.

    never: no reachable state satisfies it. possible: some reachable state does. recoverable: from
    every reachable state, a state that satisfies it can still be reached.
    """

    kind: Kind
    condition: str

    def __str__(self) -> str:
        return f"{self.kind} {self.condition}"


def never(condition: str) -> Claim:
    """Return the claim that no reachable state satisfies the condition."""
    return Claim("never", condition)


def possible(condition: str) -> Claim:
    """Return the claim that some reachable state satisfies the condition."""
    return Claim("possible", condition)


def recoverable(condition: str) -> Claim:
    """Return the claim that the condition can be reached again from every reachable state."""
    return Claim("recoverable", condition)
