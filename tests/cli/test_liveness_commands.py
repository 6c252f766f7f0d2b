"""Liveness on the command line: what is shown, what can be replayed, what is refused.

The model is that of the page docs/writing/liveness.md.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import jsonschema
import pytest

import vmlitmus
from vmlitmus.cli.main import main
from vmlitmus.outcome import TraceStep
from vmlitmus.report.timeline import timeline

PAGE = (Path(__file__).parents[2] / "docs" / "writing" / "liveness.md").read_text()
SCHEMA = Path(vmlitmus.__file__).parent / "schemas" / "outcome-1.json"
BLOCK = re.compile(r"```(?:python|toml)\n(# (\S+)\n.*?)```", re.DOTALL)
PENDING = """
@condition("pending", "an interrupt is pending", source=PAGE)
def pending(w: World) -> bool:
    return any(cpu.pending for cpu in w.all(Cpu))


def populate"""


@pytest.fixture
def starve(tmp_path, monkeypatch) -> Path:
    """Return the page's test, with a second condition in its model, in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    for text, name in BLOCK.findall(PAGE):
        text = text.replace("\ndef populate", PENDING).replace("(ran,)", "(ran, pending)")
        Path(name).write_text(text)
    return tmp_path / "starve.toml"


def run(capsys, *args: str) -> tuple[int, str, str]:
    code = main([*args, "--model", "starve.py"])
    out, err = capsys.readouterr()
    return code, out, err


def rewritten(path: Path, claim: str, expect: str = "violated") -> None:
    text = path.read_text().replace('eventually = "ran"', claim)
    path.write_text(text.replace('"violated"', f'"{expect}"'))


@pytest.mark.parametrize("engine", ["reference", "compiled"])
def test_json_has_the_lasso(starve, capsys, engine: str) -> None:
    code, out, _ = run(capsys, "check", "starve.toml", "--json", "--engine", engine)
    found = json.loads(out)
    jsonschema.validate(found, json.loads(SCHEMA.read_text()))
    assert code == 0
    (test,) = found["tests"]
    assert test["verdict"] == "violated"
    assert test["loop_start"] == 0
    assert [step["step"] for step in test["trace"]] == ["interrupt", "serve"]
    assert test["bounds"]["weakly fair"] == ["serve", "vmrun"]
    assert test["bounds"]["strongly fair"] == []


def test_explain_marks_where_the_waiting_and_the_loop_begin(starve, capsys) -> None:
    rewritten(starve, 'leads_to = ["pending", "ran"]')
    _, out, _ = run(capsys, "explain", "starve.toml")
    lines = [line.strip() for line in out.splitlines()]
    asked, loop = (
        lines.index("-- here: pending --"),
        lines.index("-- from here the run repeats forever --"),
    )
    assert lines.index("an interrupt arrives at cpu0") < asked < loop
    assert "weakly fair: serve, vmrun; strongly fair: none" in " ".join(lines)
    assert max(map(len, out.splitlines())) <= 75
    assert "==> ran never comes" in lines


def test_explain_says_that_a_run_stops(starve, capsys) -> None:
    model = Path("starve.py").read_text().replace(', fair="weak"', "")
    Path("starve.py").write_text(model)
    _, out, _ = run(capsys, "explain", "starve.toml")
    assert "-- here the run stops forever --" in out
    assert "no step is guaranteed to be taken" in " ".join(out.split())


def test_explain_of_what_holds(starve, capsys) -> None:
    rewritten(starve, 'leads_to = ["ran", "ran"]', "holds")
    code, out, _ = run(capsys, "explain", "starve.toml")
    assert code == 0
    assert "HOLDS (as expected)" in out
    assert "Whenever the vcpu has run, every fair run goes on to a state where" in out


def test_a_lasso_can_be_replayed(starve, capsys) -> None:
    steps = "interrupt serve interrupt serve"
    code, out, _ = run(capsys, "replay", "starve.toml", "--steps", steps, "--loop", "2")
    assert code == 0
    assert out.count("an interrupt arrives") == 2
    assert "forever" in out
    code, _, err = run(capsys, "replay", "starve.toml", "--steps", "interrupt", "--loop", "0")
    assert code == 2
    assert "does not come back to its start: cpu0.pending: no -> yes" in err
    code, _, err = run(capsys, "replay", "starve.toml", "--steps", "interrupt", "--loop", "7")
    assert code == 2
    assert "the loop begins after step 7, but there are 1" in err


