"""One run in a format that other tools draw, run or send."""

from __future__ import annotations

from collections.abc import Sequence

from vmlitmus.errors import UsageError
from vmlitmus.litmus.catalogue import Selected
from vmlitmus.outcome import Outcome

DRAWN = ("mermaid", "svg", "perfetto", "selftest")


def check_single(layout: str, selected: Sequence[Selected]) -> None:
    """Raise UsageError for a format that shows one run, where several cells are selected."""
    cells = [cell for _, chosen in selected for cell in chosen]
    if layout in DRAWN and len(cells) != 1:
        name = cells[0].name
        raise UsageError(f"--format {layout}: {len(cells)} cells; name one, such as {name!r}")


def draw(layout: str, outcome: Outcome) -> str | bytes:
    """Return an outcome in a format; raises UsageError for one without a run."""
    from vmlitmus.report import exchange

    if layout == "mermaid":
        return exchange.mermaid(outcome)
    text: str | bytes | None
    if layout == "perfetto":
        text = exchange.perfetto(outcome)
    else:
        text = exchange.svg(outcome) if layout == "svg" else exchange.selftest(outcome)
    if text is None or outcome.result is None or not outcome.result.trace:
        raise UsageError(f"--format {layout}: there is no run to show of {outcome.name!r}")
    return text


def as_mail(outcomes: Sequence[Outcome], report: str) -> str:
    """Return a report as a mail about the outcome that it shows in full."""
    from vmlitmus.report.exchange import mail
    from vmlitmus.report.grids.matrix import telling

    return mail(telling(outcomes), report)
