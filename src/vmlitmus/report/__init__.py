"""Renders outcomes as text; knows no model."""

from vmlitmus.report.explain import explain
from vmlitmus.report.summary import Row, line, row, summary
from vmlitmus.report.timeline import WIDTH, timeline

__all__ = ["WIDTH", "Row", "explain", "line", "row", "summary", "timeline"]
