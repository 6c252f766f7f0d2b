"""vmlitmus grow: which bounds are raised, in which order, and what is said of it."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import vmlitmus
from vmlitmus.cli.main import main
from vmlitmus.decide import growth
from vmlitmus.decide.cells import decide_apart
from vmlitmus.decide.growth import Bound, bounds, raised, steps
from vmlitmus.litmus import Catalogue
from vmlitmus.outcome import Outcome, Verdict

SCHEMA = json.loads(
    (Path(vmlitmus.__file__).parent / "schemas" / "growth-1.json").read_text(encoding="utf-8")
)
CLOSED = """
question = "Does one reclaim keep the page safe?"
source = "a test"
expect = "holds"
because = "Nobody else runs."
decided_by = "model"
topic = "cache-flush"

[machine]
cores = 1

[kvm]
cache_flush = "ever-ran"

[environment]
allow = ["guest-write", "eviction", "reclaim", "host-reuse"]
at_most = { eviction = 1 }

[claim]
never = "stale-encrypted-line"
"""
HIDDEN = """
question = "Is a flush needed for pages that no guest writes?"
source = "a test"
expect = "holds"
because = "Without a write there is no dirty line."
decided_by = "model"
topic = "cache-flush"

[machine]
cores = 1

[kvm]
cache_flush = "none"
writeback = "wbinvd"

[environment]
allow = ["guest-write", "eviction", "reclaim", "host-reuse"]
at_most = { guest-write = 0 }

