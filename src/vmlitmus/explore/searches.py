"""Searches in the background: one at a time, with progress, and an end when nobody waits."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from typing import Any

from vmlitmus.engine.limits import Progress, Stopped
from vmlitmus.errors import VmlitmusError

Work = Callable[[Callable[[Progress], None]], dict[str, Any]]
_TICK = 0.25  # seconds between two reports


class Searches:
    """Runs the newest search; an older one is stopped when a newer one is asked for."""

    def __init__(self) -> None:
        self.current: Search | None = None

    def start(self, work: Work) -> Search:
        """Start work in a thread of its own, after what runs was told to stop."""
        if self.current is not None:
            self.current.cancel()
        self.current = Search(work)
        return self.current

    def cancel(self) -> bool:
        """Stop what runs; say whether there was something."""
        found = self.current is not None and self.current.thread.is_alive()
        if self.current is not None:
            self.current.cancel()
        return found


class Search:
    """Work in a thread; ``events`` yields its progress and at last its result."""

    def __init__(self, work: Work) -> None:
        self.stop = threading.Event()
        self.found: queue.Queue[dict[str, Any]] = queue.Queue()
        self.progress: Progress | None = None
        self.thread = threading.Thread(target=self._run, args=(work,), daemon=True)
        self.thread.start()

    def cancel(self) -> None:
        self.stop.set()

    def events(self) -> Iterator[dict[str, Any] | None]:
        """Yield progress, and the result or the error at the end; None while there is no news."""
        while True:
            try:
                yield self.found.get(timeout=_TICK)
                return
            except queue.Empty:
                yield self._progress()

    def _progress(self) -> dict[str, Any] | None:
        p = self.progress
        if p is None:
            return None
        return {"progress": {"states": p.states, "depth": p.depth, "seconds": round(p.seconds, 1)}}

    def _watch(self, progress: Progress) -> None:
        self.progress = progress
        if self.stop.is_set():
            raise Stopped("interrupt")

    def _run(self, work: Work) -> None:
        try:
            self.found.put({"result": work(self._watch)})
        except VmlitmusError as error:
            self.found.put({"error": str(error)})
        except Exception as error:  # the page has to hear of it; the thread has nobody else to tell
            self.found.put({"error": f"internal error: {type(error).__name__}: {error}"})
