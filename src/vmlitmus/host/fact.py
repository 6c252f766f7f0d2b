"""A fact: a value, where it was read and when; or why it could not be read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Fact(Generic[T]):
    """``value`` is None where ``why`` says why; ``where`` is a path as on the host.

    ``when`` is in seconds since 1970 on the clock of the machine that reads; 0 where a saved tree
    does not say.
    """

    value: T | None
    where: str
    why: str = ""
    when: float = 0.0

    @property
    def known(self) -> bool:
        return self.value is not None

    def unread(self, why: str) -> Fact[T]:
        """Return the same place, with a reason in place of the value."""
        return Fact(None, self.where, why, self.when)


def lost(where: str, why: str) -> Fact[T]:
    """Return a fact that is not known."""
    return Fact(None, where, why)
