"""Tables that say what somebody said of their cells: layout, comparison, wrong input."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from vmlitmus.cli.main import main

SCHEMAS = Path(__import__("vmlitmus").__file__).parent / "schemas"
GOOD = """topic = "split-lock"
question = "What does a guest see?"
source = "somewhere"
because = "we know"
decided_by = "model"

[[expect]]
where = {}
verdict = "holds"

[[expect]]
where = { mode = "fatal" }
verdict = "violated"

[claim]
never = "guest-killed"

[matrix]
"vm.context" = ["user", "kernel"]
"host.mitigate" = [true, false]
"host.mode" = ["warn", "fatal"]
across = ["mode"]
apart = ["context"]
observe = { H = "host-ac", L = "bus-locked" }

[[said]]
by = "one"
text = "warn lets it through"
where = { mode = "warn" }
seen = ["host-ac", "bus-locked"]

[[said]]
by = "another"
text = "nobody ever locks the bus"
where = { mode = ["warn", "fatal"], context = "user" }
unseen = ["bus-locked"]
agrees = false
note = "only in fatal"
"""


def table(tmp_path, capsys, text: str, *args: str) -> tuple[int, str, str]:
    path = tmp_path / "mine.toml"
    path.write_text(text)
    code = main(["table", str(path), *args])
    out, err = capsys.readouterr()
    return code, out, err


def test_a_block_for_each_value_set_apart(tmp_path, capsys) -> None:
    code, out, _ = table(tmp_path, capsys, GOOD)
    assert code == 0
    assert out.index("context = user:") < out.index("context = kernel:")
    assert out.count("mitigate  warn  fatal") == 2
    assert out.count("true      = HL  x H") == 2
    assert "= never guest-killed holds; x it is violated; H host-ac; L bus-locked\n" in out


def test_what_was_said_is_compared(tmp_path, capsys) -> None:
    _, out, _ = table(tmp_path, capsys, GOOD)
    said = out[out.index("Published claims") :]
    assert "agrees (4 cells)\n" in said
    assert "DIFFERS in 2 of 4 cells\n      mode = warn: bus-locked" in said
    assert "only in fatal" in said
    assert "No claim is about 2 of the 8 cells." in said
    assert max(map(len, said.splitlines())) <= 75


def test_a_saying_that_compares_otherwise_is_marked(tmp_path, capsys) -> None:
    _, out, _ = table(tmp_path, capsys, GOOD.replace("agrees = false", "agrees = true"))
    assert "DIFFERS in 2 of 4 cells !" in out
    _, out, _ = table(
        tmp_path, capsys, GOOD.replace('seen = ["host-ac"', 'agrees = false\nseen = ["host-ac"')
    )
    assert "agrees (4 cells) !" in out


def test_a_saying_may_leave_it_open(tmp_path, capsys) -> None:
    _, out, _ = table(
        tmp_path, capsys, GOOD.replace('unseen = ["bus-locked"]\nagrees = false\n', "")
    )
    assert "says nothing of the conditions" in out


def test_json_follows_its_schema(tmp_path, capsys) -> None:
    code, out, _ = table(tmp_path, capsys, GOOD, "--json")
    found = json.loads(out)
    jsonschema.validate(found, json.loads((SCHEMAS / "table-1.json").read_text()))
    assert code == 0
    one, another = found["tables"][0]["said"]
    assert one["agrees"] and one["cells"] == 4
    assert not another["agrees"] and not another["expected"]
    assert [d["surplus"] for d in another["differs"]] == [["bus-locked"]] * 2


def test_markdown_has_a_table_for_each_block(tmp_path, capsys) -> None:
    _, out, _ = table(tmp_path, capsys, GOOD, "--format", "markdown")
    assert out.count("| mitigate | mode: warn | mode: fatal |") == 2
    assert "| true | = HL | x H |" in out


def test_two_axes_across_have_two_heads(tmp_path, capsys) -> None:
    text = GOOD.replace(
        'across = ["mode"]\napart = ["context"]', 'across = ["mitigate", "mode"]\napart = []'
    )
    _, out, _ = table(tmp_path, capsys, text)
    lines = out.splitlines()
    at = next(n for n, line in enumerate(lines) if line.strip() == "mitigate:")
    assert lines[at + 1].split() == ["true", "false"]
    assert lines[at + 2].strip() == "mode:"
    assert lines[at + 3].split() == ["context", "warn", "fatal", "warn", "fatal"]


WRONG = [
    ('across = ["mode"]', 'across = ["mod"]', "did you mean 'mode'"),
    ('across = ["mode"]', 'across = "mode"', "not a list of texts"),
    ('across = ["mode"]', 'across = ["context"]', "named twice"),
    ('apart = ["context"]', 'apart = ["contxt"]', "did you mean 'context'"),
    ('H = "host-ac"', 'H = "host-a"', "did you mean 'host-ac'"),
    ('H = "host-ac"', 'HH = "host-ac"', "a mark is one letter"),
    ('H = "host-ac"', "H = 3", "not a condition"),
    ('H = "host-ac"', 'H = "bus-locked"', "has two marks"),
    ("[[said]]", "[said]", "write [[said]]"),
    ('by = "one"', "", "by of a [[said]] row is missing"),
    ('by = "one"', "by = 1", "by of a [[said]] row = 1: not a text"),
    ('text = "warn lets it through"', "", "text of a [[said]] row is missing"),
    ('text = "warn', 'txt = "warn', "did you mean 'text'"),
    ('where = { mode = "warn" }\nseen', 'where = { mod = "warn" }\nseen', "did you mean 'mode'"),
    ('where = { mode = "warn" }\nseen', 'where = { mode = "wan" }\nseen', "did you mean 'warn'"),
    ('where = { mode = "warn" }\nseen', "where = 3\nseen", "where = 3: not a table"),
    ('"host-ac", "bus-locked"]', '"host-ac", "guest-killed"]', "unknown observed condition"),
    ('"host-ac", "bus-locked"]', '"host-ac", 3]', "not a list of texts"),
    ("agrees = false", 'agrees = "no"', "not true or false"),
    ('note = "only in fatal"', "note = 3", "note of a [[said]] row = 3: not a text"),
    ('["warn", "fatal"], context', "[], context", "matches no cell"),
]


@pytest.mark.parametrize(("old", "new", "message"), WRONG)
def test_wrong_input(tmp_path, capsys, old: str, new: str, message: str) -> None:
    assert old in GOOD
    text = GOOD.replace(old, new, 1)
    if new == "[said]":
        text = text[: text.rindex("[[said]]")]
    code, out, err = table(tmp_path, capsys, text)
    assert code == 2
    assert message in err, err
    assert "mine.toml" in err
    assert "Traceback" not in out + err


@pytest.mark.parametrize("room", [40, 60, 75])
def test_the_name_of_a_cell_goes_on_behind_a_comma(tmp_path, capsys, monkeypatch, room) -> None:
    monkeypatch.setenv("COLUMNS", str(room))
    _, out, _ = table(tmp_path, capsys, GOOD)
    assert "the first is mine[context=user," in " ".join(out.split())
    assert max(map(len, out.splitlines())) <= room
