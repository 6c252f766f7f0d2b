"""Both engines and plain generators agree where something is wider, or more, than a word.

Each fault at a border of a word, put into a copy of the package, is seen by the same comparison.
"""

from __future__ import annotations

from collections import Counter

import pytest
from wide_judge import by_seed
from wide_models import AXES

ORDINARY = 40  # models


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


@pytest.mark.parametrize("first", range(0, ORDINARY, 20))
def test_wide_models(first: int) -> None:
    agree(first, first + 20)


@pytest.mark.wide
def test_every_axis_is_wide() -> None:
    assert {axis for axis, times in agree(1_000, 1_300).items() if times > 5} == set(AXES)


@pytest.mark.wide
@pytest.mark.parametrize("first", range(2_000, 6_000, 500))
def test_many_wide_models(first: int) -> None:
    agree(first, first + 500)
