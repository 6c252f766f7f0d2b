"""The Python interface of five names, the pytest plugin, and the notebook."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import vmlitmus
from vmlitmus.errors import UsageError

RACE = Path(__file__).parent / "browser" / "race"
MODEL = RACE / "flushing.py"
pytest_plugins = ("pytester",)


def test_importing_it_is_light() -> None:
    code = "import sys, vmlitmus; print([m for m in sys.modules if m.startswith('vmlitmus.')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    assert vmlitmus.__all__ == ["__version__", "ablate", "check", "explain", "load", "table"]
    with pytest.raises(AttributeError, match="no attribute 'chek'"):
        vmlitmus.chek  # noqa: B018


def test_load_and_check() -> None:
    tests = vmlitmus.load(RACE / "race.toml", RACE / "kept.toml", model=MODEL)
    assert [test.name for test in tests] == ["race", "kept"]
    assert repr(tests) == "<2 tests, 2 cells>"
    found = vmlitmus.check(tests)
    assert found.as_expected
    assert found.code == 0
    assert [str(o.result.verdict) for o in found if o.result] == ["violated", "holds"]
    assert "2 of 2 as expected" in str(found)
    with pytest.raises(UsageError, match="did you mean"):
        vmlitmus.load("cache-flus")


def test_explain() -> None:
    tests = vmlitmus.load(RACE / "race.toml", model=MODEL)
    found = vmlitmus.explain(tests)
    assert found.verdict == "violated"
    assert [step.label for step in found.trace][:2] == ["cpu0 writes page0", "task0 unmaps page0"]
    assert found.trace[4].causes[0].fields == ("page0.mask",)
    assert "task1 sends IPIs to {}" in str(found)
    reached = vmlitmus.explain(tests, reach="reused")
    assert reached.verdict == "holds"
    assert len(reached.trace) < len(found.trace)
    kept = vmlitmus.load(RACE / "kept.toml", model=MODEL)
    assert vmlitmus.explain(kept).trace == ()
    assert vmlitmus.explain(kept, without=["flush"]).verdict == "violated"
    with pytest.raises(UsageError, match="did you mean 'flush'"):
        vmlitmus.explain(kept, without=["flus"])
    with pytest.raises(UsageError, match="cells; name one, such as"):
        vmlitmus.explain("policy-grid")


def test_table_and_ablate() -> None:
    found = vmlitmus.table(vmlitmus.load(RACE / "grid.toml", model=MODEL))
    assert len(found) == 1
    assert "grid: For which masks" in str(found)
    with pytest.raises(UsageError, match="no test with a"):
        vmlitmus.table("page-reused")
    needs = vmlitmus.ablate(vmlitmus.load(RACE / "kept.toml", model=MODEL))
    assert [part.name for part in needs[0].result.parts] == ["flush"]
    assert "load-bearing" in str(needs)


@pytest.mark.parametrize("make", [
    lambda: vmlitmus.check(vmlitmus.load(RACE / "race.toml", model=MODEL)),
    lambda: vmlitmus.explain(vmlitmus.load(RACE / "race.toml", model=MODEL)),
    lambda: vmlitmus.ablate(vmlitmus.load(RACE / "kept.toml", model=MODEL)),
], ids=["check", "explain", "ablate"])  # fmt: skip
def test_a_notebook_shows_a_frame(make) -> None:
    text = make()._repr_html_()
    assert text.startswith('<iframe srcdoc="&lt;!doctype html&gt;')
    assert 'sandbox="allow-scripts"' in text
    assert text.count('"') == text.count('="') * 2  # nothing ends the attribute early


def test_the_example_notebook_runs(request) -> None:
    """Its cells are executed in order, and each prints what the notebook shows; see --promote."""
    path = Path(__file__).parent.parent / "docs" / "using" / "looking.ipynb"
    notebook = json.loads(path.read_text(encoding="utf-8"))
    assert notebook["nbformat"] == 4
    scope: dict[str, object] = {}
    ran = 0
    for cell in notebook["cells"]:
        if cell["cell_type"] != "code":
            continue
        *before, last = "".join(cell["source"]).rstrip().splitlines()
        exec("\n".join(before), scope)  # noqa: S102 - our own notebook
        value = eval(last, scope)  # noqa: S307
        (output,) = cell["outputs"]
        if request.config.getoption("--promote"):
            output["data"]["text/plain"] = repr(value).splitlines(keepends=True)
        assert masked(repr(value)) == masked("".join(output["data"]["text/plain"]))
        ran += 1
    assert ran >= 3
    if request.config.getoption("--promote"):
        path.write_text(json.dumps(notebook, indent=1) + "\n", encoding="utf-8")


def masked(text: str) -> str:
    from test_documentation import masked as times

    return times(text)


def test_pytest_collects_litmus_files(pytester) -> None:
    for name in ("race.toml", "kept.toml", "flushing.py"):
        pytester.path.joinpath(name).write_text((RACE / name).read_text())
    pytester.path.joinpath("pyproject.toml").write_text("[project]\nname = 'other'\n")
    pytester.path.joinpath("broken.toml").write_text("question = [")
    done = pytester.runpytest_subprocess("-v", "--model", "flushing.py")
    done.assert_outcomes(passed=2)
    wrong = (RACE / "race.toml").read_text().replace('"violated"', '"holds"')
    pytester.path.joinpath("race.toml").write_text(wrong)
    done = pytester.runpytest_subprocess("-v", "--vmlitmus-model", "flushing.py")
    done.assert_outcomes(passed=1, failed=1)
    done.stdout.fnmatch_lines(["*never overwritten: VIOLATED (EXPECTED: holds)*"])
    done.stdout.fnmatch_lines(["*task1 sends IPIs to {}*"])


def test_pytest_says_what_is_wrong_with_a_file(pytester) -> None:
    pytester.path.joinpath("race.toml").write_text((RACE / "race.toml").read_text())
    done = pytester.runpytest_subprocess()
    done.assert_outcomes(errors=1)
    done.stdout.fnmatch_lines(["*race.toml:1: unknown topic 'flushing'*"])


@pytest.mark.parametrize(
    ("before", "after"), [("[claim]", "[claim"), ("[claim]", "[kvm]"), ("because = ", "because ")]
)
def test_pytest_leaves_no_file_out_that_seems_to_be_one(pytester, before, after) -> None:
    """A typing error must not turn a test into one that is not run."""
    text = (RACE / "race.toml").read_text()
    assert before in text
    pytester.path.joinpath("race.toml").write_text(text.replace(before, after, 1))
    pytester.path.joinpath("flushing.py").write_text((RACE / "flushing.py").read_text())
    pytester.runpytest_subprocess("--model", "flushing.py").assert_outcomes(errors=1)
