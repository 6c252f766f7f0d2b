"""vmlitmus table --cost: claims and costs of the same mechanisms in one grid."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import jsonschema
import pytest

import vmlitmus
from vmlitmus.cli.decide.costs import mechanism_axes
from vmlitmus.cli.main import main
from vmlitmus.errors import UsageError
from vmlitmus.litmus import Catalogue
from vmlitmus.outcome.cost import Column, Cost, CostTable, Verdicts
from vmlitmus.outcome.simulated import Figure
from vmlitmus.report.grids.cost import cost_text
from vmlitmus.simulation import simulate as simulation

SCHEMA = json.loads(
    (Path(vmlitmus.__file__).parent / "schemas" / "costs-1.json").read_text(encoding="utf-8")
)


def test_split_lock_modes(capsys) -> None:
    assert main(["table", "split-lock", "--cost", "--json", "--time-limit", "20"]) == 0
    found = json.loads(capsys.readouterr().out)
    jsonschema.validate(found, SCHEMA)
    table = next(t for t in found["tables"] if t["axis"] == "mode")
    claims = {(c["test"], c["what"]): c["cells"] for c in table["claims"]}
    bus = claims["mode-claim-grid", "never bus-locked"]
    assert bus["off"]["violated"] > 0
    assert bus["fatal"] == {"holds": 1, "violated": 0, "undecided": 0}
    cost = next(c for c in table["costs"] if c["where"] == {"vcpus": "1"})
    # Undetected, a split lock takes 20 us of work and 500 ns of bus.
    assert cost["cells"]["off"]["estimate"] == pytest.approx(1 / 20.5e-6, rel=0.001)


def test_a_topic_without_mechanisms_in_time(capsys) -> None:
    assert main(["table", "domain-switch", "--cost"]) == 2
    assert "no test in time" in capsys.readouterr().err


def test_a_grid_has_to_ask_about_all_of_them() -> None:
    selected = Catalogue().select(["cache-flush"], wide=False)
    grids, timed = mechanism_axes([s for s in selected if s[0].axes])["cache_flush"]
    assert "policy-grid" in [test.name for test, _ in grids]
    assert "mark-place" not in [test.name for test, _ in grids]
    assert all(test.measures for test, _ in timed)
    with pytest.raises(UsageError):
        mechanism_axes([s for s in selected if s[0].axes and not s[0].measures])


@pytest.mark.parametrize("topic", ["cache-flush", "smt-protection", "ap-creation", "split-lock"])
def test_each_topic_with_mechanisms_in_time_has_a_grid(topic: str) -> None:
    selected = Catalogue().select([topic], wide=False)
    for grids, timed in mechanism_axes([s for s in selected if s[0].axes]).values():
        assert grids
        assert timed


def test_the_same_runs_on_every_machine(capsys) -> None:
    assert main(["table", "ap-creation", "--cost", "--runs", "2", "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)["tables"]
    assert found["costs"][0]["cells"]["let the kick honour KVM_REQUEST_WAIT"]["estimate"] == 1.75e-6
    assert main(["table", "ap-creation", "--runs", "2"]) == 2
    assert "--runs goes with --cost" in capsys.readouterr().err


def table(*, reached: bool) -> CostTable:
    figure = Figure("mean", 0.0015, 0.00147, 0.00153, "s")
    return CostTable(
        "policy",
        ("none", "v3"),
        (Column("grid", "never stale", {}, {"none": Verdicts(0, 3), "v3": Verdicts(2, 1)}),),
        (Column("timed", "a reclaim", {"cores": "4"}, {"v3": Cost(figure, reached)}),),
    )


@pytest.mark.parametrize(("reached", "code"), [(True, 0), (False, 3)])
def test_the_text(reached, code) -> None:
    lines = cost_text(table(reached=reached)).splitlines()
    assert lines[2].split() == ["none", "violated", "-"]
    assert lines[3].split()[:5] == ["v3", "holds", "in", "2", "of"]
    assert "1.5 ms +-2%" + ("" if reached else " ?") in lines[3]
    assert "(2) a reclaim: timed, cores = 4" in lines
    assert table(reached=reached).exit_code == code


def test_an_interrupt_ends_the_runs_of_all_tests(monkeypatch, capsys) -> None:
    run, asked = simulation.simulate, []

    def interrupted(model, test, *others, **more):  # type: ignore[no-untyped-def]
        asked.append(test.name)
        done = run(model, test, *others, **more)
        cells = (dataclasses.replace(done.cells[0], interrupted=True), *done.cells[1:])
        return dataclasses.replace(done, cells=cells)

    monkeypatch.setattr(simulation, "simulate", interrupted)
    assert main(["table", "ap-creation", "--cost", "--runs", "2"]) == 130
    out, err = capsys.readouterr()
    assert (out, len(asked)) == ("", 1)
    assert err.endswith("vmlitmus: interrupted\n")
