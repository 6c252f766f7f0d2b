"""The keys of a litmus file: one table that the reader, the reference page and the schema share.

A topic adds tables and keys of its own: those of its model's settings.
"""

from collections.abc import Iterable

from vmlitmus.litmus.keys.cell import CELL
from vmlitmus.litmus.keys.key import Key
from vmlitmus.litmus.keys.simulation import SIMULATION
from vmlitmus.litmus.keys.summary import SUMMARY
from vmlitmus.litmus.keys.timing_rows import TIMING_ROWS
from vmlitmus.litmus.keys.top import DECIDED_BY, TOP, VERDICTS

__all__ = [
    "DECIDED_BY",
    "KEYS",
    "VERDICTS",
    "Key",
    "key_names",
    "required",
    "required_with",
    "tables",
]

KEYS = (*TOP, *CELL, *SUMMARY, *SIMULATION, *TIMING_ROWS)  # in the order of the reference


def key_names(table: str) -> tuple[str, ...]:
    """Return the keys that a table may have; "" is the top of the file."""
    return tuple(key.name for key in KEYS if key.table == table)


def required(table: str) -> tuple[str, ...]:
    """Return the keys that a table must have."""
    return tuple(key.name for key in KEYS if key.table == table and key.required)


def required_with(key: str) -> tuple[str, ...]:
    """Return the keys at the top that a file must have if it has another one."""
    return tuple(other.name for other in KEYS if key and other.required_with == key)


def tables() -> Iterable[str]:
    """Return the tables, in the order of the reference."""
    return dict.fromkeys(key.table for key in KEYS)
