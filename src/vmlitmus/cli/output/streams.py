"""Standard input, output and errors as they should be, whatever the program was started with."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO, cast

from vmlitmus.printable import printable


class _Shown:
    """A text stream that shows control characters escaped.

    A reader that has gone away takes nothing from the result: what is written for it is dropped.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._gone = False

    def write(self, text: str) -> int:
        self._do(lambda: self._stream.write(printable(text)))
        return len(text)

    def raw(self, text: str) -> None:
        """Write a text of our own that does control the terminal."""
        self._do(lambda: self._stream.write(text))

    def flush(self) -> None:
        self._do(self._stream.flush)

    def _do(self, action: Any) -> None:
        if self._gone:
            return
        try:
            action()
        except BrokenPipeError:
            self._gone = True
            with suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), self._stream.fileno())

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def control(text: str, *, out: bool = False) -> None:
    """Write a text of our own that moves the cursor or sets colours."""
    stream = sys.stdout if out else sys.stderr
    getattr(stream, "raw", stream.write)(text)


@contextmanager
def shown() -> Iterator[None]:
    """Escape control characters in all that is printed."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (cast(TextIO, _Shown(stream)) for stream in before)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


def repaired() -> str | None:
    """Put something in place of streams that were closed; return what is wrong, or None.

    Without a standard input or standard error the work can be done; without an output it cannot.
    An unbuffered output gets a buffer, so that every byte is written or an error is seen.
    """
    closed = [number for number in (0, 1, 2) if not _open(number)]
    for number in closed:  # so that no file that is opened later gets the number
        os.dup2(os.open(os.devnull, os.O_RDWR), number)
    if sys.stdin is None:
        sys.stdin = open(0, encoding="utf-8")  # noqa: SIM115
    if sys.stdout is None:
        sys.stdout = open(1, "w", encoding="utf-8")  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = open(2, "w", encoding="utf-8")  # noqa: SIM115
    raw = getattr(sys.stdout, "buffer", None)
    if isinstance(raw, io.RawIOBase):
        encoding = sys.stdout.encoding
        sys.stdout = io.TextIOWrapper(
            io.BufferedWriter(raw), encoding, "backslashreplace", write_through=True
        )
    with suppress(AttributeError):
        cast(Any, sys.stdout).reconfigure(errors="backslashreplace")
    return "standard output is closed" if 1 in closed else None


def _open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True
