"""Standard stochastic models: the exact value lies in the 99 % interval, for nearly all seeds."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import pytest
from asking import Asked
from queues import coupons, queue, tandem, walk, workshop

from vmlitmus.lang import Model

SEEDS = 5  # ordinary; --wide asks 500
CONFIDENCE = 0.99


@dataclass(frozen=True)
class Known:
    """A model, what is measured, and the exact value of the first measure."""

    name: str
    model: Model
    rows: list[dict[str, Any]]
    measure: dict[str, Any]
    exact: float
    horizon: float
    warm_up: float = 0.0
    runs: int = 40
    figure: int = 0
    more: dict[str, Any] = field(default_factory=dict)


ARRIVALS = {"step": "arrive", "rate": "0.8 /s"}
LOST = {"step": "lose", "rate": "0.8 /s"}


def served(**law: Any) -> list[dict[str, Any]]:
    return [ARRIVALS, LOST, {"step": "serve", **law}]


def erlang_c(servers: int, load: float) -> float:
    """The probability that all servers are busy in M/M/c."""
    last = load**servers / math.factorial(servers) * servers / (servers - load)
    return last / (sum(load**k / math.factorial(k) for k in range(servers)) + last)


KNOWN = [
    Known(
        "M/M/1: P(N >= 2)",
        queue(1),
        served(exponential="1 s"),
        {"share": "two-or-more"},
        0.64,
        4000,
        400,
    ),
    Known(
        "M/M/1: P(N >= 5)",
        queue(1),
        served(exponential="1 s"),
        {"share": "five-or-more"},
        0.8**5,
        4000,
        400,
    ),
    Known(
        "M/M/1: busy period",
        queue(1),
        served(exponential="1 s"),
        {"latency": ["one-or-more", "not one-or-more"]},
        5.0,
        4000,
        400,
    ),
    Known(
        "M/M/2: C",
        queue(2),
        [{"step": "arrive", "rate": "1.5 /s"}, {"step": "serve", "exponential": "1 s"}],
        {"share": "all-busy"},
        erlang_c(2, 1.5),
        4000,
        400,
    ),
    Known(
        "M/M/4: C",
        queue(4),
        [{"step": "arrive", "rate": "3.2 /s"}, {"step": "serve", "exponential": "1 s"}],
        {"share": "all-busy"},
        erlang_c(4, 3.2),
        4000,
        400,
    ),
    Known(
        "M/M/1/5: lost",
        queue(1, 5),
        served(exponential="1 s"),
        {"ratio": ["lose", "serve"]},
        0.088819 / (1 - 0.088819),
        4000,
        100,
    ),
    Known(
        "Erlang B(10, 5)",
        queue(10, 10),
        [
            {"step": "arrive", "rate": "5 /s"},
            {"step": "lose", "rate": "5 /s"},
            {"step": "serve", "exponential": "1 s"},
        ],
        {"share": "all-busy"},
        0.018385,
        2000,
        50,
    ),
    Known(
        "M/D/1: P(N >= 1)",
        queue(1),
        served(constant="1 s"),
        {"share": "one-or-more"},
        0.8,
        4000,
        400,
    ),
    Known(
        "M/D/1: P(no wait) by PASTA",
        queue(1),
        served(constant="1 s"),
        {"ratio": ["one-or-more", "arrive"]},
        0.2,
        4000,
        400,
    ),
    Known(
        "M/D/1: busy period",
        queue(1),
        served(constant="1 s"),
        {"latency": ["one-or-more", "not one-or-more"]},
        5.0,
        4000,
        400,
    ),
    Known(
        "M/E3/1: utilisation",
        queue(1),
        served(erlang={"mean": "1 s", "phases": 3}),
        {"share": "one-or-more"},
        0.8,
        4000,
        400,
    ),
    Known(
        "M/Gamma/1: utilisation",
        queue(1),
        served(gamma={"mean": "1 s", "shape": 0.5}),
        {"share": "one-or-more"},
        0.8,
        6000,
        600,
    ),
    Known(
        "M/U/1: utilisation",
        queue(1),
        served(uniform=["0 s", "2 s"]),
        {"share": "one-or-more"},
        0.8,
        4000,
        400,
    ),
    Known(
        "repairmen (5, 1, .1, 1): all up",
        workshop(5, 1),
        [{"step": "fail", "rate": "0.1 /s"}, {"step": "repair", "exponential": "1 s"}],
        {"share": "all-up"},
        0.563952,
        4000,
        50,
    ),
    Known(
        "repairmen (10, 1, .2, 1): throughput",
        workshop(10, 1),
        [{"step": "fail", "rate": "0.2 /s"}, {"step": "repair", "exponential": "1 s"}],
        {"rate": "repair"},
        0.981615,
        4000,
        100,
    ),
    Known(
        "repairmen (10, 2, .2, 1): throughput",
        workshop(10, 2),
        [{"step": "fail", "rate": "0.2 /s"}, {"step": "repair", "exponential": "1 s"}],
        {"rate": "repair"},
        1.519256,
        4000,
        100,
    ),
    Known(
        "repair of 5: P(all up)",
        workshop(5, 5),
        [{"step": "fail", "rate": "0.2 /s"}, {"step": "repair", "exponential": "1 s"}],
        {"share": "all-up"},
        (1 / 1.2) ** 5,
        2000,
        50,
    ),
    Known(
        "alternating renewal: exponential",
        workshop(1, 1),
        [{"step": "fail", "rate": "1 /s"}, {"step": "repair", "rate": "4 /s"}],
        {"share": "first-up"},
        0.8,
        1000,
        20,
    ),
    Known(
        "alternating renewal: lognormal up, constant down",
        workshop(1, 1),
        [
            {"step": "fail", "lognormal": {"median": "9 s * 0.6065306597", "sigma": 1}},
            {"step": "repair", "constant": "1 s"},
        ],
        {"share": "first-up"},
        0.9,
        20000,
        400,
    ),
    Known(
        "availability at 0.5 s",
        workshop(1, 1),
        [{"step": "fail", "rate": "1 /s"}, {"step": "repair", "rate": "4 /s"}],
        {"share": "first-up"},
        0.873433,
        0.5,
        0.0,
        4000,
    ),
    Known(
        "coupons of 20 kinds",
        coupons(20),
        [{"step": "collect", "rate": "0.05 /s"}],
        {"latency": ["collect", "collected"]},
        71.9548 - 1.0,
        1000,
        0.0,
        400,
    ),
    Known(
        "birth and death, 0 to 5",
        walk(0, 5, ruin=False),
        [{"step": "up", "rate": "1 /s"}, {"step": "down", "rate": "2 /s"}],
        {"latency": ["at-bottom", "at-top"]},
        57.0,
        3000,
        0.0,
        500,
    ),
    Known(
        "birth and death, up 1, down .5",
        walk(0, 5, ruin=False),
        [{"step": "up", "rate": "1 /s"}, {"step": "down", "rate": "0.5 /s"}],
        {"latency": ["at-bottom", "at-top"]},
        8.0625,
        1000,
        0.0,
        400,
    ),
    Known(
        "gambler's ruin, .45",
        walk(5, 10, ruin=True),
        [{"step": "up", "rate": "0.45 /s"}, {"step": "down", "rate": "0.55 /s"}],
        {"probability": "at-top", "within": "5000 s"},
        0.268283,
        5000,
        0.0,
        2000,
    ),
]


def _inside(known: Known, seeds: range) -> int:
    asked = Asked(known.model, known.rows, [known.measure], **known.more)
    hits = 0
    runs = asked.replications(0, known.horizon, known.warm_up)
    for seed in seeds:
        again = asked.replications(seed, known.horizon, known.warm_up)
        again.compiled = runs.compiled  # compiled once
        figure = asked.found(again, known.runs, CONFIDENCE)[0].figures[known.figure]
        hits += figure.low <= known.exact <= figure.high
    return hits


@pytest.mark.parametrize("known", KNOWN, ids=lambda known: known.name)
def test_the_exact_value_is_in_the_interval(known: Known) -> None:
    # Two of five outside 99 % would happen once in a thousand times; the seeds are fixed.
    assert _inside(known, range(SEEDS)) >= SEEDS - 1


@pytest.mark.wide
@pytest.mark.parametrize("known", KNOWN, ids=lambda known: known.name)
def test_of_500_seeds_98_percent_hold_the_exact_value(known: Known) -> None:
    assert _inside(known, range(1000, 1500)) >= 490


@pytest.mark.parametrize(("room", "exact"), [(5, 5.679249959968), (7, 7.746562185336)])
def test_prism_tandem(room: int, exact: float) -> None:
    rows = [
        {"step": "come", "rate": f"{4 * room} /s"},
        {"step": "second_phase", "rate": "0.2 /s"},
        {"step": "pass_early", "rate": "1.8 /s"},
        {"step": "pass_late", "rate": "2 /s"},
        {"step": "depart", "rate": "4 /s"},
    ]
    names = [f"{q}-has-{n}" for q in ("first", "second") for n in range(1, room + 1)]
    asked = Asked(tandem(room), rows, [{"share": name} for name in names])
    found = asked.found(asked.replications(3, 4000, 50), 60)
    estimate = sum(m.figures[0].estimate for m in found)
    half = math.sqrt(sum(((m.figures[0].high - m.figures[0].low) / 2) ** 2 for m in found))
    assert abs(estimate - exact) < 3 * half
    assert half < 0.01 * exact
