"""vmlitmus sensitivity: what moves, by how much, and what is refused."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import jsonschema
import pytest

import vmlitmus
from vmlitmus.cli.main import main
from vmlitmus.simulation import sensitivity as parameters

SCHEMA = json.loads(
    (Path(vmlitmus.__file__).parent / "schemas" / "sensitivity-1.json").read_text(encoding="utf-8")
)
CELL = "locks-undetected-in-time[mode=off,vcpus=1]"


def test_a_rate_halves_when_its_time_doubles(capsys) -> None:
    assert main(["sensitivity", CELL, "--runs", "2", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    jsonschema.validate(found, SCHEMA)
    rows = {row["parameter"]: row for row in found["rows"]}
    work = rows["work"]
    assert work["estimate"] == pytest.approx(1 / 20.5e-6, rel=0.001)
    assert work["halved"] == pytest.approx(1 / 10.5e-6, rel=0.001)
    assert work["doubled"] == pytest.approx(1 / 40.5e-6, rel=0.001)
    assert rows["tick"]["doubled"] == rows["tick"]["estimate"]
    assert rows["work"]["source"]


def test_a_table_says_what_moves_and_what_does_not(capsys) -> None:
    assert main(["sensitivity", CELL, "--runs", "2"]) == 0
    out = capsys.readouterr().out
    assert "x 1.95" in out
    assert "Nothing moves with tick" in out


@pytest.mark.parametrize(
    ("test", "message"),
    [
        ("locks-undetected-in-time", "name one, such as"),
        ("page-reused", "[timing]"),
        ("no-such-test-anywhere", "no topic, test or path matches"),
    ],
)
def test_what_is_refused(capsys, test: str, message: str) -> None:
    assert main(["sensitivity", test]) == 2
    out, err = capsys.readouterr()
    assert message in out + err


def test_an_interrupt_is_one(monkeypatch, capsys) -> None:
    """A variant with fewer runs than the others must not be compared with them."""
    run = parameters.simulated

    def interrupted(*given):  # type: ignore[no-untyped-def]
        done, *rest = run(*given)
        return dataclasses.replace(done, interrupted=True), *rest

    monkeypatch.setattr(parameters, "simulated", interrupted)
    assert main(["sensitivity", CELL, "--runs", "2"]) == 130
    assert capsys.readouterr().out == ""
