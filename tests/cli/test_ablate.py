"""vmlitmus ablate, and explain --without: transcripts, JSON, limits, wrong input."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest

from vmlitmus.cli.ablation.part_users import Candidate, Search
from vmlitmus.cli.main import main
from vmlitmus.cli.output.progress import Ticker
from vmlitmus.decide import Job
from vmlitmus.litmus import Catalogue, LitmusError
from vmlitmus.litmus.user_model.load import load_model
from vmlitmus.outcome import Ablated, Ablation, Part, PartStatus, Verdict
from vmlitmus.report.ablation.grid import ablation_grid
from vmlitmus.report.ablation.one_test import ablation, markdown
from vmlitmus.report.html.pages import ablate_page

SCHEMA = json.loads(
    (Path(__import__("vmlitmus").__file__).parent / "schemas" / "ablation-1.json").read_text()
)
MODEL = '''"""Two bolts.{docstring}"""

from __future__ import annotations

from vmlitmus.lang import *

WHY = Assumption("made-up", "a model of a test")


class Door(Entity):
    open: bool = False
    tried: bool = False


@step("somebody pulls at {{door}}", source=WHY)
def pull(w: World, door: Door) -> None:
    when(not door.tried)
    door.tried = True
    door.open = not w.part("bolt") or (not w.part("chain") and not w.part("hook"))
    if w.part("paint"):
        door.tried = True


@condition("opened", "the door is open", source=WHY, backed_by=("tried",))
def opened(w: World) -> bool:
    return any(door.open for door in w.all(Door))


@condition("tried", "somebody has pulled", source=WHY)
def tried(w: World) -> bool:
    return any(door.tried for door in w.all(Door))


def setup(make, s):
    make(Door)


MODEL = Model(name="doors", doc="", entities=(Door,), steps=(pull,), conditions=(opened, tried),
    setup=setup, settings={{"kvm": {{}}}})
'''
TEST = """question = "Does the door stay closed?"
source = "here"
expect = "holds"
because = "It has two bolts."
decided_by = "model"
[claim]
never = "opened"
{more}
"""
CLOSED = """door: Does the door stay closed?

never opened: holds. Each part switched off alone:

part   without it
-----  ----------
paint  redundant here
       no test of the catalogue needs it
bolt   load-bearing: violated after 1 step
chain  redundant only if "hook" stays
       no test of the catalogue needs it
hook   redundant only if "chain" stays
       no test of the catalogue needs it

Sufficient with all other parts off: "bolt" + "chain"; "bolt" + "hook".
The claim breaks when these are off: "bolt"; "chain" + "hook".
Based on: all 16 sets of parts were decided, and switching off more parts
never repaired the claim (32 states; reference engine, N s).
Bounds: 1 door, disturbances: none.
Assumptions in force: made-up = yes.

To see what happens without these parts:
  vmlitmus explain door.toml --model doors.py --without bolt
  vmlitmus explain door.toml --model doors.py --without chain --without hook
