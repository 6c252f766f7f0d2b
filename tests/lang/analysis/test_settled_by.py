"""What no source settles says what would settle it."""

from __future__ import annotations

import pytest

from vmlitmus.model import TOPICS


@pytest.mark.parametrize("topic", ["ap-creation", "smt-protection"])
def test_each_assumption_says_what_would_settle_it(topic: str) -> None:
    known = TOPICS[topic].assumptions
    assert known
    assert [a.name for a in known if not a.settled_by.strip()] == []
