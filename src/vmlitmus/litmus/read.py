"""Read a litmus file: TOML to a Test, or one clear message with file and line."""

from __future__ import annotations

import itertools
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from vmlitmus.errors import ScenarioError, VmlitmusError, unknown
from vmlitmus.lang import KINDS, Claim, Environment, Model
from vmlitmus.lang.model import fill
from vmlitmus.litmus.cell_summary import read_words
from vmlitmus.litmus.environment import read_environment
from vmlitmus.litmus.keys import DECIDED_BY, VERDICTS, key_names, required_with
from vmlitmus.litmus.shape import Shape, shown
from vmlitmus.outcome import Verdict
from vmlitmus.printable import control_in, printable
from vmlitmus.scenario import Cell, Test

_LARGEST = 1 << 20  # bytes of a litmus file
_MOST_CELLS = 1000
_BITS = 63  # of a number
_EXPECTING = required_with("expect")  # what a file that expects something also says
_TABLES = ("environment", "assume", "claim", "matrix", "timing")


class LitmusError(VmlitmusError):
    """A litmus file is wrong: file, line where known, and what is wrong there."""

    exit_code = 2

    def __init__(self, path: str, line: int | None, message: str) -> None:
        super().__init__(f"{path}:{line}: {message}" if line else f"{path}: {message}")


def read_text(path: Path) -> str:
    """Return the text of a litmus file; raises LitmusError for what cannot be one."""
    try:
        if path.exists() and not path.is_file():
            raise LitmusError(str(path), None, "not a regular file")
        with path.open("rb") as file:
            data = file.read(_LARGEST + 1)
    except OSError as error:
        raise LitmusError(str(path), None, error.strerror or str(error)) from None
    except ValueError as error:  # a NUL in the name
        raise LitmusError(str(path), None, str(error)) from None
    if len(data) > _LARGEST:
        raise LitmusError(str(path), None, f"larger than {_LARGEST} bytes")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise LitmusError(str(path), line, "not UTF-8 text") from None


def read_test(
    text: str,
    path: str,
    topic: str | None,
    model_of: Callable[[str], Model],
    default: str | None = None,
) -> Test:
    """Return the test that a file describes.

    ``topic`` is that of the file's folder in the catalogue, None elsewhere; ``default`` the topic
    of a file that names none; ``model_of`` gives a topic's model. Raises LitmusError.
    """
    return _Reader(text, path, default).test(topic, model_of)


def _line_of(text: str, words: Iterable[str]) -> int | None:
    """Return the first line that has the first of the words that stands anywhere."""
    for word in words:
        pattern = re.compile(rf"(?<![\w-]){re.escape(word)}(?![\w-])")
        for number, line in enumerate(text.splitlines(), 1):
            if pattern.search(line.split(" #")[0]):
                return number
    return None


def refused(test: Test, error: ScenarioError) -> LitmusError:
    """Return what the model refuses of a test, placed at the line of the offending word."""
    return LitmusError(test.path, _line_of(test.text, _words(str(error))), str(error))