"""


def vmlitmus(capsys, *args: str) -> tuple[int, str, str]:
    code = main(list(args))
    out, err = capsys.readouterr()
    return code, re.sub(r"\d+\.\d+ s", "N s", out), err


@pytest.fixture
def door(tmp_path, monkeypatch):
    """A model of its own with a test, in the current folder."""
    monkeypatch.chdir(tmp_path)

    def write(docstring: str = "", more: str = "") -> tuple[str, ...]:
        Path("doors.py").write_text(MODEL.format(docstring=docstring))
        Path("door.toml").write_text(TEST.format(more=more))
        return "ablate", "door.toml", "--model", "doors.py"

    return write


def test_transcript(door, capsys) -> None:
    code, out, err = vmlitmus(capsys, *door(), "--engine", "reference")
    assert (code, err) == (0, "")
    assert out == CLOSED


def test_the_command_it_names_shows_the_run(door, capsys) -> None:
    door()
    args = ("explain", "door.toml", "--model", "doors.py", "--without", "bolt")
    code, out, _ = vmlitmus(capsys, *args)
    assert code == 0
    assert 'never opened: VIOLATED (without "bolt"; with it: holds)' in out
    assert "somebody pulls at door0" in out
    assert "vmlitmus explain door.toml --model doors.py --without bolt" in out
    assert "Expected because" not in out


def test_json_follows_its_schema(door, capsys) -> None:
    code, out, _ = vmlitmus(capsys, *door(), "--json")
    found = json.loads(out)
    jsonschema.validate(found, SCHEMA)
    assert code == 0
    (result,) = found["results"]
    assert [(p["name"], p["status"], p["needed_by"]) for p in result["parts"]] == [
        ("paint", "redundant", []),
        ("bolt", "load-bearing", ["door"]),
        ("chain", "redundant", []),
        ("hook", "redundant", []),
    ]
    assert result["sufficient"] == [["bolt", "chain"], ["bolt", "hook"]]
    assert result["breaking"] == [["bolt"], ["chain", "hook"]]
    assert result["complete"]


def test_a_matrix_gives_a_grid(door, capsys) -> None:
    args = door(more='[matrix]\n"kvm.without" = [[], ["chain"], ["bolt"]]')
    Path("door.toml").write_text(
        Path("door.toml")
        .read_text()
        .replace(
            'expect = "holds"\n',
            "",
        )
        .replace(
            "[claim]",
            '[[expect]]\nwhere = {}\nverdict = "holds"\n'
            '[[expect]]\nwhere = { without = ["bolt"] }\nverdict = "violated"\n[claim]',
        )
    )
    code, out, _ = vmlitmus(capsys, *args)
    assert code == 0
    rows = [line.split() for line in out.splitlines() if line.startswith(("bolt", "chain", "hook"))]
    assert rows[:3] == [
        ["bolt", "load-bearing", "load-bearing", "violated"],
        ["chain", "only", "if", "no", "part", "violated"],
        ["hook", "only", "if", "load-bearing", "violated"],
    ]
    assert "b: without=chain" in out
    assert 'In b: Switched off by the test: "chain".' in out
    code, out, _ = vmlitmus(capsys, *args, "--format", "markdown")
    assert "| hook | only if | load-bearing | violated |" in out
    code, out, _ = vmlitmus(capsys, *args, "--json")
    found = json.loads(out)
    jsonschema.validate(found, SCHEMA)
    assert [r["verdict"] for r in found["results"]] == ["holds", "holds", "violated"]
    assert found["results"][2]["parts"] == []
    needed = {p["name"]: p["needed_by"] for p in found["results"][0]["parts"]}
    assert needed["hook"] == ["door[without=chain]"]


def test_a_faulty_test_is_exit_2_also_in_a_process_of_its_own(door, capsys) -> None:
    args = door(more='[matrix]\n"kvm.without" = [[], ["chian"]]')
    code, out, err = vmlitmus(capsys, *args)
    assert (code, out) == (2, "")
    assert err.startswith("vmlitmus: door.toml:9: unknown part 'chian'; did you mean 'chain'?")


def test_markdown(door, capsys) -> None:
    _, out, _ = vmlitmus(capsys, *door(), "--format", "markdown")
    assert '| chain | redundant only if "hook" stays | no test of the catalogue needs it |' in out


def test_a_part_that_no_test_needs_is_exit_1(door, capsys) -> None:
    code, out, _ = vmlitmus(capsys, *door(), "--require-load-bearing")
    assert code == 1
    assert re.search(r"^bolt +door$", out, re.MULTILINE)
    assert re.search(r"^paint +NO TEST, and no docstring explains it$", out, re.MULTILINE)
    assert "3 of 4 parts are neither needed by a test nor explained" in out


def test_unless_the_docstring_of_its_mechanism_explains_it(door, capsys) -> None:
    reasons = "".join(
        f'\n\n    Not load-bearing: "{part}": it is\n    there for show.\n'
        for part in ("chain", "hook", "paint")
    )
    args = (*door(reasons.replace('"', '\\"')), "--require-load-bearing")
    code, out, _ = vmlitmus(capsys, *args)
    assert code == 0
    assert re.search(r"^paint +no test; it is there for show\.$", out, re.MULTILINE)


def test_who_else_needs_a_part(capsys) -> None:
    code, out, _ = vmlitmus(capsys, "ablate", "recycle-no-flush", "--json")
    (result,) = json.loads(out)["results"]
    needed = {p["name"]: p["needed_by"] for p in result["parts"]}
    assert code == 0
    assert len(needed["flush on destroy"]) == 1
    code, out, _ = vmlitmus(capsys, "ablate", "recycle-no-flush", "--json", "--needed-by", "no")
    (result,) = json.loads(out)["results"]
    assert {p["needed_by"] and 1 for p in result["parts"]} == {None}


def test_a_test_that_does_not_fit_the_model_says_nothing_of_who_needs_a_part(door) -> None:
    """A changed model may lack a part that a test of the catalogue switches off."""
    door()
    catalogue = Catalogue(load_model("doors.py"))
    test = catalogue.read(Path("door.toml"))
    cell = replace(test.cells[0], without=("lock",))
    candidate = Candidate(test, cell, frozenset({"bolt"}), 1)
    search = Search(Job(catalogue, "doors.py"), [candidate], ["bolt"], every=False)
    search.run(Ticker(1))
    assert search.found == {"bolt": []}
    assert search.undecided == {"bolt"}
    with pytest.raises(LitmusError, match=r"door\.toml: unknown part 'lock'"):
        Search(Job(catalogue), [candidate], ["bolt"], every=False).run(Ticker(1))


def test_a_test_that_does_not_hold(capsys) -> None:
    code, out, _ = vmlitmus(capsys, "ablate", "reclaim-no-flush", "--needed-by", "no")
    assert code == 0
    assert "violated with all parts on." in out
    assert "  vmlitmus explain reclaim-no-flush\n" in out
    holds = "A test of the same claim that is expected to hold:\n  vmlitmus ablate reclaim-flush\n"
    assert out.endswith(holds)


def test_both_engines_print_the_same(capsys) -> None:
    args = ("ablate", "drop-destroy-flush-snp-gmem", "--needed-by", "no", "--engine")
    one, two = (vmlitmus(capsys, *args, engine)[1] for engine in ("reference", "compiled"))
    assert one.replace("reference engine", "compiled engine") == two


def test_a_time_limit_leaves_parts_inconclusive(capsys) -> None:
    args = ("ablate", "wished-protocol", "--time-limit", "0.001", "--needed-by", "no")
    code, out, _ = vmlitmus(capsys, *args)
    assert code == 0
    assert "inconclusive with all parts on; the time limit\nwas reached" in out


def test_a_memory_limit_leaves_parts_inconclusive(capsys) -> None:
    args = ("ablate", "wished-protocol", "--engine", "compiled", "--needed-by", "no")
    code, out, _ = vmlitmus(capsys, *args, "--memory-limit", "3M", "--json")
    found = json.loads(out)
    jsonschema.validate(found, SCHEMA)
    (result,) = found["results"]
    assert code == 0
    assert result["reason"] == "the memory limit was reached"
    assert not result["complete"]
    assert {p["status"] for p in result["parts"]} >= {"inconclusive"}


def run(*args: str, **options) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", "vmlitmus", *args], env={**os.environ, "NO_COLOR": "1"}, **options
    )


def test_an_interrupt_keeps_what_is_known() -> None:
    child = run(
        "ablate",
        "mask-covers-dirty-cpus-three",
        "policy-grid-two-reclaimers",
        "--json",
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    time.sleep(3)
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=60)
    assert child.returncode == 130
    jsonschema.validate(json.loads(out), SCHEMA)
    assert b"interrupted" in err


LONG = ("ablate", "wished-protocol", "--engine", "reference", "--time-limit", "3")
LONG += ("--needed-by", "no")


def test_progress_on_a_terminal_only() -> None:
    parent, terminal = pty.openpty()
    child = run(
        *LONG,
        stdout=subprocess.PIPE,
        stderr=terminal,
    )
    child.communicate(timeout=120)
    os.close(terminal)
    shown = os.read(parent, 1 << 16)
    assert b"states/s" in shown
    child = run(
        *LONG,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert child.communicate(timeout=120)[1] == b""


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["ablate"], "name a topic, a test or a path; or --all"),
        (["ablate", "--all", "reclaim-flush"], "name a topic, a test or a path; or --all"),
        (["ablate", "reclaim-flsh"], "did you mean 'reclaim-flush'?"),
        (["ablate", "reclaim-flush", "--json", "--require-load-bearing"], "prints text only"),
        (["explain", "reclaim-flush", "--without", "flush on reclam"], "did you mean 'flush on re"),
        (["explain", "reclaim-no-flush", "--without", "flush on reclaim"], "has it off already"),
        (["ablate", "reclaim-flush", "--time-limit", "0"], "not a positive number"),
    ],
)
def test_wrong_usage_is_exit_2(capsys, args: list[str], message: str) -> None:
    code, out, err = vmlitmus(capsys, *args)
    assert code == 2
    assert message in err
    assert out == ""


@pytest.mark.wide
def test_every_part_of_the_catalogue_is_needed_or_explained(capsys) -> None:
    code, out, _ = vmlitmus(capsys, "ablate", "--all", "--require-load-bearing")
    assert code == 0, out


def test_what_is_not_decided_is_not_called_redundant_here() -> None:
    """A part that is off alone does no harm; whether it does with others is not known."""
    parts = (Part("bolt", PartStatus.REDUNDANT), Part("hook", PartStatus.INCONCLUSIVE))
    result = Ablated(
        Verdict.HOLDS, parts, (), (), False, "", "compiled", 2, 2, 2, 0.1, "the time limit"
    )
    a = Ablation("door", "doors", "Is it?", "never opened", {"on": "a"}, ("door",), result)
    other = replace(a, name="door[on=b]", where={"on": "b"})
    assert "bolt  redundant alone; with others off too: not known" in ablation(a)
    assert "hook  inconclusive: the time limit" in ablation(a)
    assert "alone: redundant alone; with others off too it is not known" in ablation_grid(
        [replace(a, name="door[on=a]"), other]
    )
    for text in (ablation(a), markdown(a), ablate_page([a], {})):
        assert "redundant here" not in text
    vacuously = replace(a, result=replace(result, complete=True))
    assert "bolt  redundant; whether vacuously is not known: the time limit" in ablation(vacuously)


def test_who_needs_a_part_is_told_as_not_known_where_a_limit_was_reached() -> None:
    parts = (Part("bolt", PartStatus.REDUNDANT), Part("hook", PartStatus.REDUNDANT))
    result = Ablated(Verdict.HOLDS, parts, (), (), True, "", "compiled", 4, 4, 4, 0.1)
    a = Ablation("door", "doors", "Is it?", "never opened", {}, ("door",), result)
    a = replace(a, needed_by={"hook": ()}, undecided=("bolt",), narrow=True)
    text = ablation(a)
    assert "whether a test of the catalogue needs it is not known" in text
    assert "no test of the catalogue needs it; wide ones were not asked" in text


def test_a_search_at_its_limit_leaves_open_who_needs_a_part(capsys, monkeypatch) -> None:
    monkeypatch.setattr(Search, "run", lambda search, ticker: None)  # nothing is decided in time
    _, out, _ = vmlitmus(capsys, "ablate", "recycle-no-flush")
    assert "needs it is not known" in " ".join(out.split())
    _, out, _ = vmlitmus(capsys, "ablate", "recycle-no-flush", "--needed-by", "no")
    assert "not known" not in out


def test_a_page_says_why_there_is_nothing_to_tell(tmp_path, capsys) -> None:
    page = tmp_path / "a.html"
    args = ("ablate", "wished-protocol", "--time-limit", "0.001", "--needed-by", "no")
    assert vmlitmus(capsys, *args, "--html", str(page))[0] == 0
    assert "inconclusive with all parts on; the time limit was reached" in page.read_text()
    assert "nothing to switch off" not in page.read_text()
    assert "Based on: ." not in page.read_text()


def test_parts_that_are_not_decided_are_not_said_to_be_needed(capsys, monkeypatch) -> None:
    monkeypatch.setattr(Search, "run", lambda search, ticker: None)  # nothing is decided in time
    code, out, _ = vmlitmus(capsys, "ablate", "recycle-no-flush", "--require-load-bearing")
    assert code == 3
    assert re.search(r"^\d+ of \d+ parts are not decided$", out, re.MULTILINE)
    assert "each of" not in out

    def interrupted(search: Search, ticker: Ticker) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Search, "run", interrupted)
    code, out, _ = vmlitmus(capsys, "ablate", "--all", "--require-load-bearing")
    assert code == 130
    assert out.endswith("parts are not decided; other topics were not asked: interrupted\n")
