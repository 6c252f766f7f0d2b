"""The table that was argued by mail: which rows of it the model bears out, and which not."""

from __future__ import annotations

import json
import shlex

from vmlitmus.cli.main import main
from vmlitmus.litmus import Catalogue

TABLE = "proposed-table"
DISPUTED = {"FORCED_ON, warn host": 16, "FORCED_ON, case 5": 2}


def test_what_was_said_is_compared_with_every_cell_it_is_about(capsys) -> None:
    assert main(["table", TABLE, "--json"]) == 0
    (table,) = json.loads(capsys.readouterr().out)["tables"]
    assert len(table["cells"]) == 288
    differing = {row["by"]: len(row["differs"]) for row in table["said"] if not row["agrees"]}
    assert differing == DISPUTED
    for row in table["said"]:
        assert row["agrees"] == row["expected"], row["by"]
        assert row["agrees"] or row["note"], row["by"]


def test_all_seven_cases_are_stored() -> None:
    (test,) = [t for t in Catalogue().tests("split-lock") if t.name == TABLE]
    cases = {row.by.split(".")[0].split(",")[0] for row in test.layout.said}
    assert {f"case {n}" for n in range(1, 8)} <= cases
    assert all(row.seen or row.unseen for row in test.layout.said)


def test_every_cell_has_a_witness_of_all_that_it_shows(capsys) -> None:
    cell = f"{TABLE}[smt=off,mode=fatal,guest=warn,context=user,forced_on=absent,on_fatal=forward]"
    assert main(["explain", cell]) == 0
    out = capsys.readouterr().out
    assert out.count("vcpu0 enters the guest") == 2
    assert "KVM forwards it although the bit is clear" in out.replace("\n  ", " ")
    cell = f"{TABLE}[smt=off,mode=warn,guest=unaware,context=user,forced_on=absent,on_fatal=kill]"
    assert main(["explain", cell, "--reach", "bus-locked"]) == 0
    out = capsys.readouterr().out
    assert "possible bus-locked: HOLDS\n" in out
    assert "==> bus-locked" in out
    again = out.partition("To run it again:\n")[2].replace("\\\n", "")
    assert shlex.split(again) == ["vmlitmus", "explain", cell, "--reach", "bus-locked"]
    assert "Expected because" not in out


def test_there_are_thirty_tests_of_split_locks() -> None:
    assert len(Catalogue().tests("split-lock")) >= 30
