"""What a step cannot pass: ``when``, and what of the store buffers has to come first."""

from __future__ import annotations


class NotEnabled(Exception):
    """Raised by ``when``: the step, or the section, cannot happen in this state."""


class Blocked(NotEnabled):
    """Raised in a section that has to wait until stores of its cpu have reached memory."""


def when(condition: object) -> None:
    """Guard: what follows happens only in states where ``condition`` is true."""
    if not condition:
        raise NotEnabled
