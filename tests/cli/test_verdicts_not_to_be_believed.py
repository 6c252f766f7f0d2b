"""What nobody should believe: vacuous verdicts, empty worlds, and what the engines disagree on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from vmlitmus.cli.main import main
from vmlitmus.engine.native import decide

MODEL = '''
from __future__ import annotations

from vmlitmus.lang import *

S = Assumption("rooms", "a model")


class Room(Entity):
    """A room."""

    lit: bool = False
    never: bool = False


class Guest(Entity):
    """Somebody."""

    asleep: bool = False


@step("{r} is lit", source=S)
def light(w, r: Room):
    when(not r.lit)
    r.lit = True


@condition("lit", "a room is lit", source=S)
def lit(w):
    return any(r.lit for r in w.all(Room))


@condition("burning", "a room burns", source=S, backed_by=("smoke",))
def burning(w):
    return any(r.lit and r.never for r in w.all(Room))


@condition("smoke", "there is smoke", source=S)
def smoke(w):
    return any(r.never for r in w.all(Room))


@condition("asleep", "a guest sleeps", source=S)
def asleep(w):
    return any(g.asleep for g in w.all(Guest))


@condition("dark", "every room is dark", source=S)
def dark(w):
    return all(not r.lit for r in w.all(Room))


def populate(make, settings):
    for _ in range(settings["hotel"]["rooms"]):
        make(Room)
    for _ in range(settings["hotel"]["guests"]):
        make(Guest)


MODEL = Model(name="rooms", doc="", entities=(Room, Guest), steps=(light,), setup=populate,
    conditions=(lit, burning, smoke, asleep, dark),
    settings={"hotel": {"rooms": number(0, 5, default=1), "guests": number(0, 5, default=0)}})
'''
TEST = """topic = "rooms"
question = "Does it?"
source = "assumption"
because = "it is so"
decided_by = "model"
expect = "{expect}"

[claim]
{claim}

[hotel]
rooms = {rooms}
"""


@pytest.fixture
def check(tmp_path: Path, monkeypatch, capsys):
    """Return a function that checks one claim and gives the exit code and what is printed."""
    monkeypatch.chdir(tmp_path)
    Path("rooms.py").write_text(MODEL)

    def run(claim: str, expect: str = "holds", rooms: int = 1, *options: str):
        Path("a.toml").write_text(TEST.format(claim=claim, expect=expect, rooms=rooms))
        code = main(["check", "a.toml", "--model", "rooms.py", *options])
        return code, *capsys.readouterr()

    return run


def test_a_verdict_that_means_something(check) -> None:
    code, out, _ = check('possible = "lit"')
    assert (code, "warning" in out, "1 of 1 as expected" in out) == (0, False, True)


def test_a_vacuous_verdict_exits_with_3(check) -> None:
    code, out, _ = check('never = "burning"')
    assert code == 3
    assert "warning: 'smoke' is never reached" in out
    assert "0 of 1 as expected, 1 vacuous" in out


@pytest.mark.parametrize(
    ("claim", "expect"),
    [
        ('never = "lit"', "holds"),
        ('possible = "lit"', "violated"),
        ('possible = "dark"', "holds"),
        ('recoverable = "dark"', "holds"),
    ],
)
def test_a_world_without_anything(check, claim: str, expect: str) -> None:
    code, out, _ = check(claim, expect, 0)
    assert code == 3
    assert "the scenario has no entity of any kind; the verdict is vacuous" in out


def test_a_claim_about_nobody(check) -> None:
    code, out, _ = check('never = "asleep"')
    assert code == 3
    assert "there is no guest, and 'asleep' asks for nothing else" in out


def test_an_unexpected_verdict_is_graver_than_a_vacuous_one(check) -> None:
    code, out, _ = check('never = "burning"', "violated")
    assert code == 1 and "expected: violated" in out


def test_what_the_engines_disagree_on_is_withheld(check, monkeypatch) -> None:
    found = decide.find_native

    def wrong(machine, *rest):
        finding = found(machine, *rest)
        return replace(finding, path=(machine.initial,))

    monkeypatch.setattr(decide, "find_native", wrong)
    code, out, _ = check('never = "lit"', "violated", 1, "--engine", "compiled")
    assert code == 70
    assert "no verdict: the two engines disagree" in out
    assert "a bug in vmlitmus, not in the test or the model" in out
    assert "1 internal errors" in out and "violated   " not in out


def test_an_entity_that_is_a_kind_of_another_is_refused(check) -> None:
    text = MODEL.replace("class Guest(Entity):", "class Guest(Room):")
    Path("rooms.py").write_text(text)
    code, out, _ = check('never = "lit"')
    assert code == 2
    assert "rooms.py:16: entity Guest is a subclass of entity Room" in out
