"""What is known exactly of standard stochastic models: each a model, its times, and a figure.

Sources: textbooks for queues and renewal; the exact results of the QComp set for PRISM's systems.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from fifo import clocks, line
from prism import cluster, kanban, polling
from prism_plants import FINISHES, MOVES, embedded, plant
from queues import coupons, queue, race, tandem, walk, workshop

from vmlitmus.lang import Model

Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Known:
    """A model, what is measured in how many runs of so many seconds, and the exact value.

    ``measures`` are of one figure each, or ``figure`` names that of the only one; what is exact is
    the sum of the figures, each by its weight. ``group`` numbers the standard models.
    """

    group: int
    name: str
    model: Callable[[], Model]
    rows: Rows
    measure: dict[str, Any]
    exact: float
    horizon: float = 4000.0
    warm_up: float = 0.0
    runs: int = 20
    figure: str = ""
    weighted: Sequence[tuple[dict[str, Any], float]] = field(default_factory=tuple)

    def __str__(self) -> str:
        return f"{self.group}: {self.name}"

    @property
    def run(self) -> object:
        """What says how it is run: values with the same can be found in the same runs."""
        made = (
            (self.model.func, self.model.args, self.model.keywords)
            if isinstance(self.model, partial)
            else self.model
        )
        return repr((made, self.rows, self.horizon, self.warm_up, self.runs))

    @property
    def is_slow(self) -> bool:
        """Say whether it waits for the wide tier: lines of customers, but for three."""
        return "join" in self.measure.get("latency", ()) and self.name not in ORDINARY


def row(step: str, **law: Any) -> dict[str, Any]:
    """Return a row of a timing."""
    return {"step": step, **law}


def erlang_c(servers: int, load: float) -> float:
    """The probability that all servers are busy in M/M/c."""
    last = load**servers / math.factorial(servers) * servers / (servers - load)
    return last / (sum(load**k / math.factorial(k) for k in range(servers)) + last)


def erlang_b(servers: int, load: float) -> float:
    """The probability that all servers are busy where nobody waits."""
    found = 1.0
    for c in range(1, servers + 1):
        found = load * found / (c + load * found)
    return found


def md1_waits_at_most(t: float, rho: float = 0.8) -> float:
    """The share of customers of M/D/1 who wait at most t services (Erlang)."""
    terms = ((rho * (k - t)) ** k / math.factorial(k) for k in range(math.floor(t) + 1))
    return (1 - rho) * sum(term * math.exp(-rho * (k - t)) for k, term in enumerate(terms))


def where(share: float, found: Callable[[float], float], low: float, high: float) -> float:
    """Return where a rising function has a value."""
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if found(middle) < share else (low, middle)
    return low


def machines_down(machines: int, repairmen: int, fails: float) -> list[float]:
    """The probability that k machines are down, each repaired in 1 on average."""
    odds = [1.0]
    for n in range(1, machines + 1):
        odds.append(odds[-1] * (machines - n + 1) * fails / min(n, repairmen))
    return [p / sum(odds) for p in odds]


def harmonic(n: int) -> float:
    return math.fsum(1 / k for k in range(1, n + 1))


def climb(ups: float, downs: float, top: int) -> float:
    """The mean time of a birth-death chain from 0 to the top."""
    times = [1 / ups]
    for _ in range(1, top):
        times.append((1 + downs * times[-1]) / ups)
    return sum(times)


ARRIVE, LOSE = row("arrive", rate="0.8 /s"), row("lose", rate="0.8 /s")
WAIT = {"latency": ["join", "begin"], "by_actor": True}
STAY = {"latency": ["join", "serve"], "by_actor": True}
ORDINARY = ("M/G/1, constant: Wq", "M/M/1 with vacations: Wq", "M/M/1, interrupted: W")
BUSY_PERIOD = {"latency": ["one-or-more", "not one-or-more"]}


def served(**law: Any) -> Rows:
    return [ARRIVE, LOSE, row("serve", **law)]


def fifo(rate: str = "0.8 /s", **law: Any) -> Rows:
    """Nobody is interrupted, and nobody on vacation."""
    return [
        row("join", rate=rate), row("serve", **law), row("interrupt", never=True),
        row("come_back", constant="1 s"),
    ]  # fmt: skip


def birth(ups: str, downs: str) -> Rows:
    return [row("up", rate=ups), row("down", rate=downs)]


def repairs(fails: str, repaired: str = "1 /s") -> Rows:
    return [row("fail", rate=fails), row("repair", rate=repaired)]


QUEUES = [
    Known(1, "M/M/1: P(N >= 2)", partial(queue, 1), served(exponential="1 s"),
          {"share": "two-or-more"}, 0.64, 4000, 400),
    Known(1, "M/M/1: P(N >= 5)", partial(queue, 1), served(exponential="1 s"),
          {"share": "five-or-more"}, 0.8**5, 4000, 400),
    Known(1, "M/M/1: W", line, fifo(exponential="1 s"), STAY, 5.0, 8000, 800),
    Known(1, "M/M/1: p90 of Wq", line, fifo(exponential="1 s"), WAIT, math.log(8) / 0.2,
          8000, 800, figure="p90"),
    Known(1, "M/M/1: p99 of W", line, fifo(exponential="1 s"), STAY, math.log(100) / 0.2,
          16000, 400, 40, figure="p99"),
    *(Known(2, f"M/M/{c}, {a}: C", partial(queue, c),
            [row("arrive", rate=f"{a} /s"), row("serve", exponential="1 s")],
            {"share": "all-busy"}, erlang_c(c, a), horizon, horizon / 10)
      for c, a, horizon in ((2, 1.5, 2000), (4, 3.2, 2000), (10, 8.0, 1000))),
    *(Known(2, f"Erlang B({c}, {a})", partial(queue, c, c),
            [row("arrive", rate=f"{a} /s"), row("lose", rate=f"{a} /s"),
             row("serve", exponential="1 s")],
            {"share": "all-busy"}, erlang_b(c, a), 600, 50)
      for c, a in ((10, 5.0), (5, 3.0))),
    *(Known(3, f"M/G/1, {name}: Wq", line, fifo(**law), WAIT, 4 * (1 + c2) / 2, horizon, 800)
      for name, law, c2, horizon in (
          ("constant", {"constant": "1 s"}, 0.0, 4000),
          ("Erlang-3", {"erlang": {"mean": "1 s", "phases": 3}}, 1 / 3, 6000),
          ("exponential", {"exponential": "1 s"}, 1.0, 8000),
          ("gamma of shape 2", {"gamma": {"mean": "1 s", "shape": 2.0}}, 0.5, 6000),
          ("uniform", {"uniform": ["0 s", "2 s"]}, 1 / 3, 6000),
          ("lognormal", {"lognormal": {"median": "1 s * exp(-0.125)", "sigma": 0.5}},
           math.exp(0.25) - 1, 6000),
          ("quantiles", {"quantiles": {"0": "0 s", "50": "1 s", "100": "2 s"}}, 1 / 3, 6000),
          ("a choice", {"choice": [{"weight": 1, "constant": "500 ms"},
                                   {"weight": 1, "constant": "1500 ms"}]}, 0.25, 6000),
          ("ticks", {"lattice": {"period": "500 ms", "points": 2}, "memory": "enabling"},
           None, 0),
      ) if c2 is not None),
    Known(4, "M/D/1: P(no wait)", partial(queue, 1), served(constant="1 s"),
          {"ratio": ["one-or-more", "arrive"]}, 0.2, 4000, 400),
    *(Known(4, f"M/D/1: p{round(100 * p)} of Wq", line, fifo(constant="1 s"), WAIT,
            where(p, md1_waits_at_most, 0, 30), 8000, 400, figure=f"p{round(100 * p)}")
      for p in (0.5, 0.9)),
    Known(4, "M/D/1: busy period", partial(queue, 1), served(constant="1 s"), BUSY_PERIOD, 5.0,
          4000, 400),
    Known(5, "M/M/1 with vacations: Wq", partial(line, vacations=True),
          fifo("0.5 /s", exponential="1 s"), WAIT, 1.5, 2000, 200),
    Known(5, "M/M/1, interrupted: Wq", line,
          [row("join", rate="0.4 /s"), row("serve", exponential="1 s", memory="age"),
           row("interrupt", rate="0.1 /s"), row("resume", exponential="2 s"),
           row("come_back", never=True)], WAIT, 1.415385, 3000, 200),
    Known(5, "M/M/1, interrupted: W", line,
          [row("join", rate="0.4 /s"), row("serve", exponential="1 s", memory="age"),
           row("interrupt", rate="0.1 /s"), row("resume", exponential="2 s"),
           row("come_back", never=True)], STAY, 2.615385, 3000, 200),
    Known(7, "tandem of Jackson: the whole time", partial(line, two=True),
          [row("join", rate="1 /s"), row("serve", rate="2 /s"), row("depart", rate="3 /s"),
           row("interrupt", never=True)],
          {"latency": ["join", "depart"], "by_actor": True}, 1.5, 1500, 100),
    Known(17, "M/M/1/5: lost", partial(queue, 1, 5), served(exponential="1 s"),
          {"ratio": ["lose", "serve"]}, 0.088819 / (1 - 0.088819), 4000, 100),
    Known(17, "M/U/1: Wq", line, fifo("0.5 /s", uniform=["0 s", "2 s"]), WAIT, 2 / 3, 2000, 200),
]  # fmt: skip

RENEWALS = [
    *(Known(6, f"repairmen ({n}, {r}, {f}, 1): {what}", partial(workshop, n, r),
            repairs(f"{f} /s"), measure, value, 1500, 100)
      for n, r, f in ((5, 1, 0.1), (10, 1, 0.2), (10, 2, 0.2))
      for down in (machines_down(n, r, f),)
      for length in (sum(k * p for k, p in enumerate(down)),)
      for what, measure, value in (
          ("all up", {"share": "all-up"}, down[0]),
          ("throughput", {"rate": "repair"}, f * (n - length)),
          ("W", {"latency": ["fail", "repair"], "by_actor": True}, length / (f * (n - length))),
      )),
    Known(8, "alternating: exponential", partial(workshop, 1, 1), repairs("1 /s", "4 /s"),
          {"share": "first-up"}, 0.8, 1000, 20),
    Known(8, "alternating: mean over [0, .5]", partial(workshop, 1, 1), repairs("1 /s", "4 /s"),
          {"share": "first-up"}, 0.873433, 0.5, runs=2000),
    Known(8, "alternating: at 0.5", partial(workshop, 1, 1), repairs("1 /s", "4 /s"),
          {"share": "first-up"}, 0.816417, 0.50002, 0.49998, runs=2000),
    Known(8, "alternating: lognormal and constant", partial(workshop, 1, 1),
          [row("fail", lognormal={"median": "9 s * exp(-0.5)", "sigma": 1}),
           row("repair", constant="1 s")], {"share": "first-up"}, 0.9, 20000, 400),
    # Looked at an exponential time of rate e after it rang: E[X] / (1 - E[exp(-eX)]) - 1/e.
    Known(9, "residual time: uniform", clocks,
          [row("ring", uniform=["0 s", "2 s"]), row("look", rate="0.1 /s")],
          {"latency": ["looked-at", "not looked-at"]},
          1 / (1 - (1 - math.exp(-0.2)) / 0.2) - 10, 10000),
    Known(9, "residual time: ticks", clocks,
          [row("ring", lattice={"period": "1 s"}), row("look", rate="0.1 /s")],
          {"latency": ["looked-at", "not looked-at"]},
          1 / (1 - math.exp(-0.1)) - 10, 10000),
    Known(9, "residual time: exponential", clocks,
          [row("ring", exponential="1 s"), row("look", rate="0.1 /s")],
          {"latency": ["looked-at", "not looked-at"]}, 1.0, 10000),
    *(Known(10, f"coupons of {n} kinds", partial(coupons, n),
            [row("collect", rate=f"1 / {n} s")],
            {"latency": ["none-collected", "collected"]}, n * harmonic(n), 20.0 * n, runs=200)
      for n in (8, 10, 20)),
    Known(10, "the latest of 16", partial(coupons, 16), [row("collect", rate="1 /s")],
          {"latency": ["none-collected", "collected"]}, harmonic(16), 40, runs=400),
    Known(10, "the latest of 7, uniform", partial(coupons, 7),
          [row("collect", uniform=["0 s", "8 s"])],
          {"latency": ["none-collected", "collected"]}, 7.0, 8.0, runs=400),
    *(Known(11, f"birth and death, {u} and {d}, 0 to {top}",
            partial(walk, 0, top, ruin=False), birth(f"{u} /s", f"{d} /s"),
            {"latency": ["at-bottom", "at-top"]}, climb(u, d, top),
            30 * climb(u, d, top), runs=400)
      for u, d, top in ((1, 2, 5), (1, 2, 10), (0.8, 1, 10), (1, 0.5, 5))),
    Known(11, "busy period of M/M/1", partial(queue, 1),
          [row("arrive", rate="1 /s"), row("serve", rate="2 /s")], BUSY_PERIOD, 1.0, 4000, 100),
    Known(11, "gambler's ruin: win", partial(walk, 5, 10, ruin=True), birth("0.45 /s", "0.55 /s"),
          {"probability": "at-top", "within": "5000 s"}, 0.268283, 5000, runs=500),
    Known(11, "gambler's ruin: steps", partial(walk, 5, 10, ruin=True),
          birth("0.45 /s", "0.55 /s"), {"latency": ["inside", "not inside"]}, 23.1717,
          5000, runs=500),
    Known(17, "repair of 5 by one: all up", partial(workshop, 5, 1), repairs("0.2 /s"),
          {"share": "all-up"}, 0.28487, 4000, 50),
    Known(17, "race: the first", partial(race, 3),
          [row("win", rate="1 /s"), row("win", rate="2 /s", of=["coupon1"]),
           row("win", rate="5 /s", of=["coupon2"])],
          {"latency": ["none-collected", "not none-collected"]}, 0.125, 20, runs=500),
    Known(17, "race: the third wins", partial(race, 3),
          [row("win", rate="1 /s"), row("win", rate="2 /s", of=["coupon1"]),
           row("win", rate="5 /s", of=["coupon2"])],
          {"probability": "third-won", "within": "20 s"}, 0.625, 20, runs=500),
]  # fmt: skip


def polls(stations: int) -> Rows:
    return [
        row("fill", rate=f"1 / {stations} s"), row("go_on", rate="200 /s"),
        row("start", rate="200 /s"), row("done", rate="1 /s"),
    ]  # fmt: skip


def tandem_rows(room: int) -> Rows:
    rates = {"come": 4 * room, "second_phase": 0.2, "pass_early": 1.8, "pass_late": 2, "depart": 4}
    return [row(step, rate=f"{rate} /s") for step, rate in rates.items()]


# One hour is a second here.
CLUSTER = [
    row("fail_station", rate="1 / 500 s"), row("fail_part", rate="1 / 4000 s"),
    row("fail_part", rate="1 / 5000 s", of=["part2"]), row("inspect_*", rate="10 /s"),
    row("repair_station", rate="2 /s"), row("repair_part", rate="0.25 /s"),
    row("repair_part", rate="0.125 /s", of=["part2"]),
]  # fmt: skip
KANBAN = [
    row("into_first", rate="1 /s"), row("splits", rate="0.4 /s"), row("joins", rate="0.5 /s"),
    row("out_of_last", rate="0.9 /s"), row("back", rate="0.3 /s"),
    *(row("redo", rate=f"{r} /s", of=[f"stage{n}"])
      for n, r in enumerate((0.36, 0.42, 0.39, 0.33))),
    *(row("good", rate=f"{r} /s", of=[f"stage{n}"])
      for n, r in enumerate((0.84, 0.98, 0.91, 0.77))),
]  # fmt: skip
PLANT = [
    row("carry", rate="1 /s"), row("finish1", rate="0.2 /s"), row("to_join1", rate="0.05 /s"),
    row("finish2", rate="0.1 /s"), row("to_join2", rate="1 / 15 s"), row("finish3", rate="0.5 /s"),
    row("finish12", rate="1 /s"), row("ship*", rate="1 / 60 s"),
]  # fmt: skip
VALUE = dict(zip([m.name for m in MOVES], (400.0, 600.0, 100.0, 1100.0), strict=True))
DAY, HOURS = 24 * 3600, 5000
EMBEDDED = [
    row("fail_device", rate=f"1 / {30 * DAY} s", of=["devices0"]),
    row("fail_device", rate=f"1 / {60 * DAY} s", of=["devices1"]),
    row("fail_processor", rate=f"1 / {365 * DAY} s"), row("fail_main", rate=f"1 / {365 * DAY} s"),
    row("hiccup", rate=f"1 / {DAY} s"), row("reboot", rate="1 / 30 s"),
    row("end_cycle", rate="1 / 60 s"),
]  # fmt: skip
assert len(FINISHES) == 6

PRISM = [
    *(Known(12, f"PRISM tandem, {c}: E[sc + sm]", partial(tandem, c), tandem_rows(c), {}, value,
            1000, 50,
            weighted=[({"share": f"{q}-has-{n}"}, 1.0)
                      for q in ("first", "second") for n in range(1, c + 1)])
      for c, value in ((5, 5.679249959968), (7, 7.746562185336), (15, 15.798592927170))),
    *(Known(13, f"PRISM polling, {n}: station 1 waits", partial(polling, n), polls(n),
            {"share": "first-waits"}, value, 300, 10)
      for n, value in ((3, 0.130802036583), (4, 0.141190363798), (5, 0.144927093676),
                       (6, 0.145731911263))),
    *(Known(13, f"PRISM polling, {n}: 1 before 2", partial(polling, n), polls(n),
            {"probability": "first-served", "within": "30 s"}, value, 30, runs=300)
      for n, value in ((3, 0.521454325425), (4, 0.530928802659), (5, 0.535740585607))),
    *(Known(14, f"PRISM cluster, {n}: premium", partial(cluster, n), CLUSTER,
            {"share": "premium"}, value, 800_000, 1000)
      for n, value in ((2, 0.999961533562), (4, 0.999921240851))),
    *(Known(15, f"PRISM embedded, {n}: {what} first", partial(embedded, n), EMBEDDED,
            {"probability": f"{what}-failed", "within": f"{HOURS} h"}, value, HOURS * 3600)
      for n, values in (
          (2, (0.087678190373, 0.242520582774, 0.048417523170, 0.621383703683)),
          (8, (0.105303656, 0.109596579, 0.054552980, 0.730546785)))
      for what, value in zip(("actuators", "io", "main", "sensors"), values, strict=True)),
    *(Known(15, f"PRISM embedded, {n}: hours {what}", partial(embedded, n), EMBEDDED,
            {"share": condition}, value / HOURS, HOURS * 3600)
      for n, what, condition, value in (
          (2, "running", "running", 423.844317281 + 0.293185686),
          (2, "in danger", "in-danger", 0.293185686))),
    Known(16, "PRISM kanban, 1: throughput", partial(kanban, 1), KANBAN, {"rate": "into_first"},
          0.092584634633, 4000, 100),
    *(Known(16, f"PRISM fms, {n}: productivity", partial(plant, n), PLANT, {}, value,
            4000, 500, weighted=[({"rate": m.name}, VALUE[m.name]) for m in MOVES])
      for n, value in ((1, 13.853128336222), (2, 29.154698799658))),
]  # fmt: skip
KNOWN = [*QUEUES, *RENEWALS, *PRISM]
SHARED: dict[object, list[Known]] = {}  # the values that the same runs find
for known in KNOWN:
    SHARED.setdefault(known.run, []).append(known)
GROUPS = sorted({known.group for known in KNOWN})
assert all(b - a == 1 for a, b in itertools.pairwise(GROUPS))
