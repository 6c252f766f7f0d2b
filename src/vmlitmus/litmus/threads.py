"""The threads that tests cite, as people cite them."""

from __future__ import annotations

import tomllib
from functools import cache

from vmlitmus.litmus.catalogue import ROOT


@cache
def _threads() -> dict[str, dict[str, str]]:
    return tomllib.loads((ROOT / "threads.toml").read_text(encoding="utf-8"))


def citation(source: str) -> str:
    """Return a thread by subject, author and date; any other source as it is."""
    thread = _threads().get(source)
    if thread is None:
        return source
    return f'"{thread["subject"]}" ({thread["author"]}, {thread["date"]})'
