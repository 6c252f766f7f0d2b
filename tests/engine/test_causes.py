"""What a step rests on is found by trying the old value, not by guessing."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest

import vmlitmus
from vmlitmus.cli.main import main
from vmlitmus.engine import run
from vmlitmus.engine.causes import annotated
from vmlitmus.errors import EnginesDisagree
from vmlitmus.litmus import Catalogue
from vmlitmus.outcome import Cause, Result

SCHEMA = Path(vmlitmus.__file__).parent / "schemas" / "outcome-1.json"


def decided(name: str) -> tuple[object, Result]:
    catalogue = Catalogue()
    test, cells = catalogue.select([name], wide=True)[0]
    machine = cells[0].machine(catalogue.model_of(test.topic))
    return machine, run(machine, cells[0].claim)


def test_the_race_of_two_flushers() -> None:
    """The second flusher takes the mask, so the first one has nobody to send an IPI to."""
    machine, result = decided("v3-two-reclaimers")
    steps = annotated(machine, result).trace
    labels = [step.label for step in steps]
    took, sent = (
        labels.index(f"task{n} sends write-back IPIs to {{{c}}}") for n, c in ((1, "cpu0"), (0, ""))
    )
    assert Cause(took, ("vm0.have_run",), False) in steps[sent].causes
    reused = labels.index("the host reuses page0 and writes it")
    assert steps[reused].causes == (
        Cause(labels.index("task0 lets go of page0"), ("page0.owner",), True),
    )
    for number, step in enumerate(steps):
        assert all(cause.step < number for cause in step.causes)
        assert all(steps[c.step].binding[0] != step.binding[0] for c in step.causes)


def test_states_and_moves_fit_the_trace() -> None:
    machine, result = decided("v3-two-reclaimers")
    found = annotated(machine, result)
    state = dict(found.initial)
    for step in found.trace:
        for name, (before, after) in {**step.changes, **step.moves}.items():
            assert state[name] == before
            state[name] = after
    assert state["page0.intact"] == "no"
    assert not found.fixed.keys() & found.initial.keys()
    assert found.fixed["cpu0.core"] == "core0"
    assert state["task0"] == "idle"
    assert state["task1"] == "in reclaim()"


def test_the_code_of_a_section() -> None:
    machine, result = decided("v3-two-reclaimers")
    found = annotated(machine, result)
    for step in found.trace:
        assert found.code[step.step], step
    first = found.code["reclaim.1"][0]
    assert first.file == "vmlitmus/model/kvm/cache_flush/reclaim.py"
    ran = [first.lines[n - first.first].strip() for n in first.marked]
    assert "zap(w, task, page)" in ran
    assert "page.owner = Owner.FREE" not in ran


def test_a_trace_that_cannot_be_executed_is_refused() -> None:
    machine, result = decided("v3-two-reclaimers")
    with pytest.raises(EnginesDisagree, match="step 1 of a trace"):
        annotated(machine, replace(result, trace=result.trace[1:]))


def test_without_a_trace_nothing_is_added() -> None:
    machine, result = decided("ever-ran-two-reclaimers")
    assert annotated(machine, result) is result


def test_the_json_has_it_and_follows_its_schema(capsys) -> None:
    assert main(["explain", "v3-two-reclaimers", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    jsonschema.validate(found, json.loads(SCHEMA.read_text()))
    trace = found["tests"][0]["trace"]
    assert trace[17]["causes"] == [{"step": 16, "fields": ["page0.owner"], "needed": True}]
    assert trace[17]["mechanism"] == "vmm/reuse"
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
