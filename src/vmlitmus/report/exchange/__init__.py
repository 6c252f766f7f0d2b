"""Outcomes in formats that other tools read: test results, diagrams, traces, a C skeleton."""

from vmlitmus.report.exchange.junit import junit
from vmlitmus.report.exchange.ktap import ktap
from vmlitmus.report.exchange.mail import mail
from vmlitmus.report.exchange.markdown import check_markdown
from vmlitmus.report.exchange.mermaid import mermaid
from vmlitmus.report.exchange.perfetto import perfetto
from vmlitmus.report.exchange.sarif import sarif
from vmlitmus.report.exchange.selftest import selftest
from vmlitmus.report.exchange.svg import svg

__all__ = [
    "check_markdown",
    "junit",
    "ktap",
    "mail",
    "mermaid",
    "perfetto",
    "sarif",
    "selftest",
    "svg",
]
