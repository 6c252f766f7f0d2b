"""Both engines and plain generators agree where something is wider, or more, than a word.

Each fault at a border of a word, put into a copy of the package, is seen by the same comparison.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pytest
from faults import Fault
from seeding import PACKAGE, hunt, seeded
from wide_judge import by_seed, fair_by_seed
from wide_models import AXES
from width_faults import FAIR_FAULTS, FAULTS

ORDINARY = 30  # models
FIRST = list({fault.area: fault for fault in reversed(FAULTS)}.values())  # of each area


def agree(first: int, last: int) -> Counter[str]:
    """Compare, and return how often what was wide."""
    axes: Counter[str] = Counter()
    kinds: Counter[str] = Counter()
    for seed, found, writer, text in by_seed(range(first, last)):
        assert found.differs is None, f"seed {seed}: {found.differs}\n{text}"
        kinds[found.kind] += 1
        if found.kind == "compared":
            axes.update(axis for axis in writer.wide if writer.count[axis] > 60)
    assert kinds["compared"] >= 0.6 * (last - first), kinds
    return axes


@pytest.mark.parametrize("first", range(0, ORDINARY, 10))
def test_wide_models(first: int) -> None:
    agree(first, first + 10)


def happens(seeds: Iterable[int]) -> Counter[str]:
    """Compare what has to happen, and return how often the verdict was what."""
    kinds: Counter[str] = Counter()
    for seed, found, _, text in fair_by_seed(seeds):
        assert found.differs is None, f"seed {seed}: {found.differs}\n{text}"
        kinds[found.kind] += 1
    assert min(kinds["holds"], kinds["violated"]) >= 2, kinds
    return kinds


def test_what_has_to_happen_in_wide_models() -> None:
    happens([*range(30), 740])


@pytest.mark.wide
@pytest.mark.parametrize("first", range(1_000, 3_000, 250))
def test_what_has_to_happen_in_many_wide_models(first: int) -> None:
    happens(range(first, first + 250))


@pytest.mark.parametrize("fault", FAIR_FAULTS, ids=lambda f: f.name)
def test_fault_in_what_has_to_happen_is_seen(fault: Fault, tmp_path: Path) -> None:
    seen(fault, tmp_path, "--fair")


def seen(fault: Fault, place: Path, *words: str) -> None:
    """Put a fault into a copy of the package, and see that the comparison finds a difference."""
    faulty = seeded(place, fault.file, fault.old, fault.new)
    done = hunt("wide/wide_hunt.py", faulty, *words, fault.at)
    assert done.stdout.startswith("judging"), done.stderr
    assert done.returncode == 1 and "seed" in done.stdout, done.stdout + done.stderr
    assert "Traceback" not in done.stderr, done.stderr


@pytest.mark.parametrize("fault", FIRST, ids=lambda f: f.name)
def test_fault_is_seen(fault: Fault, tmp_path: Path) -> None:
    seen(fault, tmp_path)


@pytest.mark.wide
@pytest.mark.parametrize("fault", [f for f in FAULTS if f not in FIRST], ids=lambda f: f.name)
def test_every_fault_is_seen(fault: Fault, tmp_path: Path) -> None:
    seen(fault, tmp_path)


@pytest.mark.wide
def test_without_a_fault_there_is_no_difference() -> None:
    done = hunt("wide/wide_hunt.py", PACKAGE.parent, *sorted({int(f.at) for f in FAULTS}))
    assert done.stdout.split("\n")[1:] == ["no difference", ""], done.stdout + done.stderr


@pytest.mark.wide
def test_every_axis_is_wide() -> None:
    assert {axis for axis, times in agree(1_000, 1_300).items() if times > 5} == set(AXES)


@pytest.mark.wide
@pytest.mark.parametrize("first", range(2_000, 6_000, 500))
def test_many_wide_models(first: int) -> None:
    agree(first, first + 500)
