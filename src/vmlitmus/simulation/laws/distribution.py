"""How long something takes: distributions of durations, in nanoseconds.

Each is a few numbers (see ``Law``), so that the compiled simulator can hold it in a table. Both
simulators use the same operations in the same order: they agree to the last bit.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

from vmlitmus.simulation.laws.generator import Draw

CONSTANT, UNIFORM, EXPONENTIAL, ERLANG, GAMMA, LOGNORMAL, QUANTILES, CHOICE, LATTICE = range(9)
KINDS = (
    "constant",
    "uniform",
    "exponential",
    "erlang",
    "gamma",
    "lognormal",
    "quantiles",
    "choice",
    "lattice",
)
TWO_PI = 2 * math.pi


@dataclass(frozen=True)
class Law:
    """One distribution: its kind, up to three numbers, and what is added to each duration.

    ======== ====================================================================================
    kind     numbers, in nanoseconds where they are times
    ======== ====================================================================================
    CONSTANT the duration
    UNIFORM  from, to
    EXPONENTIAL mean
    ERLANG   mean, number of phases
    GAMMA    mean, shape
    LOGNORMAL median, standard deviation of the logarithm
    QUANTILES none; ``points`` are (probability, duration), between which it is linear
    CHOICE   none; ``points`` are (cumulated probability, index into ``parts``)
    LATTICE  period, phase, how many points of the lattice on; jitter is in ``parts``
    ======== ====================================================================================
    """

    kind: int
    a: float = 0.0
    b: float = 0.0
    c: float = 0.0
    plus: float = 0.0
    points: tuple[tuple[float, float], ...] = ()
    parts: tuple[Law, ...] = ()

    def sample(self, now: int, uniform: Draw) -> int:
        """Return a duration that begins now, in whole nanoseconds, at least 0."""
        return max(math.floor(self.value(now, uniform) + 0.5), 0)

    def value(self, now: int, uniform: Draw) -> float:
        """Return a duration before it is rounded."""
        kind = self.kind
        if kind == CONSTANT:
            found = self.a
        elif kind == UNIFORM:
            found = self.a + (self.b - self.a) * uniform()
        elif kind == EXPONENTIAL:
            found = -self.a * math.log(uniform())
        elif kind == ERLANG:
            found = _erlang(self.a, int(self.b), uniform)
        elif kind == GAMMA:
            found = _gamma(self.a, self.b, uniform)
        elif kind == LOGNORMAL:
            found = self.a * math.exp(self.b * _normal(uniform))
        elif kind == QUANTILES:
            found = interpolated(self.points, uniform())
        elif kind == CHOICE:
            chosen = uniform()
            part = next((int(i) for up_to, i in self.points if chosen < up_to), len(self.parts) - 1)
            found = self.parts[part].value(now, uniform)
        else:
            found = float(self.to_lattice(now))
            if self.parts:
                found = found + self.parts[0].value(now, uniform)
        return found + self.plus

    def to_lattice(self, now: int) -> int:
        """Return how far the chosen point of the lattice is: the first one is after now."""
        period, phase = int(self.a), int(self.b)
        since = (now + period - phase) % period
        return period - since + (int(self.c) - 1) * period

    @property
    def mean(self) -> float:
        """The mean, in nanoseconds; of a lattice, from a moment that is spread evenly."""
        if self.kind in (CONSTANT, EXPONENTIAL, ERLANG, GAMMA):
            found = self.a
        elif self.kind == UNIFORM:
            found = (self.a + self.b) / 2
        elif self.kind == LOGNORMAL:
            found = self.a * math.exp(self.b * self.b / 2)
        elif self.kind == QUANTILES:
            pairs = itertools.pairwise(self.points)
            found = sum((q - p) * (x + y) / 2 for (p, x), (q, y) in pairs)
        elif self.kind == CHOICE:
            found = sum(w * part.mean for w, part in zip(self.weights, self.parts, strict=True))
        else:
            jitter = self.parts[0].mean if self.parts else 0.0
            found = self.a / 2 + (self.c - 1) * self.a + jitter
        return found + self.plus

    @property
    def weights(self) -> Sequence[float]:
        """The probability of each part of a choice."""
        below = [0.0, *(up_to for up_to, _ in self.points)]
        return [high - low for low, high in itertools.pairwise(below)]


def interpolated(points: Sequence[tuple[float, float]], chosen: float) -> float:
    """Return the duration at a probability, from points between which it is linear."""
    at = 1
    while at < len(points) - 1 and points[at][0] <= chosen:
        at += 1
    (p, x), (q, y) = points[at - 1], points[at]
    return x + (y - x) * ((chosen - p) / (q - p))


def _normal(uniform: Draw) -> float:
    """Return a standard normal number (Box and Muller 1958, the cosine only)."""
    radius = math.sqrt(-2.0 * math.log(uniform()))
    return radius * math.cos(TWO_PI * uniform())


def _erlang(mean: float, phases: int, uniform: Draw) -> float:
    total = 0.0
    for _ in range(phases):
        total = total - math.log(uniform())
    return total * (mean / phases)


def _gamma(mean: float, shape: float, uniform: Draw) -> float:
    """Return a gamma number (Marsaglia and Tsang 2000)."""
    raised = shape if shape >= 1.0 else shape + 1.0
    d = raised - 1.0 / 3.0
    c = 1.0 / math.sqrt(9.0 * d)
    while True:
        x = _normal(uniform)
        v = 1.0 + c * x
        u = math.log(uniform())
        if v > 0.0:
            v = v * v * v
            if u < 0.5 * (x * x) + d * (1.0 - v + math.log(v)):
                break
    found = d * v
    if shape < 1.0:
        found = found * math.exp(math.log(uniform()) / shape)
    return found * (mean / shape)
