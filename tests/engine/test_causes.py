"""What a step rests on is found by trying the old value, not by guessing."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest

import vmlitmus
from vmlitmus.cli.main import main
from vmlitmus.compiler import Machine
from vmlitmus.engine import run
from vmlitmus.engine.causes import annotated
from vmlitmus.errors import EnginesDisagree
from vmlitmus.litmus import Catalogue
from vmlitmus.litmus.user_model.load import load_model
from vmlitmus.outcome import Cause, Result

SCHEMA = Path(vmlitmus.__file__).parent / "schemas" / "outcome-1.json"


RACE = Path(__file__).parent.parent / "browser" / "race"
OWN = ("--model", str(RACE / "flushing.py"))


def decided(name: str) -> tuple[Machine, Result]:
    catalogue = Catalogue(load_model(OWN[1]))
    test, cells = catalogue.select([str(RACE / name)], wide=True)[0]
    machine = cells[0].machine(catalogue.model_of(test.topic))
    return machine, run(machine, cells[0].claim)


def test_the_race_of_two_flushers() -> None:
    """The first flusher takes the mask, so the second one has nobody to send an IPI to."""
    machine, result = decided("race.toml")
    steps = annotated(machine, result).trace
    assert steps is not None
    assert [step.causes for step in steps] == [
        (), (), (), (Cause(0, ("page0.mask",), False),), (Cause(3, ("page0.mask",), False),),
        (), (), (Cause(6, ("page0.owner",), True),), (Cause(7, ("page0.owner",), False),),
    ]  # fmt: skip


def test_states_and_moves_fit_the_trace() -> None:
    machine, result = decided("race.toml")
    found = annotated(machine, result)
    state = dict(found.initial)
    assert found.trace is not None
    for step in found.trace:
        for name, (before, after) in {**step.changes, **step.moves}.items():
            assert state[name] == before
            state[name] = after
    assert state["page0.intact"] == "no"
    assert not found.fixed.keys() & found.initial.keys()
    assert state["task0"] == "in flush()"
    assert state["task1"] == "idle"


def test_fields_that_no_step_changes_are_apart() -> None:
    catalogue = Catalogue()
    test, cells = catalogue.select(["page-reused"], wide=True)[0]
    machine = cells[0].machine(catalogue.model_of(test.topic))
    found = annotated(machine, run(machine, cells[0].claim))
    assert found.fixed["cpu0.core"] == "core0"
    assert "cpu0.core" not in found.initial


def test_the_code_of_a_section() -> None:
    machine, result = decided("race.toml")
    found = annotated(machine, result)
    assert found.trace is not None
    assert all(found.code[step.step] for step in found.trace)
    first = found.code["flush.1"][0]
    assert first.file == "flushing.py"
    ran = [first.lines[n - first.first].strip() for n in first.marked]
    assert "page.mapped = False" in ran
    assert "page.owner = Owner.FREE" not in ran
    assert found.code["write"][0].marked == ()


def test_a_trace_that_cannot_be_executed_is_refused() -> None:
    machine, result = decided("race.toml")
    with pytest.raises(EnginesDisagree, match="step 8 of a trace"):
        annotated(machine, replace(result, trace=result.trace[1:]))


def test_without_a_trace_nothing_is_added() -> None:
    machine, result = decided("kept.toml")
    assert annotated(machine, result) is result


def test_the_json_has_it_and_follows_its_schema(capsys) -> None:
    assert main(["explain", str(RACE / "race.toml"), *OWN, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    jsonschema.validate(found, json.loads(SCHEMA.read_text()))
    trace = found["tests"][0]["trace"]
    assert trace[7]["causes"] == [{"step": 6, "fields": ["page0.owner"], "needed": True}]
    assert trace[7]["mechanism"] == "flushing"
    assert found["tests"][0]["initial"]["page0.owner"] == "guest"


@pytest.mark.parametrize(("place", "message"), [
    ("-", "--html -: not a file"), (".", "--html .: is a directory"),
    ("none/a.html", "--html none/a.html: there is no folder none"),
])  # fmt: skip
@pytest.mark.parametrize("command", ["explain", "check", "table", "ablate"])
def test_a_place_that_cannot_be_written(
    tmp_path, monkeypatch, capsys, command, place, message
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main([command, "policy-grid", "--html", place]) == 2
    assert message in capsys.readouterr().err
