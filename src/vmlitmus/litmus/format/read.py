"""Read a litmus file: TOML to a Test, or one clear message with file and line."""

from __future__ import annotations

import itertools
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from vmlitmus.errors import ScenarioError, spelled, unknown
from vmlitmus.lang import KINDS, Claim, Environment, Model
from vmlitmus.lang.model import fill
from vmlitmus.litmus.format.axes import in_every, overlaid
from vmlitmus.litmus.format.cell_summary import read_words
from vmlitmus.litmus.format.environment import KEYS as ENVIRONMENT
from vmlitmus.litmus.format.environment import read_environment
from vmlitmus.litmus.format.expected import Expected
from vmlitmus.litmus.format.shape import Shape, shown
from vmlitmus.litmus.format.text import LitmusError, line_of, words_of
from vmlitmus.litmus.keys import DECIDED_BY, VERDICTS, key_names, required_with
from vmlitmus.outcome import Verdict
from vmlitmus.printable import control_in, printable
from vmlitmus.scenario import Cell, Test

_MOST_CELLS = 1000
_BITS = 63  # of a number
_EXPECTING = required_with("expect")  # what a file that expects something also says
_TABLES = ("environment", "assume", "claim", "matrix", "timing")


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


def decided(cells: Iterable[Cell]) -> tuple[Cell, ...]:
    """Return the cells that are not only simulated: neither large, nor other ones in time alone."""
    found: dict[str, Cell] = {}
    for cell in cells:
        untimed = repr((cell.scenario, cell.claim, cell.name if not cell.timing else ""))
        if not cell.large:
            found.setdefault(untimed, cell)
    return tuple(found.values())


_LONG = re.compile(r"[\d_]{640,}")  # what Python refuses has at least so many digits


class _Reader:
    def __init__(self, text: str, path: str, default: str | None) -> None:
        self.text = text
        self.path = path
        self.default = default
        try:
            self.data: dict[str, Any] = tomllib.loads(text)
        except (ValueError, RecursionError) as error:
            if "set_int_max_str_digits" in str(error):
                line = _LONG.split(text, maxsplit=1)[0].count("\n") + 1
                raise LitmusError(path, line, "a number with too many digits") from None
            found = re.search(r"at line (\d+)", str(error))
            last = text.rstrip().count("\n") + 1 if "at end of document" in str(error) else None
            message = re.sub(r" \(at .*\)$", "", str(error))
            message = "nested too deeply" if isinstance(error, RecursionError) else message
            raise LitmusError(path, int(found[1]) if found else last, message) from None
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

    def fail(self, message: str, *words: str, below: str = "") -> LitmusError:
        """Return the error, placed at the first line that has one of the words.

        ``below`` is a header, such as "[matrix]": the line stands below it.
        """
        start = self.text.find(f"\n{below}\n") + 1 if below else 0
        line = line_of(self.text[start:], words)
        if line is not None:
            line += self.text.count("\n", 0, start)
        return LitmusError(self.path, line, message)

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
        expected = Expected(self, matrix, axes, [w.word for w in words], topic_of_folder is None)
        found = tuple(self.cells(name, model, matrix, axes, expected))
        cells = decided(found)
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
            simulated=found,
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
            raise self.missing("topic", ": a file outside the catalogue has to name its topic")
        return given

    def missing(self, name: str, why: str = "") -> LitmusError:
        """Return the error for a missing key of the top, which may stand below a table."""
        for table, inside in self.data.items():
            rows = inside if isinstance(inside, list) else [inside]
            if any(isinstance(row, dict) and name in row for row in rows):
                shown = f"[[{table}]]" if rows is inside else f"[{table}]"
                return self.fail(f"{name} stands in {shown}; it belongs above all tables", name)
        return self.fail(f"{name} is missing{why}")

    def check_places(self, model: Model) -> None:
        """Refuse keys of [claim] and [environment] that stand below another table."""
        for table in ("environment", *model.settings, *model.lists):
            inside = self.data.get(table, {})
            settings = {**model.settings, **model.lists}.get(table, ())
            for row in inside if isinstance(inside, list) else [inside]:
                for home, keys in (("claim", KINDS), ("environment", ENVIRONMENT)):
                    for key in set(row).intersection(keys).difference(settings):
                        if home != table:
                            raise self.fail(f"{key} stands in {table}; it belongs in [{home}]", key)

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
        self.check_places(model)

    def string(self, name: str) -> str:
        value = self.data.get(name)
        if value is None:
            with_expect = " where a file says what it expects"
            raise self.missing(name, with_expect if name in _EXPECTING else "")
        if not isinstance(value, str) or not value.strip():
            raise self.fail(f"{name} = {spelled(value)}: not a text", name)
        return value

    def yes(self) -> Verdict | None:
        value = self.data.get("yes")
        if value is None:
            return None
        if value not in VERDICTS:
            raise self.fail(unknown("value of yes", value, VERDICTS), "yes")
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
            raise self.fail(f"{name} = {spelled(value)}: not true or false", name)
        return value

    def table(self, name: str) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.data.get(name, {})
        return found

    def strings(self, value: object, name: str) -> tuple[str, ...]:
        if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
            raise self.fail(f"{name} = {spelled(value)}: not a list of texts", name)
        return tuple(value)

    def axes(self, matrix: Mapping[str, Any]) -> dict[str, str]:
        """Return the short name of each axis: its last word where that is unambiguous."""
        total = 1
        for key, values in matrix.items():
            if isinstance(values, dict) and values:
                name = f"{key}.{next(iter(values))}"
                raise self.fail(f'matrix: an axis has quotes: "{name}" = [...]', name)
            if not isinstance(values, list) or not values:
                raise self.fail(f"matrix.{key} = {spelled(values)}: not a list of values", key)
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
        expected: Expected,
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
        data = overlaid(self, model, self.data, chosen)
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
            {key: in_every(key, chosen) for key in model.lists},
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
            raise self.fail(str(error), *words_of(str(error))) from None
        return filled.large(model)

    def assumed(self, data: Mapping[str, Any]) -> dict[str, bool | str]:
        for name, value in data.get("assume", {}).items():
            if not isinstance(value, (bool, str)):
                found = spelled(value)
                raise self.fail(f"assume.{name} = {found}: not true, false or a word", name)
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
        given = spelled(value)
        if kind != "leads_to":
            if isinstance(value, list):
                raise self.fail(f"claim.{kind} = {given}: not the name of one condition", kind)
            return [value if isinstance(value, str) else given]
        if not isinstance(value, list) or len(value) != 2:
            example = 'write two conditions, ["before", "after"]'
            raise self.fail(f"claim.{kind} = {given}: {example}", kind)
        return [str(name) for name in value]
