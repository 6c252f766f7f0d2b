"""Progress on standard error: on a terminal after a second, elsewhere a line every half minute."""

from __future__ import annotations

import sys
import time
from types import TracebackType

from vmlitmus.cli.output.streams import control
from vmlitmus.engine import Progress
from vmlitmus.printable import printable

_EVERY = 30.0  # seconds between two lines where there is no terminal


class Ticker:
    """Shows how many tests are done, or how far one search is, on one line."""

    def __init__(self, total: int = 1) -> None:
        self.total = total
        self.finished = 0
        self.started = time.monotonic()
        self.shown = self.started
        self.waiting, self.since = "", self.started
        self.logged = self.started
        self.visible = sys.stderr.isatty()
        self.drawn = False

    def __enter__(self) -> Ticker:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.drawn:
            control("\r\033[K")
            sys.stderr.flush()

    def done(self, name: str) -> None:
        """One more test is decided."""
        self.finished += 1
        self._log()
        self._draw(f"{self.finished}/{self.total} {name}")

    def busy(self, name: str) -> None:
        """A test is not decided yet."""
        now = time.monotonic()
        if name != self.waiting:
            self.waiting, self.since = name, now
        self._log()
        self._draw(f"{self.finished}/{self.total} {name}, {now - self.since:.0f} s")

    def asking(self, what: str) -> None:
        """The next question is asked."""
        self._draw(what)

    def search(self, progress: Progress) -> None:
        """A search goes on."""
        rate = progress.states / max(progress.seconds, 1e-9)
        before = f"{self.finished}/{self.total} " if self.total > 1 else ""
        self._draw(
            f"{before}{progress.states:,} states, depth {progress.depth}, "
            f"{progress.frontier:,} to go, {rate:,.0f} states/s"
        )

    def _log(self) -> None:
        """In a pipe or a log: a line every half minute, so that nobody takes it for stuck."""
        now = time.monotonic()
        if not self.visible and self.total > 1 and now - self.logged > _EVERY:
            self.logged = now
            left = f", {now - self.since:.0f} s on {self.waiting}" if self.waiting else ""
            done = f"{self.finished} of {self.total} after {now - self.started:.0f} s"
            sys.stderr.write(f"vmlitmus: {done}{left}\n")
            sys.stderr.flush()

    def _draw(self, text: str) -> None:
        now = time.monotonic()
        if self.visible and now - self.started > 1 and now - self.shown > 0.1:
            self.shown, self.drawn = now, True
            control(f"\r\033[K{printable(text)[:78]}")
            sys.stderr.flush()
