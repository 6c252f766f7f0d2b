"""The mail threads behind the tests: who asked, who claimed what, and which tests decide it.

One file a thread, in the folder ``threads``; those of which only what tests cite is listed are in
its folder ``excerpts``. What a point's tests find is written beside them and compared with the
catalogue by a test of ours, so that an answer cannot outlive its verdict.
"""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path

from vmlitmus.frozen import Frozen
from vmlitmus.outcome import Thread

FOLDER = Path(__file__).parent.parent / "threads"


class Point(Frozen):
    """One question, claim or proposal of a thread: by whom, when (ISO date), and what became of it.

    ``tests`` names tests, or cells of a matrix; ``found`` gives the verdict of those that have one
    verdict on which the answer rests. ``not_asked`` says why no test decides it.
    """

    by: str
    date: str
    kind: str
    text: str
    answer: str
    tests: tuple[str, ...]
    found: dict[str, str]
    not_asked: str


class Discussion(Frozen):
    """A thread with its points. Of an ``excerpt`` only what tests cite is listed."""

    name: str
    thread: Thread
    cited_as: tuple[str, ...]
    excerpt: bool
    points: tuple[Point, ...]


def discussions() -> tuple[Discussion, ...]:
    """Return all threads, those listed in full first."""
    return tuple(map(_read, _files()))


@cache
def _files() -> tuple[Path, ...]:
    return *sorted(FOLDER.glob("*.toml")), *sorted(FOLDER.glob("excerpts/*.toml"))


@cache
def _read(path: Path) -> Discussion:
    data = tomllib.loads(path.read_text(encoding="utf-8"))
    author, date = data["author"], data["date"]
    cited = tuple(data["cited_as"])
    thread = Thread(cited[0], data["subject"], author, date)
    points = tuple(_point(row, author, date) for row in data["point"])
    return Discussion(path.stem, thread, cited, path.parent != FOLDER, points)


def _point(row: dict[str, object], author: str, date: str) -> Point:
    tests = [str(test) for test in row.get("tests", [])]  # type: ignore[attr-defined]
    pairs = [test.rsplit(": ", 1) for test in tests]
    return Point(
        by=str(row.get("by", author)),
        date=str(row.get("date", date)),
        kind=str(row["kind"]),
        text=str(row["text"]),
        answer=str(row.get("answer", "")),
        tests=tuple(pair[0] for pair in pairs),
        found={pair[0]: pair[1] for pair in pairs if len(pair) == 2},
        not_asked=str(row.get("not_asked", "")),
    )


def thread_of(source: str) -> Thread | None:
    """Return the thread that a test cites by the name of a file; None where it cites another."""
    for path in _files():
        if path.parent == FOLDER and f"{path.stem}.txt" == source:
            return _read(path).thread
    return None


def find(word: str) -> Discussion | None:
    """Return the thread whose name begins with a word, such as "004" or a whole file name."""
    stem = word.removesuffix(".txt")
    return next((_read(p) for p in _files() if stem and p.stem.startswith(stem)), None)
