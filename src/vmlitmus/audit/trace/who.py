"""Who is who and which cpus are siblings, of what the user gives."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from vmlitmus.audit.trace.roster import Roster, parse_cores, read_table


def find_out(table: str | None, cores: Sequence[str]) -> tuple[Roster, tuple[frozenset[int], ...]]:
    """Return the roster of a table, and the cores of lists."""
    roster = Roster()
    if table is not None:
        roster.members |= read_table(Path(table)).members
        roster.source = table
    return roster, parse_cores(cores)
