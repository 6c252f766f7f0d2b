"""A small litmus file whose claim is violated, and a call of the command line."""

from __future__ import annotations

import pytest

from vmlitmus.cli.main import main

GOOD = """question = "Is it safe?"
source = "somewhere"
expect = "violated"
because = "we know"
decided_by = "model"
topic = "cache-flush"
[kvm]
cache_flush = "none"
[environment]
allow = ["guest-write", "eviction", "reclaim", "host-reuse"]
[claim]
never = "stale-encrypted-line"
"""


def vmlitmus(capsys: pytest.CaptureFixture[str], *args: str) -> tuple[int, str, str]:
    """Return the exit code, and what is on the two outputs."""
    code = main(list(args))
    out, err = capsys.readouterr()
    return code, out, err
