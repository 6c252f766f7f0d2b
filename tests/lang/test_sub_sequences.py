"""Sections of a sub-sequence that a sequence comes to at two places."""

from __future__ import annotations

import pytest
from judge import load

from vmlitmus.cli.main import main
from vmlitmus.compiler import build
from vmlitmus.errors import ModelError

MODEL = """from __future__ import annotations
from vmlitmus.lang import (
    Assumption, Entity, Model, Sections, Settings, Setup, World, condition, sequence, when,
)
S = Assumption("s", "a test")
class Line(Entity):
    a: bool = False
    c: bool = False
class Doer(Entity):
    pass
def inner(w: World, doer: Doer, line: Line) -> Sections:
    line.a = True
    yield "{doer} does the inner thing"
@sequence("{doer} begins", source=S)
def outer(w: World, doer: Doer, line: Line) -> Sections:
    when(not line.a)
    yield "{doer} enters"
    yield from inner(w, doer, line)
    when(line.c)
    yield "{doer} has passed"
    yield from inner(w, doer, line)
@condition("a-set", "a is set", source=S)
def a_set(w: World) -> bool:
    return w.the(Line).a
def setup(make: Setup, s: Settings) -> None:
    make(Line)
    make(Doer)
MODEL = Model("twice", "a test", (Line, Doer), (outer,), (a_set,), setup)
"""
TEST = 'question = "Is it?"\n[claim]\nrecoverable = "a-set"\n'


@pytest.mark.parametrize("engine", ["reference", "compiled"])
@pytest.mark.parametrize(
    ("guard", "missing", "happened"),
    [
        ("line.c", ["a doer has passed", "a doer does the inner thing, at place 2 of 2"], []),
        ("line.a", [], ["a doer has passed", "a doer does the inner thing"]),
    ],
)
def test_a_step_that_happened_elsewhere_is_told_with_its_place(
    tmp_path, capsys, engine: str, guard: str, missing: list[str], happened: list[str]
) -> None:
    (tmp_path / "mine.py").write_text(MODEL.replace("when(line.c)", f"when({guard})"))
    (tmp_path / "mine.toml").write_text(TEST)
    args = ["explain", str(tmp_path / "mine.toml"), "--model", str(tmp_path / "mine.py"), "-v"]
    assert main([*args, "--engine", engine]) == 0
    out = capsys.readouterr().out
    never = out.partition("Steps that never happened:")[2].partition("\n\n")[0]
    for text in missing:
        assert f"  - {text}" in never
    assert "  - a doer does the inner thing\n" not in never + "\n"
    for text in happened:
        assert text not in never


def test_a_label_may_be_met_twice_in_one_sequence_but_not_in_two(tmp_path, capsys) -> None:
    """The way out is told: a sub-sequence that both go on with."""
    twice = MODEL.replace('yield "{doer} has passed"', 'yield "{doer} enters"')
    (tmp_path / "mine.toml").write_text(TEST)
    (tmp_path / "mine.py").write_text(twice)
    args = ["check", str(tmp_path / "mine.toml"), "--model", str(tmp_path / "mine.py")]
    assert main(args) == 2
    out = capsys.readouterr().out
    assert "the label '{doer} enters' is used twice: also at" in out
    assert "`yield from`" in out


def test_a_label_of_a_step_that_only_a_later_machine_has_is_seen_too() -> None:
    later = """@sequence("{doer} leaves", disturbance="later", source=S)
def second(w: World, doer: Doer) -> Sections:
    yield "{doer} enters"
    w.the(Line).a = False
@condition("a-set"
"""
    text = MODEL.replace('@condition("a-set"', later.rstrip("\n"))
    model = load(text.replace("(outer,), (a_set,), setup", "(outer, second), (a_set,), setup"))
    assert build(model).instances
    with pytest.raises(ModelError, match="enters' is used twice"):
        build(model, allow=["later"])
