"""Random numbers, durations, quantities and intervals, each against what is known of it."""

from __future__ import annotations

import math
import statistics as python_statistics
from collections.abc import Callable
from statistics import NormalDist
from typing import Any

import pytest

from vmlitmus.errors import ScenarioError
from vmlitmus.simulation.laws import distribution as kinds
from vmlitmus.simulation.laws.distribution import Law
from vmlitmus.simulation.laws.generator import Uniforms, philox
from vmlitmus.simulation.laws.quantity import quantity
from vmlitmus.simulation.laws.timing import timing_of
from vmlitmus.simulation.measures.statistics import (
    Ordered,
    of_mean,
    of_probability,
    of_ratio,
    student,
)

ALL = 0xFFFFFFFF


def test_philox_known_answers() -> None:
    """The known answers that come with the authors' Random123."""
    assert philox((0,) * 4, (0, 0)) == (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)
    assert philox((ALL,) * 4, (ALL,) * 2) == (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)
    pi = philox(
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
    )
    assert pi == (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1)


def test_numbers_differ_by_all_that_they_are_for() -> None:
    first = {Uniforms(s, r, t, d)() for s in (1, 2) for r in (0, 1) for t in (0, 9) for d in (0, 1)}
    assert len(first) == 16
    drawn = Uniforms(1, 0, 0, 0)
    assert len({drawn() for _ in range(100)}) == 100


def exponential_share(x: float) -> float:
    return 1 - math.exp(-x / 1e6)


def erlang_share(x: float) -> float:
    rate = 3 / 1e6 * x
    return 1 - math.exp(-rate) * sum(rate**k / math.factorial(k) for k in range(3))


SHARES: list[tuple[Law, Callable[[float], float]]] = [
    (Law(kinds.UNIFORM, 1e5, 3e5), lambda x: (x - 1e5) / 2e5),
    (Law(kinds.EXPONENTIAL, 1e6), exponential_share),
    (Law(kinds.ERLANG, 1e6, 3), erlang_share),
    (Law(kinds.GAMMA, 1e6, 3.0), erlang_share),
    (Law(kinds.GAMMA, 1e6, 0.5), lambda x: math.erf(math.sqrt(0.5 * x / 1e6))),
    (
        Law(kinds.LOGNORMAL, 1e6, 0.5),
        lambda x: NormalDist().cdf(math.log(x / 1e6) / 0.5) if x > 0 else 0.0,
    ),
    (
        Law(kinds.QUANTILES, points=((0.0, 0.0), (0.5, 1e6), (1.0, 5e6))),
        lambda x: x / 2e6 if x < 1e6 else 0.5 + (x - 1e6) / 8e6,
    ),
    (
        Law(
            kinds.CHOICE,
            points=((0.25, 0.0), (1.0, 1.0)),
            parts=(Law(kinds.UNIFORM, 0.0, 1e6), Law(kinds.EXPONENTIAL, 1e6)),
        ),
        lambda x: 0.25 * min(x / 1e6, 1.0) + 0.75 * exponential_share(x),
    ),
    (Law(kinds.LATTICE, 4e6, 1e5, 1), lambda x: x / 4e6),
]


@pytest.mark.parametrize(
    ("law", "share"), SHARES, ids=lambda v: kinds.KINDS[v.kind] if isinstance(v, Law) else ""
)
def test_durations_have_their_distribution(law: Law, share: Callable[[float], float]) -> None:
    """Kolmogorov and Smirnov: with 4,000 draws the distance is below 1.95 / sqrt(n)."""
    number = 4000
    drawn = sorted(
        law.sample(n * 7_919_777 % 1_000_000_007, Uniforms(3, 0, 1, n)) for n in range(number)
    )
    far = max(max((n + 1) / number - share(x), share(x) - n / number) for n, x in enumerate(drawn))
    assert far < 1.95 / math.sqrt(number)
    assert python_statistics.fmean(drawn) == pytest.approx(law.mean, rel=0.06)


