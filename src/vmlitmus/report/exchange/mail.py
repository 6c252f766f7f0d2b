"""A mail ready to send: headers, and the report as its body, 75 columns of plain ASCII."""

from __future__ import annotations

import re
from email.message import EmailMessage
from email.policy import SMTP

from vmlitmus.outcome import Outcome
from vmlitmus.printable import ascii_only


def mail(outcome: Outcome, report: str) -> str:
    """Return the text of a message without sender and receivers, which the mailer asks for.

    The subject answers the thread that the test cites, or asks the test's question.
    """
    message = EmailMessage(policy=SMTP.clone(linesep="\n", max_line_length=900))
    asked = outcome.thread.subject if outcome.thread else outcome.question
    subject = " ".join(ascii_only(asked).split())
    answers = outcome.thread is not None and not re.match(r"re:", subject, re.IGNORECASE)
    message["Subject"] = _printable(f"Re: {subject}" if answers else subject)
    message.set_content(report, charset="us-ascii", cte="7bit")
    return message.as_string().rstrip("\n")


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in text)
