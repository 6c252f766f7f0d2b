"""Outcomes as one HTML file each: no request to anywhere, opened from disk."""

from vmlitmus.report.html.audit import audit_page, kernel_page
from vmlitmus.report.html.pages import (
    ablate_page,
    check_page,
    explain_page,
    table_page,
)
from vmlitmus.report.html.simulate import simulation_page

__all__ = [
    "ablate_page",
    "audit_page",
    "check_page",
    "explain_page",
    "kernel_page",
    "simulation_page",
    "table_page",
]