[claim]
never = "stale-encrypted-line"
"""


def cell_of(tmp_path: Path, text: str):
    path = tmp_path / "own.toml"
    path.write_text(text)
    catalogue = Catalogue()
    test = catalogue.read(path)
    return catalogue.model_of(test.topic), test.cells[0]


def test_bounds_are_those_of_the_file_and_the_defaults(tmp_path) -> None:
    model, cell = cell_of(tmp_path, CLOSED)
    found = {bound.name: (bound.value, bound.high) for bound in bounds(model, cell)}
    assert found["machine.cores"] == (1, 4)
    assert found["machine.tasks"] == (1, 3)
    assert found["vm.1.pages"] == (1, 3)
    assert found["at_most.eviction"] == (1, 63)


def test_a_raised_cell_has_more_of_everything(tmp_path) -> None:
    model, cell = cell_of(tmp_path, CLOSED)
    more = {"machine.cores": 3, "vm.1.pages": 2, "at_most.eviction": 4}
    machine = raised(model, cell, more).machine(model)
    assert machine.bounds["core"] == 3
    assert machine.bounds["page"] == 2
    assert "eviction (at most 4)" in str(machine.bounds["disturbances"]) or "4" in str(
        machine.bounds["disturbances"]
    )


def test_each_alone_then_together_then_by_two() -> None:
    found = [Bound("a", 1, 3), Bound("b", 2, 3)]
    assert list(steps(found)) == [
        {"a": 2},
        {"b": 3},
        {"a": 2, "b": 3},
        {"a": 3},
        {"a": 3, "b": 3},
    ]
    assert list(steps([])) == []
    assert len(list(islice(steps([Bound("x", 0, 63)]), 100))) == 63


def run(capsys, *args: str) -> tuple[int, str, str]:
    code = main(["grow", *args])
    done = capsys.readouterr()
    return code, done.out, done.err


def test_a_verdict_that_lasts(tmp_path, capsys) -> None:
    (tmp_path / "own.toml").write_text(CLOSED)
    path = str(tmp_path / "own.toml")
    code, out, _ = run(capsys, path, "--raise", "vm.1.pages=2", "--json")
    assert code == 0
    found = json.loads(out)
    jsonschema.validate(found, SCHEMA)
    (test,) = found["tests"]
    assert test["change"] is None
    assert [row["raised"] for row in test["rows"]] == [{}, {"vm.1.pages": 2}]
    assert test["pushed"] == {"vm.1.pages": 2}
    assert test["rows"][1]["states"] > test["rows"][0]["states"]


def test_a_verdict_that_does_not_last_is_explained(tmp_path, capsys) -> None:
    (tmp_path / "own.toml").write_text(HIDDEN)
    path = str(tmp_path / "own.toml")
    code, out, _ = run(capsys, path, "--raise", "at_most.guest-write=1")
    assert code == 0
    assert '"holds" becomes "violated" with at_most.guest-write = 1 (was 0)' in out
    assert "\n  ==> stale-encrypted-line\n" in out
    command = shlex.split(
        out.partition("To run it again:\n")[2].partition("\n\n")[0].replace("\\\n", "")
    )
    assert command == ["vmlitmus", "grow", path, "--raise", "at_most.guest-write=1"]


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["reclaim-no-flush", "--raise", "machine.core=2"], "did you mean 'machine.cores'"),
        (["reclaim-no-flush", "--raise", "machine.cores"], "a number from 0 to 4"),
        (["reclaim-no-flush", "--raise", "machine.cores=9"], "a number from 0 to 4"),
        (["reclaim-no-flush", "--raise", "machine.cores=" + "9" * 5000], "a number from 0 to 4"),
        (["policy-grid"], "name one"),
        (["no-such"], "no topic, test or path"),
    ],
)
def test_wrong_lines(capsys, args: list[str], message: str) -> None:
    code, _, err = run(capsys, *args)
    assert code == 2
    assert message in err


def test_the_time_limit_holds_for_the_test_itself_too(capsys) -> None:
    code, out, _ = run(
        capsys, "mask-covers-dirty-cpus-three", "--engine", "reference", "--time-limit", "0.2"
    )
    assert code == 0
    assert "inconclusive" in out


@pytest.mark.parametrize("asked", [0, 1, 3])
def test_an_interrupt_while_a_question_is_decided_ends_it(
    tmp_path, capsys, monkeypatch, asked: int
) -> None:
    """A search that sees the interrupt itself gives an answer, which is none."""
    path = tmp_path / "own.toml"
    path.write_text(CLOSED)
    count = iter(range(100))

    def decided(*given: Any, **named: Any) -> Outcome:
        outcome = decide_apart(*given, **named)
        assert outcome.result is not None
        if next(count) < asked:
            return outcome
        given_up = replace(outcome.result, verdict=Verdict.INCONCLUSIVE, reason="interrupted")
        return replace(outcome, result=given_up)

    monkeypatch.setattr(growth, "decide_apart", decided)
    code, out, err = run(capsys, str(path))
    assert code == 130
    assert f"interrupted after {max(asked - 1, 0)} questions" in err
    assert next(count) == asked + 1
    assert "the time was up" not in out


def test_what_is_asked_is_not_overwritten(tmp_path, capsys) -> None:
    path = tmp_path / "own.toml"
    path.write_text(CLOSED)
    code, _, _ = run(capsys, str(path), "-o", str(path), "--raise", "vm.1.pages=2")
    assert code == 2
    assert path.read_text() == CLOSED


COUNTED = {
    "cores", "cpus", "cpus_per_core", "threads_per_core", "spare_cpus", "hosts",
    "tasks", "vcpus", "vms", "packages", "pages", "processes", "to_come",
}  # fmt: skip


def test_a_bound_is_a_number_of_things_and_not_which_of_them() -> None:
    catalogue = Catalogue()
    found = {
        key
        for topic in catalogue.topics()
        for tables in (catalogue.model_of(topic).settings, catalogue.model_of(topic).lists)
        for settings in tables.values()
        for key, setting in settings.items()
        if setting.counts
    }
    assert found <= COUNTED


def test_a_vm_that_is_added_has_what_an_axis_sets_for_each(tmp_path) -> None:
    text = CLOSED.replace(
        'topic = "cache-flush"', 'topic = "cache-flush"\n[matrix]\n"vm.kind" = ["sev"]'
    )
    model, cell = cell_of(tmp_path, text)
    grown = raised(model, cell, {"vm": 2})
    assert [entry.get("kind") for entry in grown.lists["vm"]] == ["sev", "sev"]
