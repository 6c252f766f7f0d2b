"""From tests to outcomes: one cell here, or many on all cores."""

from vmlitmus.decide.cells import Job, assumed, bounds_of, check_parts, decide, decide_all
from vmlitmus.decide.workers import spread

__all__ = ["Job", "assumed", "bounds_of", "check_parts", "decide", "decide_all", "spread"]
