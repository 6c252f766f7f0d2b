"""Every console block of the documentation is run, and its output compared; times are masked.

A block of Python or TOML that begins with a comment naming a file is written to that file first.
``pytest tests/docs/test_documentation.py --promote`` writes the output of today into the pages:
read the difference before it is committed.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from test_links import LINK

from vmlitmus.cli.main import main
from vmlitmus.litmus import Catalogue

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"```(\w+)\n(.*?)```", re.DOTALL)
TIME = re.compile(r" *\d+\.\d+ s")
PROGRESS = re.compile(r"^vmlitmus: \d+ of \d+ after \d+ s.*\n?", re.MULTILINE)  # a busy machine
ENGINE = re.compile(r"(reference|compiled) engine")  # "auto" goes by time


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_page(page: Path, tmp_path, monkeypatch, capsys, request) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "samples").symlink_to(ROOT / "tests" / "data" / "host" / "snapshots")
    (tmp_path / "traces").symlink_to(ROOT / "tests" / "data" / "traces")
    text, ran = page.read_text(), 0
    for kind, block in BLOCK.findall(text):
        named = re.match(r"# (\w[\w.-]*\.(?:py|toml))\n", block)
        if kind in ("python", "toml") and named:
            Path(named[1]).write_text(block)
        if kind != "console":
            continue
        for line, expected in commands(block):
            command = shlex.split(line)
            assert command[0] == "vmlitmus"
            main(command[1:])
            out, err = capsys.readouterr()
            if request.config.getoption("--promote"):
                text = text.replace(
                    f"$ {line}\n{expected}", f"$ {line}\n{kept(out + err, expected)}"
                )
            else:
                assert masked(out + err) == masked(expected), line
            ran += 1
    assert ran
    if request.config.getoption("--promote"):
        page.write_text(text)


def kept(found: str, expected: str) -> str:
    """Return the new output, or the old one where they differ in times only."""
    if masked(found) == masked(expected):
        return expected
    return found.strip("\n") + (expected[len(expected.rstrip("\n")) :] or "\n")


def commands(text: str) -> list[tuple[str, str]]:
    parts = re.split(r"^\$ (.*)\n", text, flags=re.MULTILINE)[1:]
    return list(zip(parts[::2], parts[1::2], strict=True))


def masked(text: str) -> str:
    told = PROGRESS.sub("", text)
    return ENGINE.sub("some engine", TIME.sub(" N s", told)).strip()


def test_readme_has_the_two_set_up_commands() -> None:
    text = (ROOT / "README.md").read_text()
    run = "python3 -m venv .venv && .venv/bin/pip install --quiet . && .venv/bin/vmlitmus check\n"
    test = "python3 -m venv .venv && .venv/bin/pip install --quiet '.[test]' && .venv/bin/pytest\n"
    assert run in text
    assert test in text
    assert test in (ROOT / ".ci" / "run").read_text()


TOPIC_PAGES = [p for p in PAGES if p.stem in Catalogue().topics()]


@pytest.mark.parametrize("page", TOPIC_PAGES, ids=lambda p: p.name)
def test_what_a_topic_page_says_names_its_tests(page: Path) -> None:
    catalogue = Catalogue()
    model = catalogue.model_of(page.stem)
    tests = {test.name for test in catalogue.tests()}
    words = {c.name for c in model.conditions} | set(model.disturbances) | {page.stem}
    for settings in (*model.settings.values(), *model.lists.values()):
        words |= {str(w) for setting in settings.values() for w in model.choices(setting)}
    prose = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    named = set(re.findall(r"`([a-z0-9][a-z0-9-]*)`", prose))
    assert named <= tests | words
    assert len(named & tests) > 10


@pytest.mark.parametrize("page", TOPIC_PAGES, ids=lambda p: p.name)
def test_every_item_of_a_topic_page_rests_on_a_test(page: Path) -> None:
    tests = {test.name for test in Catalogue().tests()}
    items = re.findall(r"^- (.*?)(?=^- |^\s*$|\Z)", page.read_text(), re.DOTALL | re.MULTILINE)
    bare = [i for i in items if not tests & set(re.findall(r"`([a-z0-9-]+)(?:\[.*?\])?`", i))]
    assert items
    assert not bare


PICTURES = ROOT / "docs" / "pictures"


@pytest.mark.parametrize("path", sorted(PICTURES.glob("*.svg")), ids=lambda p: p.name)
def test_a_drawn_picture_is_what_the_program_draws(path: Path, tmp_path, request) -> None:
    made = tmp_path / path.name
    assert main(["explain", path.stem, "--format", "svg", "-o", str(made)]) == 0
    if request.config.getoption("--promote"):
        path.write_text(made.read_text())
    assert made.read_text() == path.read_text()


def test_every_picture_is_there_and_shown() -> None:
    shown = {
        (page.parent / name).resolve()
        for page in PAGES
        for name in re.findall(r"!\[[^\]]+\]\(([^)]+)\)", page.read_text())
    }
    there = {path.resolve() for path in PICTURES.iterdir() if path.suffix in (".svg", ".png")}
    assert shown == there


def test_the_yaml_of_the_pages_follows_its_schemas(tmp_path) -> None:
    """The workflow against its schema; the hook read by pre-commit itself."""
    text = (ROOT / "docs" / "using" / "continuous-integration.md").read_text()
    schema = ["check_jsonschema", "--builtin-schema", "vendor.github-workflows"]
    readers = {"pre-commit-config": ["pre_commit", "validate-config"], "litmus": schema}
    found = re.findall(r"```yaml\n# \S*?([\w-]+)\.ya?ml\n(.*?)```", text, re.DOTALL)
    assert {name for name, _ in found} == set(readers)
    for name, block in found:
        (tmp_path / f"{name}.yaml").write_text(block)
        command = [sys.executable, "-m", *readers[name], str(tmp_path / f"{name}.yaml")]
        subprocess.run(command, check=True, capture_output=True, cwd=tmp_path)
        (tmp_path / f"{name}.yaml").write_text(block.replace("repo: local", "repos: local", 1)
                                               .replace("runs-on:", "runs-onn:"))  # fmt: skip
        assert subprocess.run(command, capture_output=True, cwd=tmp_path, check=False).returncode


def test_every_page_is_in_the_index() -> None:
    index = ROOT / "docs" / "README.md"
    told = {(index.parent / link).resolve() for link, _ in LINK.findall(index.read_text())}
    assert set(PAGES) - {ROOT / "README.md", index} <= told


@pytest.mark.parametrize("page", TOPIC_PAGES, ids=lambda p: p.name)
def test_a_topic_page_begins_with_three_questions(page: Path) -> None:
    begin = page.read_text().partition("The name in brackets")[0]
    asked = re.findall(r"^\*\*[^*]+\?\*\* (.+?)\((`[^)]+`)\)$", begin, re.MULTILINE | re.DOTALL)
    assert len(asked) == 3
