"""Renders outcomes as text; knows no model."""

from vmlitmus.report.explain import explain
from vmlitmus.report.summary import line, summary
from vmlitmus.report.timeline import WIDTH, timeline

__all__ = ["WIDTH", "explain", "line", "summary", "timeline"]
