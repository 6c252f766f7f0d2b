"""The reference of the litmus file and its JSON schema say what the reader does.

``pytest tests/litmus/test_reference.py --promote`` writes tables and schema anew.
"""

from __future__ import annotations

import copy
import json
import re
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import vmlitmus
from vmlitmus.errors import ScenarioError
from vmlitmus.lang import KINDS
from vmlitmus.litmus import Catalogue, LitmusError, read_test
from vmlitmus.litmus.format.schema import litmus_schema
from vmlitmus.litmus.keys import KEYS, Key
from vmlitmus.model import TOPICS
from vmlitmus.simulation.laws import timing

PAGE = Path(__file__).parent.parent.parent / "docs" / "litmus-file.md"
SCHEMA = Path(vmlitmus.__file__).parent / "schemas" / "litmus-1.json"
TESTS = Catalogue().tests()


def key_table(table: str) -> str:
    rows = [k for k in KEYS if k.table == table]
    lines = ["| key | type | default | meaning | example |", "|---|---|---|---|---|"]
    return "\n".join([*lines, *(key_row(key) for key in rows)])


def key_row(key: Key) -> str:
    need = key.need or key.default
    return f"| `{key.name}` | {key.type} | {need} | {key.meaning} | `{key.example}` |"


def settings_tables() -> str:
    blocks = []
    for name, model in TOPICS.items():
        lines = [f"### {name}", "", "| key | values | default | meaning |", "|---|---|---|---|"]
        for table, known in {**model.settings, **model.lists}.items():
            shown = f"[[{table}]]" if table in model.lists else f"[{table}]"
            for key, setting in known.items():
                words = [toml(v) for v in model.choices(setting)]
                values = ", ".join(words) or f"{setting.low} to {setting.high}"
                lines.append(
                    f"| `{shown} {key}` | {values} | {toml(setting.default)} | {setting.doc} |"
                )
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks)


def toml(value: object) -> str:
    return f"{value}".lower() if isinstance(value, bool) else f"`{value}`"


def test_the_page_has_every_key_and_setting(request) -> None:
    text = PAGE.read_text()
    wanted = text
    for table in dict.fromkeys(key.table for key in KEYS):
        wanted = filled(wanted, f"keys: {table or 'top'}", key_table(table))
    wanted = filled(wanted, "settings", settings_tables())
    if request.config.getoption("--promote"):
        PAGE.write_text(wanted)
    else:
        assert text == wanted, "run this file with --promote, and read the difference"


def filled(text: str, mark: str, tables: str) -> str:
    """Return the page with what follows a mark, up to the next heading or paragraph, replaced."""
    pattern = re.compile(rf"(<!-- {re.escape(mark)} -->\n)(?:\n|\|.*\n|###.*\n)*")
    assert len(pattern.findall(text)) == 1, mark
    return pattern.sub(lambda found: f"{found[1]}\n{tables}\n\n", text)


def test_every_setting_says_what_it_means() -> None:
    bare = [
        f"{name}: {table}.{key}"
        for name, model in TOPICS.items()
        for table, known in {**model.settings, **model.lists}.items()
        for key, setting in known.items()
        if not setting.doc
    ]
    assert not bare


@pytest.mark.parametrize("key", KEYS, ids=lambda k: f"{k.table}.{k.name}")
def test_examples_are_what_they_show(key: Key) -> None:
    value = tomllib.loads(key.example)[key.name]
    shape = {} if key.name in ("word", "said") and not key.table else key.shape
    jsonschema.validate(value, shape)


def test_the_table_has_every_kind_of_claim() -> None:
    assert tuple(k.name for k in KEYS if k.table == "claim") == KINDS


def test_the_tables_of_a_timing_are_those_that_its_reader_knows() -> None:
    names = {t: {k.name for k in KEYS if k.table == t} for t in ("timing.parameter", "timing.time")}
    assert names["timing.parameter"] == set(timing._PARAMETER)
    assert names["timing.time"] == {*timing._ROW, *timing._LAWS}
    memory = next(k for k in KEYS if (k.table, k.name) == ("timing.time", "memory"))
    assert tuple(memory.shape["enum"]) == timing.MEMORIES


def example_rows() -> list[dict[str, Any]]:
    """Return a row for each key, with a law where one is needed beside it."""
    found = []
    for key in (k for k in KEYS if k.table == "timing.time"):
        row = {"step": "evict", **tomllib.loads(key.example)}
        found.append({**row, "constant": "1 us"} if key.name == "plus" else row)
    return found


