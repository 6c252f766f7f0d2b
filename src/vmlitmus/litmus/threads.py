"""The threads that tests cite, as people cite them."""

from __future__ import annotations

import tomllib
from functools import cache

from vmlitmus.litmus.catalogue import ROOT
from vmlitmus.outcome import Thread


@cache
def threads() -> dict[str, Thread]:
    """Return the threads that have a file name, by that name."""
    data = tomllib.loads((ROOT / "threads.toml").read_text(encoding="utf-8"))
    return {file: Thread(file, **fields) for file, fields in data.items()}
