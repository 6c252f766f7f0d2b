"""What a check of whole topics printed, kept as one record.

It is taken where no file of the package has changed since, whatever the cells rest on: so no test
is read and no result is put together to say the same again.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any, Generic, TypeVar

from vmlitmus.decide.cache.keys import package_key
from vmlitmus.decide.cache.record import Damaged, made
from vmlitmus.decide.cache.store import Store

R = TypeVar("R")


class WholeCheck(Generic[R]):
    """The rows of one check, of a dataclass ``kind`` with plain fields, by what was ``asked``."""

    def __init__(self, store: Store, kind: type[R], asked: tuple[object, ...]) -> None:
        self.store = store
        self.kind = kind
        self.asked = asked

    def find(self) -> tuple[R, ...] | None:
        """Return the rows of an earlier check; None where there is none."""
        key = package_key(self.asked)
        text = self.store.note(key) if key else None
        try:
            return None if text is None else made(tuple[self.kind, ...], json.loads(text))  # type: ignore[name-defined]
        except (ValueError, RecursionError, Damaged):
            return None

    def keep(self, rows: tuple[R, ...]) -> None:
        """Keep the rows; do nothing where a file was edited meanwhile, or on a full disk.

        The key is made anew, so that an edit during the check is seen.
        """
        plain: list[dict[str, Any]] = [asdict(row) for row in rows]  # type: ignore[call-overload]
        key = package_key(self.asked)
        if key:
            self.store.keep_note(key, json.dumps(plain, separators=(",", ":")))
