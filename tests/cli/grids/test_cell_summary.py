"""Words that sum up the cells of a matrix: in grids, in JSON, in verdicts, and wrong ones."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

import vmlitmus
from vmlitmus.cli.main import main

SCHEMA = Path(vmlitmus.__file__).parent / "schemas" / "table-1.json"
TEST = """question = "Is it safe?"
source = "somewhere"
because = "we know"
decided_by = "model"
topic = "smt-topology"

[[expect]]
where = {}
verdict = "holds"
word = "for ever"

[[expect]]
where = { pinned = "free" }
verdict = "violated"
word = "not at all"

[[word]]
word = "not at all"
reached = "hint-false-at-boot"

[[word]]
word = "for ever"
reached = "hint-set"

[[word]]
word = "never set"

[kvm]
hint = "hv-on"

[claim]
never = "hint-false"

[matrix]
"vm.pinned" = ["free", "own-cores"]
"""


@pytest.fixture
def run(tmp_path, capsys):
    def call(command: str, text: str, *options: str) -> tuple[int, str]:
        path = tmp_path / "mine.toml"
        path.write_text(text)
        code = main([command, str(path), *options])
        out, err = capsys.readouterr()
        return code, out + err

    return call


def test_a_cell_shows_the_first_word_whose_condition_is_reached(run) -> None:
    code, out = run("table", TEST)
    assert code == 0
    assert [line.split(None, 1) for line in out.splitlines()[-2:]] == [
        ["free", "not at all"],
        ["own-cores", "for ever"],
    ]


def test_a_word_without_condition_is_what_is_left(run) -> None:
    _, out = run(
        "table", TEST.replace('"hv-on"', '"off"').replace('word = "for ever"\n\n[[e', "[[e")
    )
    assert "never set !" in out


def test_another_word_than_expected_is_exit_1(run) -> None:
    wrong = TEST.replace(
        'verdict = "holds"\nword = "for ever"', 'verdict = "holds"\nword = "never set"'
    )
    code, out = run("check", wrong)
    assert code == 1
    assert "(for ever; expected: never set)" in out
    assert "for ever !" in run("table", wrong)[1]


def test_words_are_in_the_table_json(run) -> None:
    _, out = run("table", TEST, "--json")
    found = json.loads(out)
    jsonschema.validate(found, json.loads(SCHEMA.read_text()))
    assert [cell["word"] for cell in found["tables"][0]["cells"]] == ["not at all", "for ever"]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('reached = "hint-set"', 'reached = "hint-sett"', "did you mean 'hint-set'"),
        ('reached = "hint-set"', 'when = "hint-set"', "unknown key of word 'when'"),
        ('reached = "hint-set"\n', "", "has no condition and is not the last"),
        ('[[word]]\nword = "never set"', "[[word]]\nword = 3", "word = 3: not a text"),
        (
            'verdict = "holds"\nword = "for ever"',
            'verdict = "holds"\nword = "ever"',
            "unknown word",
        ),
    ],
)
def test_faulty_words_are_refused(run, old: str, new: str, message: str) -> None:
    assert old in TEST
    code, out = run("check", TEST.replace(old, new))
    assert code == 2
    assert message in out
