"""Both engines and plain generators agree on random small models."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from judge import by_seed, opinion
from random_models import Writer

QUIET = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example]
SHARDS = 20  # of a hundred models each


def chooser(data: st.DataObject):
    return lambda n: data.draw(st.integers(0, n - 1)) if n > 1 else 0


@settings(max_examples=200, deadline=None, suppress_health_check=QUIET, derandomize=True)
@given(data=st.data())
def test_random_models_with_shrinking(data: st.DataObject) -> None:
    choose = chooser(data)
    text = Writer(choose).model()
    differs = opinion(text, choose)
    assert differs is None, f"{differs}\n{text}"


@pytest.mark.parametrize("shard", range(SHARDS))
def test_random_models_by_seed(shard: int) -> None:
    kinds: Counter[str] = Counter()
    for seed, found, text in by_seed(range(shard * 100, (shard + 1) * 100)):
        assert found.differs is None, f"seed {seed}: {found.differs}\n{text}"
        kinds[found.kind] += 1
    assert kinds["compared"] >= 70, kinds


@pytest.mark.wide
@pytest.mark.parametrize("shard", range(SHARDS, 50 * SHARDS))
def test_many_random_models_by_seed(shard: int) -> None:
    test_random_models_by_seed(shard)
