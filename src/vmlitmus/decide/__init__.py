"""From tests to outcomes: one cell here, or many on all cores; and what a cell needs."""

from typing import TYPE_CHECKING, Any

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

if TYPE_CHECKING:
    from vmlitmus.decide.needs import ablated

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


def __getattr__(name: str) -> Any:
    """Import what ablation needs when it is asked for."""
    if name == "ablated":
        from vmlitmus.decide.needs import ablated

        return ablated
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
