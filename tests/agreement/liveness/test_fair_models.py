"""Liveness of random models: both engines agree with an opinion that knows no components."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from fair_models import Opinion, TooLarge, fair_model
from judge import load

from vmlitmus.compiler import Machine, build
from vmlitmus.engine import run
from vmlitmus.errors import ModelError
from vmlitmus.lang import Claim, eventually, leads_to

LARGEST = 150  # states
SHARDS = 8
CLAIMS = (
    leads_to("goal", "other"),
    leads_to("other", "goal"),
    eventually("goal"),
    eventually("other"),
)


def machine_of(text: str, choose) -> Machine:
    """Return the machine of one scenario of a model, its disturbances bounded or not."""
    model = load(text)
    storm = tuple(model.disturbances)
    at_most = dict.fromkeys(storm, 1) if choose(2) else {}
    return build(model, allow=storm, at_most=at_most)


def verdict_of(text: str, choose) -> str:
    """Return the verdict on a random claim; fails where the three opinions differ."""
    try:
        machine = machine_of(text, choose)
        opinion = Opinion(machine, LARGEST)
    except (ModelError, TooLarge):
        return "none"
    claim: Claim = CLAIMS[choose(len(CLAIMS))]
    try:
        expected = "violated" if opinion.violated(claim) else "holds"
        results = [run(machine, claim, engine=e) for e in ("reference", "compiled")]
    except ModelError:
        return "none"
    one, two = results
    assert [r.verdict.value for r in results] == [expected] * 2, claim
    for name in ("states", "transitions", "depth", "coverage", "never_fired"):
        assert getattr(one, name) == getattr(two, name), (claim, name)
    assert one.warnings == tuple(w for w in two.warnings if "fingerprints" not in w), claim
    return expected


@pytest.mark.parametrize("shard", range(SHARDS))
def test_fair_models_by_seed(shard: int) -> None:
    found: Counter[str] = Counter()
    for seed in range(shard * 40, (shard + 1) * 40):
        source = random.Random(seed)
        text = fair_model(source.randrange)
        try:
            found[verdict_of(text, source.randrange)] += 1
        except AssertionError as error:
            pytest.fail(f"seed {seed}: {error}\n{text}")
    assert found["holds"] >= 3
    assert found["violated"] >= 3
