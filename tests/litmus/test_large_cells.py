"""Cells that have more of something than is decided: they are only simulated, and only in time."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from vmlitmus.cli.main import main
from vmlitmus.litmus import Catalogue
from vmlitmus.simulation.simulate import prepared
from vmlitmus.simulation.simulators.reference import Simulator

TEST = """
question = "How many split locks do many vcpus make?"
source = "a test"
expect = "holds"
because = "It is made up."
decided_by = "model"
topic = "split-lock"

[machine]
cores = 4

[host]
mode = "off"

[[vm]]

[claim]
possible = "bus-locked"

[matrix]
"vm.vcpus" = [2, 4]

[timing]
use = "ticks"
horizon = "10 ms"

[[measure]]
rate = "split_lock"
expect = ["0.9 * n_vcpu / (work + lock)", "1.1 * n_vcpu / (work + lock)"]
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "many.toml").write_text(TEST)
    return tmp_path / "many.toml"


def test_a_large_cell_is_simulated_and_not_decided(path: Path, capsys) -> None:
    assert main(["check", str(path)]) == 0
    assert "vcpus=4" not in capsys.readouterr().out
    assert main(["simulate", str(path), "--runs", "3"]) == 0
    assert "vcpus = 4:" in capsys.readouterr().out


def test_a_catalogue_has_them_where_it_is_asked_to(path: Path) -> None:
    assert [c.where["vcpus"] for c in Catalogue().read(path).cells] == ["2"]
    assert [c.where["vcpus"] for c in Catalogue(in_time=True).read(path).cells] == ["2", "4"]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[2, 4]", "[4, 5]", "every cell is too large to be decided"),
        ("[2, 4]", "[2, 513]", "vm.vcpus = 513: not an integer in 1..512"),
        (
            TEST[TEST.index("[timing]") :],
            "",
            "vm.vcpus = 4: not an integer in 1..3; with [timing], up to 512",
        ),
    ],
)
def test_what_is_refused(path: Path, capsys, old: str, new: str, message: str) -> None:
    assert old in TEST
    path.write_text(TEST.replace(old, new))
    assert main(["simulate", str(path), "--runs", "3"]) == 2
    out, err = capsys.readouterr()
    assert message in out + err


def test_a_model_that_does_not_grow_says_so(tmp_path: Path, capsys) -> None:
    text = TEST[: TEST.index("[machine]")].replace("split-lock", "page-state")
    text += '[machine]\nvcpus = 200\n\n[claim]\nnever = "no-matter"\n\n'
    text += '[timing]\nhorizon = "1 ms"\n\n[[measure]]\nrate = "no-matter"\n'
    path = tmp_path / "rigid.toml"
    path.write_text(text)
    assert main(["simulate", str(path)]) == 2
    out, err = capsys.readouterr()
    assert "this model does not grow beyond that in time either" in out + err


def test_cells_that_differ_in_time_alone_are_decided_once(path: Path) -> None:
    path.write_text(TEST.replace("[2, 4]", '[2, 3]\n"timing.lock" = ["1 us", "2 us"]'))
    assert [c.where["vcpus"] for c in Catalogue().read(path).cells] == ["2", "3"]
    assert len(Catalogue(in_time=True).read(path).cells) == 4


def test_a_large_world_is_the_same_world() -> None:
    """What is made and lowered as it is reached does what all that there is would do."""
    catalogue = Catalogue(in_time=True)
    test, cells = catalogue.select(["bring-up-of-many-in-time"], wide=True)[0]
    cell = next(cell for cell in cells if not cell.large)
    found = []
    for large in (False, True):
        ready = prepared(catalogue.model_of(test.topic), test, replace(cell, large=large))
        machine = ready.rules.machine
        events = Simulator(ready.rules, 1).events(20_000_000)
        found.append([(e.time, str(machine.instances[e.firing[0]])) for e in events])
        assert len(machine.instances) < (100 if large else 1000)
    few, many = [[(time, what.partition("(")[0]) for time, what in each] for each in found]
    assert few == many
    assert len(few) > 30
