"""Outcomes as one HTML file each: no request to anywhere, opened from disk."""

from vmlitmus.report.html.pages import (
    ablate_page,
    check_page,
    explain_page,
    table_page,
)

__all__ = ["ablate_page", "check_page", "explain_page", "table_page"]