def test_claims_as_an_axis_of_a_table(starve, capsys) -> None:
    text = starve.read_text().replace('[claim]\neventually = "ran"', "[matrix]")
    text += 'claim = ["eventually ran", "leads_to pending ran", "recoverable ran"]\n'
    text = text.replace(
        'expect = "violated"\n',
        'expect = [{where = {}, verdict = "violated"},'
        ' {where = {claim = "recoverable ran"}, verdict = "holds"}]\n',
    )
    starve.write_text(text)
    code, out, _ = run(capsys, "table", "starve.toml")
    assert code == 0
    assert re.search(r"eventually ran +violated\n", out)
    assert re.search(r"leads_to pending ran +violated\n", out)
    assert re.search(r"recoverable ran +holds\n", out)


def test_list_of_promises(starve, capsys) -> None:
    code, out, _ = run(capsys, "list", "fairness", "starve")
    assert code == 0
    assert out == "serve: weak\nvmrun: weak\n"


WRONG = [
    ('eventully = "ran"', "did you mean 'eventually'"),
    ('eventually = "run"', "did you mean 'ran'"),
    ('eventually = ["ran", "pending"]', "not the name of one condition"),
    ('leads_to = "ran"', 'write two conditions, ["before", "after"]'),
    ('leads_to = ["ran"]', "write two conditions"),
    ('leads_to = ["ran", "pendin"]', "did you mean 'pending'"),
    ('leads_to = ["ran", "pending", "ran"]', "write two conditions"),
    ('leads_to = [1, "ran"]', "unknown condition '1'"),
    ('never = ["ran"]', "not the name of one condition"),
    ('eventually = "ran"\nnever = "ran"', "exactly one of never"),
    ('never = "ran"\n[matrix]\nclaim = ["leads_to ran"]', "write leads_to and two conditions"),
    ('never = "ran"\n[matrix]\nclaim = ["eventually ran ran"]', "write a kind and a condition"),
    ('never = "ran"\n[matrix]\nclaim = ["eventualy ran"]', "did you mean 'eventually'"),
    ('never = "ran"\n[matrix]\nclaim = [""]', "write a kind and a condition"),
]


@pytest.mark.parametrize(("claim", "message"), WRONG)
def test_wrong_claims(starve, capsys, claim: str, message: str) -> None:
    rewritten(starve, claim)
    code, out, err = run(capsys, "check", "starve.toml")
    assert code == 2
    assert message in out + err
    assert "starve.toml:" in out + err
    assert "Traceback" not in out + err


def test_a_wrong_fairness_is_refused(starve, capsys) -> None:
    model = Path("starve.py").read_text().replace('fair="weak"', 'fair="week"')
    Path("starve.py").write_text(model)
    code, out, err = run(capsys, "check", "starve.toml")
    assert code == 2
    assert "did you mean 'weak'" in out + err


@pytest.mark.parametrize("cpus", [1, 3, 12])
@pytest.mark.parametrize(("loop", "text"), [(2, "from here the run repeats"), (4, "the run stops")])
def test_time_lines_of_any_width_mark_the_loop(cpus: int, loop: int, text: str) -> None:
    steps = [
        TraceStep("go", (), f"cpu{n % cpus} does {n}", {}, f"cpu{n % cpus}", {}, "")
        for n in range(4)
    ]
    steps += [TraceStep("go", (), f"cpu{n} goes", {}, f"cpu{n}", {}, "") for n in range(4, cpus)]
    lines = timeline(steps, "q never comes", loop if loop < 4 else len(steps), (1, "p"))
    at = {
        word: next(i for i, line in enumerate(lines) if word in line)
        for word in ("does 0", "here: p", "does 1", text, "q never comes")
    }
    assert list(at.values()) == sorted(at.values())
    assert ("does 2" in lines[at[text] + 1]) == (loop == 2)
