"""The text of a litmus file, and errors that name its file and line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from vmlitmus.errors import ScenarioError, VmlitmusError
from vmlitmus.named_file import read_named
from vmlitmus.scenario import Test

_LARGEST = 1 << 20  # bytes of a litmus file


class LitmusError(VmlitmusError):
    """A litmus file is wrong: file, line where known, and what is wrong there."""

    exit_code = 2

    def __init__(self, path: str, line: int | None, message: str) -> None:
        super().__init__(f"{path}:{line}: {message}" if line else f"{path}: {message}")

    def together(self, others: Iterable[LitmusError]) -> LitmusError:
        """Return one error for this and others, each on a line."""
        self.args = ("\n".join(map(str, (self, *others))),)
        return self


def read_text(path: Path) -> str:
    """Return the text of a litmus file; raises LitmusError for what cannot be one."""
    try:
        data = read_named(path, _LARGEST)
    except OSError as error:
        raise LitmusError(str(path), None, error.strerror or str(error)) from None
    except ValueError as error:  # a NUL in the name
        raise LitmusError(str(path), None, str(error)) from None
    try:
        return data.decode("utf-8-sig")  # editors of Windows put a mark before the text
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise LitmusError(str(path), line, "not UTF-8 text") from None


def line_of(text: str, words: Iterable[str]) -> int | None:
    """Return the line that has the first of the words that stands anywhere.

    Where several lines have it, that with another of the words, else the first of them.
    """
    given = list(words)
    for word in given:
        lines = [n for n, line in enumerate(text.splitlines(), 1) if _has(line, word)]
        if lines:
            others = [other for other in given if other not in word]
            rest = dict(enumerate(text.splitlines(), 1))
            return next((n for n in lines if any(_has(rest[n], o) for o in others)), lines[0])
    return None


def _has(line: str, word: str) -> bool:
    """Say whether a line has a word, comments left out."""
    return bool(re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", line.split(" #")[0]))


@contextmanager
def placed(test: Test) -> Iterator[None]:
    """Raise what the model refuses of a test as LitmusError, at the line of the offending word."""
    try:
        yield
    except ScenarioError as error:
        line = line_of(test.text, words_of(str(error)))
        raise LitmusError(test.path, line, str(error)) from None


def words_of(message: str) -> list[str]:
    """Return the words of a message that may stand in the file, the most telling first."""
    found = re.findall(r"'([^']+)'", message)[:1] + re.findall(r"[\w.-]+", message)[:2]
    return [part for word in found for part in (word, word.rsplit(".", 1)[-1])]
