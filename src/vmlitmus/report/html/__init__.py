"""Outcomes as one HTML file each: no request to anywhere, opened from disk."""

from vmlitmus.report.html.pages import (
    Cite,
    ablate_page,
    check_page,
    explain_page,
    table_page,
)

__all__ = ["Cite", "ablate_page", "check_page", "explain_page", "table_page"]
