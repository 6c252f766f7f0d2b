"""From tests to outcomes: one cell here, or many on all cores; and what a cell needs."""

from vmlitmus.decide.ablated import ablated
from vmlitmus.decide.cells import (
    Job,
    assumed,
    bounds_of,
    check_parts,
    decide,
    decide_all,
    decide_apart,
)
from vmlitmus.decide.workers import spread

__all__ = [
    "Job",
    "ablated",
    "assumed",
    "bounds_of",
    "check_parts",
    "decide",
    "decide_all",
    "decide_apart",
    "spread",
]