class _Reader:
    def __init__(self, text: str, path: str, default: str | None) -> None:
        self.text = text
        self.path = path
        self.default = default
        try:
            self.data: dict[str, Any] = tomllib.loads(text)
        except (ValueError, RecursionError) as error:
            found = re.search(r"at line (\d+)", str(error))
            message = re.sub(r" \(at .*\)$", "", str(error)) or "nested too deeply"
            raise LitmusError(path, int(found[1]) if found else None, message) from None
        self.check_plain(self.data, "")

    def check_plain(self, value: object, key: str) -> None:
        """Refuse texts that control a terminal, and numbers that no machine word holds."""
        if isinstance(value, dict):
            for name, inner in value.items():
                self.check_plain(name, name)
                self.check_plain(inner, name)
        elif isinstance(value, list):
            for inner in value:
                self.check_plain(inner, key)
        elif isinstance(value, str) and control_in(value):
            message = f"a control character, {control_in(value)}"
            raise self.fail(f"{printable(key)}: {message}", key)
        elif isinstance(value, int) and value.bit_length() > _BITS:
            raise self.fail(f"{key}: a number of {value.bit_length()} bits; at most {_BITS}", key)

    def fail(self, message: str, *words: str) -> LitmusError:
        """Return the error, placed at the first line that has one of the words."""
        return LitmusError(self.path, _line_of(self.text, words), message)

    def test(self, topic_of_folder: str | None, model_of: Callable[[str], Model]) -> Test:
        topic = self.topic(topic_of_folder)
        try:
            model = model_of(topic)
        except ScenarioError as error:
            raise self.fail(str(error), topic, "topic") from None
        self.check_keys(model)
        texts = self.texts()
        if texts["decided_by"] and texts["decided_by"] not in DECIDED_BY:
            message = unknown("value of decided_by", texts["decided_by"], DECIDED_BY)
            raise self.fail(message, "decided_by")
        matrix = dict(self.table("matrix"))
        shape = Shape(self, matrix)
        axes = self.axes(matrix)
        name = Path(self.path).stem
        conditions = [c.name for c in model.conditions]
        words = read_words(self.data.get("word", []), conditions, self.fail)
        if topic_of_folder is not None and "expect" not in self.data:
            raise self.fail("expect is missing: a file of the catalogue says what is expected")
        expected = _Expected(self, matrix, axes, [w.word for w in words], topic_of_folder is None)
        found = tuple(self.cells(name, model, matrix, axes, expected))
        cells = tuple(cell for cell in found if not cell.large)
        if not cells:
            raise self.fail("every cell is too large to be decided: one at least has to be smaller")
        values = {
            axis: tuple(dict.fromkeys(cell.where[axis] for cell in cells)) for axis in axes.values()
        }
        layout = shape.layout(conditions, values, cells)
        return Test(
            name=name,
            topic=topic,
            path=self.path,
            text=self.text,
            shipped=topic_of_folder is not None,
            wide=self.flag("wide"),
            axes=values,
            observe=shape.observe,
            layout=layout,
            words=words,
            cells=cells,
            yes=self.yes(),
            measures=self.measures(),
            large=tuple(cell for cell in found if cell.large),
            **texts,
        )

    def texts(self) -> dict[str, str]:
        """Return question, source, because and decided_by; all but the first only where needed."""
        needed = _EXPECTING if "expect" in self.data else ()
        found = {"question": self.string("question")}
        for name in _EXPECTING:
            given = name in needed or name in self.data
            found[name] = self.string(name) if given else ""
        if not found["question"].rstrip().endswith("?"):
            raise self.fail("question: a question ends with '?'", "question")
        return found

    def topic(self, topic: str | None) -> str:
        given = self.data.get("topic", topic or self.default)
        if not isinstance(given, str):
            raise self.fail("topic is missing: a file outside the catalogue names its topic")
        return given

    def check_keys(self, model: Model) -> None:
        known = (*key_names(""), *model.settings, *model.lists)
        for key in self.data:
            if key not in known:
                raise self.fail(unknown("key", key, known), key)
        for key in (*_TABLES, *model.settings):
            if not isinstance(self.data.get(key, {}), dict):
                raise self.fail(f"{key} is not a table; write [{key}]", key)
        for key in model.lists:
            entries = self.data.get(key, [{}])
            if not isinstance(entries, list) or not all(isinstance(e, dict) for e in entries):
                raise self.fail(f"{key} is not a list of tables; write [[{key}]]", key)
            if not 1 <= len(entries) <= 8:
                raise self.fail(f"{key}: {len(entries)} entries, not 1 to 8", key)

    def string(self, name: str) -> str:
        value = self.data.get(name)
        if not isinstance(value, str) or not value.strip():
            reason = "is missing" if value is None else f"= {value!r}: not a text"
            raise self.fail(f"{name} {reason}", name)
        return value

    def yes(self) -> Verdict | None:
        value = self.data.get("yes")
        if value is None:
            return None
        if value not in VERDICTS:
            raise self.fail(unknown("value of yes", str(value), VERDICTS), "yes")
        return Verdict(value)

    def measures(self) -> tuple[Mapping[str, Any], ...]:
        """Return the rows [[measure]]; whether they mean something is the simulation's to say."""
        rows = self.data.get("measure", [])
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise self.fail("measure is not a list of tables; write [[measure]]", "measure")
        for row in rows:
            for key in row:
                if key not in key_names("measure"):
                    raise self.fail(unknown("key of measure", key, key_names("measure")), key)
        return tuple(rows)

    def flag(self, name: str) -> bool:
        value = self.data.get(name, False)
        if not isinstance(value, bool):
            raise self.fail(f"{name} = {value!r}: not true or false", name)
        return value

    def table(self, name: str) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.data.get(name, {})
        return found

    def strings(self, value: object, name: str) -> tuple[str, ...]:
        if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
            raise self.fail(f"{name} = {value!r}: not a list of texts", name)
        return tuple(value)

    def axes(self, matrix: Mapping[str, Any]) -> dict[str, str]:
        """Return the short name of each axis: its last word where that is unambiguous."""
        total = 1
        for key, values in matrix.items():
            if not isinstance(values, list) or not values:
                raise self.fail(f"matrix.{key} = {values!r}: not a list of values", key)
            total *= len(values)
        if total > _MOST_CELLS:
            raise self.fail(f"the matrix has {total} cells, more than {_MOST_CELLS}", "matrix")
        last = [key.rsplit(".", 1)[-1] for key in matrix]
        return {k: s if last.count(s) == 1 else k for k, s in zip(matrix, last, strict=True)}

    def cells(
        self,
        name: str,
        model: Model,
        matrix: Mapping[str, Any],
        axes: Mapping[str, str],
        expected: _Expected,
    ) -> Iterable[Cell]:
        for values in itertools.product(*matrix.values()):
            chosen = dict(zip(matrix, values, strict=True))
            where = {axes[key]: shown(value) for key, value in chosen.items()}
            inside = ",".join(f"{axis}={value}" for axis, value in where.items())
            cell_name = f"{name}[{inside}]" if where else name
            yield self.cell(model, cell_name, where, chosen, *expected.verdict(where))
        expected.finish()

    def cell(
        self,
        model: Model,
        name: str,
        where: Mapping[str, str],
        chosen: Mapping[str, Any],
        expect: Verdict | None,
        word: str | None,
    ) -> Cell:
        data = _overlaid(self, model, self.data, chosen)
        environment = read_environment(data.get("environment", {}), self.strings, self.fail)
        tables = {key: dict(data.get(key, {})) for key in model.settings if key in data}
        without = self.strings(tables.get("kvm", {}).pop("without", []), "without")
        fixed = self.strings(tables.get("kvm", {}).pop("with", []), "with")
        lists = {key: tuple(data[key]) for key in model.lists if key in data}
        timing = data.get("timing", {})
        large = self.check_settings(model, tables, lists, environment, in_time=bool(timing))
        return Cell(
            name, where, tables, lists, environment, without, fixed,
            self.assumed(data), self.claim(model, data), expect, word, timing, large,
        )  # fmt: skip

    def check_settings(
        self,
        model: Model,
        tables: Mapping[str, Any],
        lists: Mapping[str, Any],
        environment: Environment,
        *,
        in_time: bool,
    ) -> bool:
        """Refuse settings that the model does not have; say whether they are large ones."""
        try:
            environment.check(model)
            filled = fill(model, tables, lists, in_time=in_time)
        except ScenarioError as error:
            raise self.fail(str(error), *_words(str(error))) from None
        return filled.large(model)

    def assumed(self, data: Mapping[str, Any]) -> dict[str, bool | str]:
        for name, value in data.get("assume", {}).items():
            if not isinstance(value, (bool, str)):
                raise self.fail(f"assume.{name} = {value!r}: not true, false or a word", name)
        return dict(data.get("assume", {}))

    def claim(self, model: Model, data: Mapping[str, Any]) -> Claim:
        table = data.get("claim", {})
        if len(table) != 1:
            raise self.fail(f"[claim] needs exactly one of {', '.join(KINDS)}", "claim")
        kind, value = next(iter(table.items()))
        if kind not in KINDS:
            raise self.fail(unknown("claim", kind, KINDS), kind)
        names = self.conditions(kind, value)
        known = [c.name for c in model.conditions]
        for name in names:
            if name not in known:
                raise self.fail(unknown("condition", name, known), name)
        return Claim(kind, *names)

    def conditions(self, kind: str, value: object) -> list[str]:
        """Return the names of the conditions of a claim: one, or two for leads_to."""
        if kind != "leads_to":
            if isinstance(value, list):
                raise self.fail(f"claim.{kind} = {value!r}: not the name of one condition", kind)
            return [str(value)]
        if not isinstance(value, list) or len(value) != 2:
            example = 'write two conditions, ["before", "after"]'
            raise self.fail(f"claim.{kind} = {value!r}: {example}", kind)
        return [str(name) for name in value]


