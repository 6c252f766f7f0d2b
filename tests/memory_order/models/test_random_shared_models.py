"""Random models with Shared fields: engines agree; what need not be buffered changes no answer."""

from __future__ import annotations

import pytest
from judge import load, tidy
from random_shared_models import random_text
from shared_judge import judge

from vmlitmus.errors import ModelError

ORDINARY, WIDE, SLICE = 60, 3_000, 100


def judged(seeds: range, largest: int) -> tuple[int, int]:
    """Return how many models were compared, and how many of them have pairs."""
    compared = with_pairs = 0
    for seed in seeds:
        try:
            found = judge(load(random_text(seed)), largest)
        except ModelError as refused:
            if "another cpu may look between the two" not in str(refused):
                raise
            continue
        assert found.differs is None, (seed, found.differs)
        compared += found.small
        with_pairs += found.pairs > 0
    tidy()
    return compared, with_pairs


def test_models() -> None:
    """Most are compared, some of them with pairs and some without."""
    compared, with_pairs = judged(range(ORDINARY), 400)
    assert compared > ORDINARY // 3
    assert 5 < with_pairs < compared


@pytest.mark.wide
@pytest.mark.parametrize("first", range(ORDINARY, ORDINARY + WIDE, SLICE))
def test_more_models(first: int) -> None:
    """With more states."""
    assert judged(range(first, first + SLICE), 2_000)[0] > SLICE // 2