@pytest.mark.parametrize("row", example_rows(), ids=lambda row: list(row)[-1])
def test_the_reader_takes_every_row_that_the_page_shows(row: dict[str, Any]) -> None:
    found = timing.timing_of({"time": [row]}, "example")
    timing.law_of(found.rows[0], {})
    with pytest.raises(ScenarioError):
        timing.timing_of({"time": [{**row, "no_such": 1}]}, "example")


def test_the_published_schema_is_that_of_today(request) -> None:
    found = litmus_schema(TOPICS.values())
    text = json.dumps(found, indent=1) + "\n"
    if request.config.getoption("--promote"):
        SCHEMA.write_text(text)
    assert SCHEMA.read_text() == text, "run this file with --promote, and read the difference"
    jsonschema.Draft202012Validator.check_schema(found)


@cache
def validator() -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(litmus_schema(TOPICS.values()))


def data_of(test: Any) -> dict[str, Any]:
    return {**tomllib.loads(test.text), "topic": test.topic}


def test_every_file_of_the_catalogue_is_valid() -> None:
    wrong = {
        test.name: error.message
        for test in TESTS
        for error in validator().iter_errors(data_of(test))
    }
    assert not wrong


def mutants(data: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield what is wrong, and the data with it."""
    for key in ("question", "source", "because", "decided_by", "expect"):
        if key != "expect":  # without it, nothing is expected
            yield f"no {key}", {k: v for k, v in data.items() if k != key}
        yield f"{key} = 3", {**data, key: 3}
    yield "no row", {**data, "expect": []}
    yield "unknown key", {**data, "claims": {}}
    yield "a statement", {**data, "question": "It is so."}
    yield "wide = 1", {**data, "wide": 1}
    yield "yes = maybe", {**data, "yes": "maybe"}
    yield "unknown disturbance", changed(data, "environment", "allow", ["evictoin"])
    yield "allow is a text", changed(data, "environment", "allow", "eviction")
    yield "unknown key of environment", changed(data, "environment", "alow", [])
    yield "unknown assumption", {**data, "assume": {"no-such": True}}
    yield "unknown table", {**data, "machin": {}}
    for table in TOPICS[data["topic"]].settings:
        yield f"unknown key of {table}", changed(data, table, "no_such", 1)
        for key in TOPICS[data["topic"]].settings[table]:
            yield f"{table}.{key} = 9999", changed(data, table, key, 9999)  # not even in time
    for table in TOPICS[data["topic"]].lists:
        yield f"unknown key of {table}", {**data, table: [{"no_such": 1}]}
        yield f"{table} is no list", {**data, table: {}}
    if isinstance(data["expect"], list):
        yield "no verdict", {**data, "expect": [*data["expect"], {"where": {}}]}
        yield "key of expect", {**data, "expect": [*data["expect"], {"verdict": "holds", "x": 1}]}
    if "matrix" in data:
        yield "empty axis", changed(data, "matrix", "environment.allow", [])
        yield "unknown axis", changed(data, "matrix", "no.such", [1])
    else:
        yield "no claim", {k: v for k, v in data.items() if k != "claim"}
        yield "unknown condition", {**data, "claim": {"never": "no-such"}}
        yield "unknown kind", {**data, "claim": {"sometimes": "no-such"}}
        yield "two claims", {**data, "claim": {"never": "x", "possible": "y"}}
    yield "bare word", {**data, "word": [{"reached": "x"}]}
    yield "said by nobody", {**data, "said": [{"text": "x"}]}


def changed(data: dict[str, Any], table: str, key: str, value: object) -> dict[str, Any]:
    result = copy.deepcopy(data)
    result.setdefault(table, {})[key] = value
    matrix = result.get("matrix", {})
    if table != "matrix":
        matrix.pop(f"{table}.{key}", None)
    return result


SAMPLE = [next(t for t in TESTS if t.topic == name) for name in TOPICS] + [
    next(t for t in TESTS if t.topic == name and t.axes) for name in TOPICS
]


@pytest.mark.parametrize("test", SAMPLE, ids=lambda t: t.name)
def test_wrong_files_are_refused_by_schema_and_reader(test) -> None:
    data = data_of(test)
    seen = 0
    for what, wrong in mutants(data):
        assert not validator().is_valid(wrong), what
        with pytest.raises((LitmusError, ScenarioError)):
            read_and_build(toml_text(wrong))
        seen += 1
    assert seen > 20


def read_and_build(text: str) -> None:
    test = read_test(text, "x.toml", None, Catalogue().model_of)
    test.cells[0].machine(TOPICS[test.topic])


def toml_text(data: dict[str, Any]) -> str:
    """Return data as TOML: inline tables throughout, which is enough for the reader."""
    return "\n".join(f"{json.dumps(key)} = {inline(value)}" for key, value in data.items())


def inline(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(k)} = {inline(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(inline, value)) + "]"
    return json.dumps(value)