class _Expected:
    """The expected verdict of each cell: ``expect = "..."``, or rows of ``[[expect]]``.

    A later row that matches a cell wins over an earlier one. A row may also say which of the
    file's words is expected. Where ``partial``, nothing is expected of a cell that no row matches.
    """

    def __init__(
        self,
        reader: _Reader,
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
            raise reader.fail(f"expect = {given!r}: not a verdict", "expect")
        self.rows = [self.row(row) for row in given]
        self.used = [False] * len(self.rows)

    def row(self, row: Mapping[str, Any]) -> tuple[dict[str, str], Verdict, str | None]:
        for key in row:
            if key not in key_names("expect"):
                raise self.reader.fail(unknown("key of expect", key, key_names("expect")), key)
        word = row.get("word")
        if word is not None and word not in self.words:
            raise self.reader.fail(unknown("word", str(word), self.words), str(word))
        verdict = row.get("verdict")
        if verdict not in VERDICTS:
            raise self.reader.fail(unknown("verdict", str(verdict), VERDICTS), str(verdict))
        where = row.get("where", {})
        if not isinstance(where, dict):
            raise self.reader.fail(f"where = {where!r}: not a table", "where")
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


def _overlaid(
    reader: _Reader, model: Model, data: Mapping[str, Any], chosen: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the file's data with the values that a cell chooses; "vm.kind" is for all vms."""
    result = {key: value for key, value in data.items() if key != "matrix"}
    for key, value in chosen.items():
        if key == "claim":
            result[key] = _claim_of(reader, value)
            continue
        table, _, name = key.partition(".")
        if not name or table not in (*model.settings, *model.lists, *_OVERLAYS):
            known = [
                f"{t}.{k}" for t, keys in {**model.settings, **model.lists}.items() for k in keys
            ]
            raise reader.fail(unknown("axis", key, [*known, *_AXES]), key)
        if table in model.lists:
            result[table] = [{**entry, name: value} for entry in result.get(table, [{}])]
        elif table == "claim":
            result[table] = {name: value}
        else:
            result[table] = {**result.get(table, {}), name: value}
    return result


_OVERLAYS = ("environment", "assume", "claim", "timing")
_AXES = (
    "environment.allow",
    "environment.at_most",
    "environment.only_when",
    "environment.fair",
    "kvm.without",
    "kvm.with",
    "claim",
    *(f"claim.{kind}" for kind in KINDS),
    "timing.use",
)


def _claim_of(reader: _Reader, value: object) -> dict[str, str | list[str]]:
    """Return the [claim] table of a value on the axis "claim", such as "leads_to kicked ran"."""
    kind, *names = str(value).split() or [""]
    if names and kind not in KINDS:
        raise reader.fail(unknown("claim", kind, KINDS), str(value))
    wanted = 2 if kind == "leads_to" else 1
    if len(names) != wanted:
        what = "leads_to and two conditions" if wanted == 2 else "a kind and a condition"
        raise reader.fail(f"claim = {value!r}: write {what}", str(value))
    return {kind: names if wanted == 2 else names[0]}


def _words(message: str) -> list[str]:
    """Return the words of a message that may stand in the file, the most telling first."""
    found = re.findall(r"'([^']+)'", message)[:1] + re.findall(r"[\w.-]+", message)[:2]
    return [part for word in found for part in (word, word.rsplit(".", 1)[-1])]
