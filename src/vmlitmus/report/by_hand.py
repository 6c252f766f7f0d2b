"""A run that somebody chose step by step, to be pasted in a mail."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from vmlitmus.outcome import Outcome
from vmlitmus.printable import ascii_only
from vmlitmus.report.explain import items, limited_to
from vmlitmus.report.timeline import WIDTH, timeline


def by_hand(outcome: Outcome, true: Sequence[str], command: str) -> str:
    """Return the time-line of an outcome's run, what is ``true`` at its end, and how to repeat it.

    At most 75 columns wide, except for the command.
    """
    steps = (outcome.result.trace or ()) if outcome.result is not None else ()
    lines = [*_wrap(outcome.question), ""]
    lines += [f"A run of {len(steps)} step{'' if len(steps) == 1 else 's'}, chosen by hand:", ""]
    lines += [*_wrap(f"Start: {outcome.start}."), ""] if outcome.start else []
    lines += [*timeline(steps), ""]
    lines += ["True after it:", *items(true), ""] if true else []
    lines += [line for sentence in limited_to(outcome.bounds) for line in _wrap(sentence)]
    lines += ["", "To run it again:", f"  {command}"]
    return "\n".join(ascii_only(line).rstrip() for line in lines)


def _wrap(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, break_on_hyphens=False) or [""]
