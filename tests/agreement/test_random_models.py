"""Both engines and plain generators agree on random small models."""

from __future__ import annotations

import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from judge import opinion
from random_models import Writer

QUIET = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example]
SHARDS = 10


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
    for seed in range(shard * 100, (shard + 1) * 100):
        source = random.Random(seed)
        text = Writer(source.randrange).model()
        differs = opinion(text, source.randrange)
        assert differs is None, f"seed {seed}: {differs}\n{text}"
