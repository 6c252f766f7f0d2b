"""Renders outcomes as text; knows no model."""

from vmlitmus.report.summary import Row, line, row, summary

__all__ = ["Row", "line", "row", "summary"]
