"""No folder of the project is a heap: a stranger takes in a dozen files at a glance."""

from __future__ import annotations

import subprocess
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
AT_MOST = 13
CATALOGUE = ROOT / "src" / "vmlitmus" / "catalogue"
SHELVES = sorted(f"src/vmlitmus/catalogue/{p.name}" for p in CATALOGUE.iterdir())
EXCEPTIONS = {  # folder: why a reader does not need it cut
    **dict.fromkeys(SHELVES, "groups.txt says what belongs together, in the order of reading"),
    "tests/data/tso": "one published test a file, under the name that everybody knows it by",
    "tests/data/traces": "a recording and what belongs to it share a name, as its README says",
}


@pytest.fixture(scope="module")
def counted() -> Counter[str]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("NOT RUN: this is no checkout")
    return Counter(str(Path(name).parent) for name in listed.stdout.splitlines())


def test_no_folder_has_many_files(counted: Counter[str]) -> None:
    many = {folder: count for folder, count in counted.items() if count > AT_MOST}
    assert set(many) - set(EXCEPTIONS) == set(), many
    assert set(EXCEPTIONS) <= set(many), "an exception that is not needed"
