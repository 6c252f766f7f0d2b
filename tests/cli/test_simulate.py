"""vmlitmus simulate: figures, exit codes, JSON, and what is refused."""

from __future__ import annotations

import importlib.util
import json
import sys
import time
from pathlib import Path

import jsonschema
import pytest

import vmlitmus
from vmlitmus.cli.main import main
from vmlitmus.compiler import Machine
from vmlitmus.lang import Model
from vmlitmus.scenario import Cell
from vmlitmus.simulation.replications import FEWEST, Replications

SCHEMA = json.loads(
    (Path(vmlitmus.__file__).parent / "schemas" / "simulation-1.json").read_text(encoding="utf-8")
)
HEAD = """
question = "How long is the bus free?"
source = "a test"
expect = "holds"
because = "It is made up."
decided_by = "model"
topic = "split-lock"

[claim]
possible = "bus-locked"

[[vm]]

"""
TIMED = (
    HEAD
    + """
[timing]
use = "ticks"
horizon = "2 s"
warm_up = "100 ms"

[[measure]]
name = "undetected"
share = "bit-clear"
expect = [0.42, 0.43]
"""
)


def simulate(tmp_path: Path, text: str, *options: str) -> int:
    path = tmp_path / "timed.toml"
    path.write_text(text)
    return main(["simulate", str(path), *options])


def test_a_figure_as_expected(tmp_path, capsys) -> None:
    assert simulate(tmp_path, TIMED, "--runs", "3") == 0
    out = capsys.readouterr().out
    assert "undetected" in out
    assert "0.429" in out


def test_a_figure_that_is_not_as_expected(tmp_path, capsys) -> None:
    assert simulate(tmp_path, TIMED.replace("0.42, 0.43", "0.5, 0.6"), "--runs", "3") == 1
    assert "UNEXPECTED" in capsys.readouterr().out


def test_a_parameter_of_the_command_line(tmp_path, capsys) -> None:
    assert simulate(tmp_path, TIMED, "--runs", "3", "--set", "tick=1 ms", "--json") == 1
    found = json.loads(capsys.readouterr().out)
    jsonschema.validate(found, SCHEMA)
    figure = found["cells"][0]["measures"][0]["figures"][0]
    assert figure["estimate"] == pytest.approx(3 / 14, rel=0.01)
    assert found["cells"][0]["parameters"]["tick"] == "1 ms"


def test_what_is_never_observed_is_not_known(tmp_path, capsys) -> None:
    text = TIMED.replace('share = "bit-clear"', 'share = "host-kernel-ac"')
    assert simulate(tmp_path, text.replace("expect = [0.42, 0.43]", ""), "--runs", "3") == 3
    assert "never observed" in capsys.readouterr().out


def test_both_engines_print_the_same(tmp_path, capsys) -> None:
    shown = []
    for engine in ("compiled", "reference"):
        short = TIMED.replace("2 s", "200 ms").replace("100 ms", "10 ms")
        simulate(tmp_path, short, "--runs", "3", "--engine", engine, "--json")
        found = json.loads(capsys.readouterr().out)
        found["cells"][0].pop("seconds")
        shown.append(found)
    assert shown[0] == shown[1]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('use = "ticks"', 'use = "tics"', "did you mean 'ticks'"),
        ('share = "bit-clear"', 'share = "bit-cleared"', "did you mean 'bit-clear'"),
        ('share = "bit-clear"', 'shar = "bit-clear"', "did you mean 'share'"),
        ('horizon = "2 s"', 'horizon = "2 parsecs"', "horizon"),
        ('warm_up = "100 ms"', 'warm_up = "3 s"', "not in order"),
        ('use = "ticks"', 'use = "ticks"\ntick = "0"', "greater than 0"),
        ('use = "ticks"', 'use = "ticks"\ntock = "1 ms"', "did you mean 'tick'"),
        ("[timing]", '[timing]\ntime = [{ step = "split_luck" }]', "did you mean 'split_lock'"),
        ("expect = [0.42, 0.43]", "expect = [0.5, 0.4]", "the first limit is above the second"),
        ('use = "ticks"', 'use = "gone.toml"', "gone.toml"),
    ],
)
def test_what_is_refused(tmp_path, capsys, old: str, new: str, message: str) -> None:
    assert old in TIMED
    assert simulate(tmp_path, TIMED.replace(old, new, 1), "--runs", "2") == 2
    out, err = capsys.readouterr()
    assert message in out + err
    assert "Traceback" not in err


def test_time_that_stands_still_is_refused(tmp_path, capsys) -> None:
    still = HEAD + '[timing]\nhorizon = "1 s"\n\n[[measure]]\nshare = "bit-clear"\n'
    assert simulate(tmp_path, still, "--runs", "2") == 2
    out, err = capsys.readouterr()
    assert "time stands still" in " ".join((out + err).split())


def test_a_test_without_timing(capsys) -> None:
    assert main(["simulate", "semaphore-is-fair"]) == 2
    out, err = capsys.readouterr()
    assert "[timing]" in out + err


def test_timings_are_listed(capsys) -> None:
    assert main(["list", "timings", "split-lock"]) == 0
    assert "tick = 4 ms" in capsys.readouterr().out


LATENCY = """
[timing]
use = "ticks"
work = "1 ms"

[[measure]]
name = "wait"
latency = ["split_lock: *makes it sleep 10 ms", "split_lock: *has buslock_sem"]
by_actor = true
"""
WORST = json.loads(
    (Path(vmlitmus.__file__).parent / "schemas" / "worst-case-1.json").read_text(encoding="utf-8")
)


