"""Both engines and plain generators agree on random small models."""

from __future__ import annotations

from collections import Counter

import pytest
from faults import FAULTS
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from judge import by_seed, opinion
from random_models import Writer

QUIET = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example]
ORDINARY = 800  # models by seed; the seeded faults show among them


def chooser(data: st.DataObject):
    return lambda n: data.draw(st.integers(0, n - 1)) if n > 1 else 0


@settings(max_examples=200, deadline=None, suppress_health_check=QUIET, derandomize=True)
@given(data=st.data())
def test_random_models_with_shrinking(data: st.DataObject) -> None:
    choose = chooser(data)
    text = Writer(choose).model()
    differs = opinion(text, choose)
    assert differs is None, f"{differs}\n{text}"


def agree(first: int, last: int) -> None:
    kinds: Counter[str] = Counter()
    for seed, found, text in by_seed(range(first, last)):
        assert found.differs is None, f"seed {seed}: {found.differs}\n{text}"
        kinds[found.kind] += 1
    assert kinds["compared"] >= 0.7 * (last - first), kinds


@pytest.mark.parametrize("first", range(0, ORDINARY, 100))
def test_random_models_by_seed(first: int) -> None:
    agree(first, first + 100)


def test_the_models_at_which_faults_show_are_among_them() -> None:
    assert max(fault.at for fault in FAULTS if isinstance(fault.at, int)) < ORDINARY


@pytest.mark.wide
@pytest.mark.parametrize("first", range(ORDINARY, 100_800, 5_000))
def test_many_random_models_by_seed(first: int) -> None:
    agree(first, first + 5_000)
