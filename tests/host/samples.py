"""Sample hosts and domains, with expected answers; a test that needs absent ones is skipped."""

from __future__ import annotations

import csv
from functools import lru_cache
from pathlib import Path

import pytest

from vmlitmus.host.saved.archive import open_tree
from vmlitmus.host.tree import Tree

SHARED = Path(__file__).parents[2].parent / "shared" / "data" / "host"
WHY = "NO SAMPLES of hosts with answers that were found by hand: rows of their table"


def rows() -> list[tuple[str, str, str]]:
    """Return (file, question, answer) of the expected answers that are not about traces."""
    if not (SHARED / "expected.tsv").exists():
        return []
    with (SHARED / "expected.tsv").open() as file:
        found = list(csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE))[1:]
    return [(r[0], r[1], r[2]) for r in found if not r[0].startswith("traces/")]


def asked(*questions: str, prefix: str = "") -> pytest.MarkDecorator:
    """Parametrize a test over the rows with these questions; one skipped test without samples."""
    wanted = [r for r in rows() if r[1] in questions and r[0].startswith(prefix)]
    if not wanted:
        skipped = pytest.param("", "", "", marks=pytest.mark.skip(reason=WHY))
        return pytest.mark.parametrize(("file", "question", "answer"), [skipped])
    names = [f"{Path(r[0]).name.split('.')[0]}: {r[1]}" for r in wanted]
    return pytest.mark.parametrize(("file", "question", "answer"), wanted, ids=names)


@lru_cache(maxsize=64)
def tree(file: str) -> Tree:
    return open_tree(SHARED / file)