def test_the_worst_case(tmp_path, capsys) -> None:
    assert simulate(tmp_path, HEAD + LATENCY, "--worst", "wait", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    jsonschema.validate(found, WORST)
    cell = found["cells"][0]
    assert (cell["verdict"], cell["loop_start"]) == ("bounded", None)
    # #AC comes 1 ms of work and 2 us of trap after a tick at the earliest, the end 3 us after one.
    assert cell["longest"] == pytest.approx(0.016 - 0.001002 + 0.000003, abs=1e-9)
    assert cell["steps"][-1]["time"] == cell["longest"]


@pytest.mark.parametrize(
    ("options", "said", "code"),
    [
        (["--worst", "wiat"], "wait", 2),
        (["--worst", "wait", "--html", "x.html"], "--html shows figures", 2),
        (["--worst", "wait", "--time-limit", "0.001"], "inconclusive", 3),
    ],
)
def test_the_worst_case_is_refused(tmp_path, capsys, options, said, code) -> None:
    assert simulate(tmp_path, HEAD + LATENCY, *options) == code
    out = capsys.readouterr()
    assert said in out.out + out.err


@pytest.mark.parametrize(("after", "said"), [(5, "5 runs of 2 s"), (1, "interrupted after 1 runs")])
def test_an_interruption_tells_what_is_there(tmp_path, capsys, monkeypatch, after, said) -> None:
    one = Replications.one

    def interrupted(self: Replications, number: int, end: float = 0.0) -> object:
        if number == after:
            raise KeyboardInterrupt
        return one(self, number)

    monkeypatch.setattr(Replications, "one", interrupted)
    assert simulate(tmp_path, TIMED, "--json") == 130
    found = json.loads(capsys.readouterr().out)
    jsonschema.validate(found, SCHEMA)
    assert found["cells"][0]["interrupted"] is True
    assert simulate(tmp_path, TIMED) == 130
    assert said in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(("name", "begins"), [("p.svg", b"<?xml"), ("p.PNG", b"\x89PNG")])
def test_a_picture(tmp_path, capsys, name, begins) -> None:
    pytest.importorskip("matplotlib", reason="NOT RUN: pip install 'vmlitmus[plot]'")
    text = TIMED + LATENCY.partition('ms"\n')[2] + '[matrix]\n"timing.tick" = ["1 ms", "4 ms"]\n'
    text = text.replace("expect = [0.42, 0.43]", "").replace('"undetected"', '"$x^2$ <b>"')
    assert simulate(tmp_path, text, "--runs", "3", "--plot", str(tmp_path / name)) == 0
    made = (tmp_path / name).read_bytes()
    assert made.startswith(begins)
    if name == "p.svg":
        assert b"$x^2$ &lt;b&gt;" in made
        assert b"tick = 4 ms" in made
        simulate(tmp_path, text, "--runs", "3", "--plot", str(tmp_path / "again.svg"))
        assert made == (tmp_path / "again.svg").read_bytes()


def test_pictures_that_cannot_be(tmp_path, capsys, monkeypatch) -> None:
    assert simulate(tmp_path, TIMED, "--plot", "p.pdf") == 2
    assert ".svg or .png" in capsys.readouterr().err
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert simulate(tmp_path, TIMED, "--plot", "p.svg") == 2
    assert "pip install 'vmlitmus[plot]'" in capsys.readouterr().err


def test_runs_that_take_too_long_are_given_up(tmp_path, capsys) -> None:
    long = TIMED.replace('"2 s"', '"20000000 s"')
    began = time.monotonic()
    assert simulate(tmp_path, long, "--time-limit", "0.5", "--json") == 3
    assert time.monotonic() - began < 15
    found = json.loads(capsys.readouterr().out)
    jsonschema.validate(found, SCHEMA)
    assert "raise --time-limit" in found["cells"][0]["error"]


def test_building_and_compiling_count_in_the_time_limit(capsys, monkeypatch) -> None:
    """Where they take all of it, the fewest runs are made, and no more."""
    build = Cell.machine

    def slow(self: Cell, model: Model) -> Machine:
        time.sleep(1)
        return build(self, model)

    monkeypatch.setattr(Cell, "machine", slow)
    noisy = "mask-fills-in-time[cores=4,migrations=1 /s]"
    limits = ["--time-limit", "1", "--precision", "0.0001"]
    assert main(["simulate", noisy, *limits, "--json"]) in (1, 3)
    assert json.loads(capsys.readouterr().out)["cells"][0]["runs"] == FEWEST


def test_cells_that_differ_in_their_timing_share_a_machine(tmp_path, capsys, monkeypatch) -> None:
    build, built = Cell.machine, []
    monkeypatch.setattr(Cell, "machine", lambda s, model: built.append(s) or build(s, model))
    matrix = '[matrix]\n"timing.tick" = ["1 ms", "4 ms"]\n"vm.vcpus" = [1, 2]\n'
    text = TIMED.replace("expect = [0.42, 0.43]", "") + matrix
    assert simulate(tmp_path, text, "--runs", "2", "--json") == 0
    cells = json.loads(capsys.readouterr().out)["cells"]
    figures = [cell["measures"][0]["figures"][0]["estimate"] for cell in cells]
    assert len(set(figures)) > 1
    assert (len(cells), len(built)) == (4, 2)
