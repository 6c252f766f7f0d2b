"""What a litmus file says of its table: conditions to observe, layout, and [[said]] rows.

``observe`` is a list of conditions, or a table that gives each a mark of one letter; ``across``
and ``apart`` list axes. A [[said]] row records a published claim about some cells, to be compared
with what the model observes there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from vmlitmus.errors import VmlitmusError, spelled, unknown
from vmlitmus.litmus.keys import key_names
from vmlitmus.outcome import PublishedClaim
from vmlitmus.scenario import Cell, Layout


class Reader(Protocol):
    """What is needed of the reader of the file."""

    data: dict[str, Any]

    def fail(self, message: str, *words: str, below: str = "") -> VmlitmusError:
        """Return the error, placed at the first line, below a header, that has one of the words."""

    def strings(self, value: object, name: str) -> tuple[str, ...]:
        """Return a list of texts; raises LitmusError for anything else."""


class Shape:
    """Takes ``observe``, ``across`` and ``apart`` out of the matrix table, and reads [[said]]."""

    def __init__(self, reader: Reader, matrix: dict[str, Any]) -> None:
        self.reader = reader
        observe = matrix.pop("observe", [])
        self.marks = self._marks(observe) if isinstance(observe, dict) else {}
        self.observe = tuple(self.marks) if self.marks else reader.strings(observe, "observe")
        self.across = reader.strings(matrix.pop("across", []), "across")
        self.apart = reader.strings(matrix.pop("apart", []), "apart")

    def _marks(self, observe: Mapping[str, Any]) -> dict[str, str]:
        for mark, name in observe.items():
            if len(mark) != 1 or not mark.isalpha():
                raise self.reader.fail(f"observe.{mark}: a mark is one letter", mark)
            if not isinstance(name, str):
                raise self.reader.fail(f"observe.{mark} = {spelled(name)}: not a condition", mark)
        if len(set(observe.values())) < len(observe):
            raise self.reader.fail("observe: a condition has two marks", "observe")
        return {name: mark for mark, name in observe.items()}

    def layout(
        self,
        conditions: Sequence[str],
        values: Mapping[str, tuple[str, ...]],
        cells: Iterable[Cell],
    ) -> Layout:
        """Return the layout, checked against the model's conditions and the axes."""
        for name in self.observe:
            if name not in conditions:
                raise self.reader.fail(unknown("condition", name, conditions), name)
        for axis in (*self.across, *self.apart):
            if axis not in values:
                raise self.reader.fail(unknown("axis", axis, values), axis)
            if (*self.across, *self.apart).count(axis) > 1:
                raise self.reader.fail(f"axis {axis!r} is named twice in across and apart", axis)
        rows = self.reader.data.get("said", [])
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise self.reader.fail("said is not a list of tables; write [[said]]", "said")
        where = [cell.where for cell in cells]
        said = tuple(self._said(row, values, where) for row in rows)
        across = self.across or tuple(a for a in values if a not in self.apart)[-1:]
        return Layout(self.marks, across, self.apart, said)

    def _said(
        self,
        row: Mapping[str, Any],
        values: Mapping[str, tuple[str, ...]],
        cells: Iterable[Mapping[str, str]],
    ) -> PublishedClaim:
        for key in row:
            if key not in key_names("said"):
                raise self.reader.fail(unknown("key of said", key, key_names("said")), key)
        by, text = self._text(row, "by"), self._text(row, "text")
        agrees = row.get("agrees", True)
        if not isinstance(agrees, bool):
            raise self.reader.fail(f"agrees = {spelled(agrees)}: not true or false", "agrees")
        where = self._where(row.get("where", {}), values)
        if not any(matches(where, cell) for cell in cells):
            raise self.reader.fail(f"the [[said]] row {spelled(by)} matches no cell", by)
        return PublishedClaim(
            by=by,
            text=text,
            where=where,
            seen=self._observed(row, "seen"),
            unseen=self._observed(row, "unseen"),
            agrees=agrees,
            note=self._text(row, "note") if "note" in row else "",
        )

    def _text(self, row: Mapping[str, Any], key: str) -> str:
        value = row.get(key)
        if not isinstance(value, str) or not value.strip():
            reason = "is missing" if value is None else f"= {spelled(value)}: not a text"
            raise self.reader.fail(f"{key} of a [[said]] row {reason}", key, "said")
        return value

    def _observed(self, row: Mapping[str, Any], key: str) -> tuple[str, ...]:
        names = self.reader.strings(row.get(key, []), key)
        for name in names:
            if name not in self.observe:
                raise self.reader.fail(unknown("observed condition", name, self.observe), name)
        return names

    def _where(
        self, where: object, values: Mapping[str, tuple[str, ...]]
    ) -> dict[str, tuple[str, ...]]:
        if not isinstance(where, dict):
            raise self.reader.fail(f"where = {spelled(where)}: not a table", "where")
        found = {}
        for axis, value in where.items():
            if axis not in values:
                raise self.reader.fail(unknown("axis", axis, values), axis)
            several = isinstance(value, list) and shown(value) not in values[axis]
            found[axis] = tuple(map(shown, value)) if several else (shown(value),)
            for one in found[axis]:
                if one not in values[axis]:
                    raise self.reader.fail(unknown(f"value of {axis}", one, values[axis]), one)
        return found


def matches(where: Mapping[str, tuple[str, ...]], cell: Mapping[str, str]) -> bool:
    """Say whether a cell is one of those that ``where`` speaks of."""
    return all(cell[axis] in values for axis, values in where.items())


def shown(value: object) -> str:
    """Return a TOML value as a cell's name shows it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return "+".join(map(shown, value)) or "nothing"
    if isinstance(value, dict):
        return "+".join(f"{k}={shown(v)}" for k, v in value.items()) or "nothing"
    return str(value)
