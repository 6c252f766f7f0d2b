"""Which parts of a topic's mechanisms does no test of the catalogue need?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress

import click

from vmlitmus.cli.ablation.part_users import Search, candidates, explanations
from vmlitmus.cli.options import write_out
from vmlitmus.cli.output.progress import Ticker
from vmlitmus.decide import Job
from vmlitmus.outcome import exit_code
from vmlitmus.report.ablation.one_test import two_columns
from vmlitmus.scenario import Test


def audit(job: Job, tests: Sequence[Test], wide: bool, output: str | None) -> int:
    """Print for each part of the tests' topics which test needs it, or how a docstring explains it.

    Returns 1 when there is a part of which neither is true, 3 when one is not known within the
    limits, 130 when interrupted.
    """
    lines: list[str] = []
    codes: list[int] = []
    for topic in dict.fromkeys(test.topic for test in tests):
        parts, reasons = explanations(job, topic)
        search = Search(job, candidates(job, topic, tests, wide=wide), parts, every=False)
        interrupted = True
        with suppress(KeyboardInterrupt), Ticker(len(search.among)) as ticker:
            search.run(ticker)
            interrupted = False
        verdicts = {part: _verdict(part, search, reasons) for part in parts}
        rows = [(part, [text]) for part, (text, _) in verdicts.items()]
        lines += [*two_columns(topic, "who needs it", rows), ""] if rows else []
        codes += [code for _, code in verdicts.values()]
        if interrupted:
            click.echo("vmlitmus: interrupted", err=True)
            codes.append(130)
            break
    lines.append(_total(codes))
    write_out("\n".join(lines), output)
    return exit_code(codes)


def _total(codes: Sequence[int]) -> str:
    """Sum up what is known of the parts, each with the exit code that it alone would give."""
    parts = [code for code in codes if code != 130]
    failed, open_ = parts.count(1), parts.count(3)
    if not failed and not open_ and len(parts) == len(codes):
        return f"each of {len(parts)} parts is needed by a test, or explained where it is written"
    of = f"of {len(parts)} parts are"
    told = [f"{failed} {of} neither needed by a test nor explained"] if failed else []
    told += [f"{open_} {of} not decided"] if open_ else []
    told += ["other topics were not asked: interrupted"] if len(parts) < len(codes) else []
    return "; ".join(told)


def _verdict(part: str, search: Search, reasons: Mapping[str, str]) -> tuple[str, int]:
    """Return what is said of a part, and the exit code that it alone would give."""
    if search.found[part]:
        return search.found[part][0], 0
    if part in reasons:
        return f"no test; {reasons[part]}", 0
    if part in search.undecided:
        return "not decided", 3
    return "NO TEST, and no docstring explains it", 1