def test_a_lattice_counts_ticks() -> None:
    law = Law(kinds.LATTICE, 4e6, 0, 4)
    assert law.to_lattice(8_000_000) == 16_000_000  # from a tick on: all four
    assert law.to_lattice(8_000_001) == 15_999_999
    assert law.to_lattice(11_999_999) == 12_000_001


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [
        ("4 ms", 4e6),
        ("250 /s", 2.5e-7),
        ("ceil(10 ms / tick) + 1", 4.0),
        ("2 * tick - 500 us", 7.5e6),
        ("harmonic(8)", 2.717857142857143),
        ("max(1 us, 3 ns)", 1000.0),
        (5, 5.0),
    ],
)
def test_quantities(text: object, nanoseconds: float) -> None:
    assert quantity(text, {"tick": 4e6}, "x") == pytest.approx(nanoseconds)


@pytest.mark.parametrize(
    "text",
    ["", "4 parsecs", "tack", "1/0", "__import__('os')", "9**9**9", "a.b", "[1]", True, None,
     "1e999", "(" * 300, "harmonic(1e9)", "x" * 300],
)  # fmt: skip
def test_what_is_no_quantity(text: object) -> None:
    with pytest.raises(ScenarioError, match=r"^x = "):
        quantity(text, {"tick": 4e6}, "x")


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"tyme": []}, "did you mean 'time'"),
        ({"time": [{"step": "a", "constant": "1 s", "rate": "1 /s"}]}, "two laws"),
        ({"time": [{"constant": "1 s"}]}, "step is missing"),
        ({"time": [{"step": "a", "memory": "agee"}]}, "did you mean 'age'"),
        ({"time": {"step": "a"}}, "write \\[\\[time\\]\\]"),
        ({"parameter": {"x": {"valu": 1}}}, "did you mean 'value'"),
        ({"about": "\x1b[2J"}, "control character"),
        ({"time": [{"step": "a", "never": True, "constant": 1}]}, "never"),
    ],
)
def test_faulty_timings_are_refused(table: dict[str, Any], message: str) -> None:
    with pytest.raises(ScenarioError, match=message):
        timing_of(table, "file.toml")


def test_students_quantiles() -> None:
    for freedom, value in ((1, 12.7062), (2, 4.30265), (9, 2.26216), (100, 1.98397)):
        assert student(0.975, freedom) == pytest.approx(value, rel=1e-5)


def test_intervals_hold_as_often_as_they_say() -> None:
    """Means, ratios, quantiles and probabilities of known values: 95 % of 400 intervals hold."""
    held = {"mean": 0, "ratio": 0, "median": 0, "probability": 0}
    tries = 400
    for n in range(tries):
        drawn = Uniforms(17, 0, 5, n)
        values = [-math.log(drawn()) for _ in range(40)]
        weights = [1 + drawn() for _ in range(40)]
        groups = [[-math.log(drawn()) for _ in range(30)] for _ in range(20)]
        held["mean"] += of_mean(values, 0.95).holds(1.0)
        ratio = of_ratio([v * w for v, w in zip(values, weights, strict=True)], weights, 0.95)
        held["ratio"] += ratio is not None and ratio.holds(1.0)
        median = Ordered().grow(groups).quantile(0.5, 0.95)
        held["median"] += median is not None and median.holds(math.log(2))
        held["probability"] += of_probability(sum(v > 1 for v in values), 40, 0.95).holds(
            math.exp(-1)
        )
    for name, count in held.items():
        assert 0.90 * tries <= count <= 0.985 * tries, (name, count)


def test_nothing_seen_gives_no_figure() -> None:
    assert of_ratio([0.0, 0.0], [0.0, 0.0], 0.95) is None
    assert Ordered().grow([[], []]).quantile(0.5, 0.95) is None
    assert math.isinf(of_mean([1.0], 0.95).high)


@pytest.mark.parametrize("steps", [[1, 2, 3], [7, 19, 60], [60]])
def test_values_that_grow_are_those_that_came_at_once(steps: list[int]) -> None:
    """The interval is the same whether replications came in steps or all together."""
    drawn = Uniforms(5, 0, 0, 0)
    groups = [[round(1000 * drawn()) for _ in range(n % 5)] for n in range(60)]
    growing = Ordered()
    for step in steps:
        some = groups[:step]
        every = sorted(value for group in some for value in group)
        number = min(20, step)
        sections = [sorted(v for g in some[at::number] for v in g) for at in range(number)]
        grown = growing.grow(some)
        assert grown.values == every
        assert [s for s in grown.sections if s] == [s for s in sections if s]
        assert grown.quantile(0.5, 0.95) == Ordered().grow(some).quantile(0.5, 0.95)
