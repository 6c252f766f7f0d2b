"""Python's collector of cycles, paused while much is made that lives on."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def collector_paused() -> Iterator[None]:
    """Look for no cycles meanwhile.

    A machine is made of millions of small objects, and none of them goes away: each look goes
    through all of them, and takes as long again as making them.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
