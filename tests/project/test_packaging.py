"""The source distribution has all that the tests read."""

from __future__ import annotations

import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def test_the_source_distribution_has_every_file_of_the_project() -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("NOT RUN: this is no checkout")
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("NOT RUN: git does not answer")
    top = {name.partition("/")[0] for name in listed.stdout.splitlines()}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    included = project["tool"]["hatch"]["build"]["targets"]["sdist"]["include"]
    always = {"pyproject.toml"}  # the build adds it
    assert {name for name in top if not name.startswith(".")} == set(included) | always
