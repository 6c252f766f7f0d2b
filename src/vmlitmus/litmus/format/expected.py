"""What a litmus file expects of its cells: ``expect = "..."``, or rows of ``[[expect]]``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from vmlitmus.errors import spelled, unknown
from vmlitmus.litmus.format.shape import Reader, shown
from vmlitmus.litmus.keys import VERDICTS, key_names
from vmlitmus.outcome import Verdict


class Expected:
    """The expected verdict of each cell: ``expect = "..."``, or rows of ``[[expect]]``.

    A later row that matches a cell wins over an earlier one. A row may also say which of the
    file's words is expected. Where ``partial``, nothing is expected of a cell that no row matches.
    """

    def __init__(
        self,
        reader: Reader,
        matrix: Mapping[str, Any],
        axes: Mapping[str, str],
        words: Sequence[str],
        partial: bool,
    ) -> None:
        self.reader = reader
        self.words = words
        self.partial = partial
        self.values = {axes[key]: [shown(v) for v in matrix[key]] for key in matrix}
        given = reader.data.get("expect", [])
        if given == [] and "expect" in reader.data:
            raise reader.fail("expect = []: no row; leave expect out to expect nothing", "expect")
        if isinstance(given, str):
            given = [{"where": {}, "verdict": given}]
        if not isinstance(given, list) or not all(isinstance(row, dict) for row in given):
            raise reader.fail(f"expect = {spelled(given)}: not a verdict", "expect")
        self.rows = [self.row(row) for row in given]
        self.used = [False] * len(self.rows)

    def row(self, row: Mapping[str, Any]) -> tuple[dict[str, str], Verdict, str | None]:
        for key in row:
            if key not in key_names("expect"):
                raise self.reader.fail(unknown("key of expect", key, key_names("expect")), key)
        word = row.get("word")
        if word is not None and word not in self.words:
            raise self.reader.fail(unknown("word", word, self.words), str(word))
        verdict = row.get("verdict")
        if verdict not in VERDICTS:
            raise self.reader.fail(unknown("verdict", str(verdict), VERDICTS), str(verdict))
        where = row.get("where", {})
        if not isinstance(where, dict):
            raise self.reader.fail(f"where = {spelled(where)}: not a table", "where")
        for axis, value in where.items():
            if axis not in self.values:
                raise self.reader.fail(unknown("axis", axis, self.values), axis)
            if shown(value) not in self.values[axis]:
                message = unknown(f"value of {axis}", shown(value), self.values[axis])
                raise self.reader.fail(message, shown(value))
        return {axis: shown(value) for axis, value in where.items()}, Verdict(verdict), word

    def verdict(self, cell: Mapping[str, str]) -> tuple[Verdict | None, str | None]:
        """Return the verdict and the word that are expected of a cell; None where nothing is."""
        found: tuple[Verdict | None, str | None] | None = None
        for index, (where, verdict, word) in enumerate(self.rows):
            if all(cell[axis] == value for axis, value in where.items()):
                found, self.used[index] = (verdict, word), True
        if found is None and self.partial:
            return None, None
        if found is None:
            raise self.reader.fail(f"no [[expect]] row covers {dict(cell)}", "expect")
        return found

    def finish(self) -> None:
        for (where, *_), used in zip(self.rows, self.used, strict=True):
            if not used:
                raise self.reader.fail(f"the [[expect]] row {where} covers no cell", "expect")
