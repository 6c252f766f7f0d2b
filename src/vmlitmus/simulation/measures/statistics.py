"""Intervals: what is known of a mean, a ratio, a quantile or a probability from replications.

Replications are independent and alike, so the means over each of them are. Intervals of means are
Student's; of a ratio of means the delta method's; of a quantile those of sectioning (Nakayama 2014:
the quantile of everything, with the spread of the quantiles of sections); of a probability
Wilson's. All of them hold with the chosen confidence for enough replications.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist

SECTIONS = 20  # into which replications are put for a quantile
_TAIL = 10  # values that must lie beyond a quantile for it to be known


@dataclass(frozen=True)
class Interval:
    """An estimate with the interval around it; an interval without end is not known."""

    estimate: float
    low: float
    high: float

    @property
    def half(self) -> float:
        """Half of its width."""
        return (self.high - self.low) / 2

    @property
    def relative(self) -> float:
        """Half of its width in proportion to the estimate; 0 where both are 0."""
        if self.half == 0:
            return 0.0
        return self.half / abs(self.estimate) if self.estimate else math.inf

    def holds(self, value: float) -> bool:
        return self.low <= value <= self.high


def _unknown(estimate: float) -> Interval:
    return Interval(estimate, -math.inf, math.inf)


def of_mean(values: Sequence[float], confidence: float) -> Interval:
    """Return the interval of the mean of independent values."""
    count = len(values)
    mean = math.fsum(values) / count
    if count < 2:
        return _unknown(mean)
    variance = math.fsum((v - mean) ** 2 for v in values) / (count - 1)
    return _around(mean, variance / count, count - 1, confidence)


def of_ratio(tops: Sequence[float], bottoms: Sequence[float], confidence: float) -> Interval | None:
    """Return the interval of a ratio of means; None where nothing is below the line."""
    count, below = len(tops), math.fsum(bottoms)
    if below == 0:
        return None
    ratio, mean = math.fsum(tops) / below, below / count
    if count < 2:
        return _unknown(ratio)
    errors = math.fsum((t - ratio * b) ** 2 for t, b in zip(tops, bottoms, strict=True))
    return _around(ratio, errors / (count - 1) / count / mean**2, count - 1, confidence)


class Ordered:
    """The values of replications in order, and those of sections; it grows with them."""

    def __init__(self) -> None:
        self.groups = 0
        self.values: list[float] = []
        self.sections: list[list[float]] = [[] for _ in range(SECTIONS)]
        self.sums: list[float] = []

    def grow(self, groups: Sequence[Sequence[float]]) -> Ordered:
        """Take in the replications that are new; sorting what is mostly in order is quick."""
        changed = set()
        for number in range(self.groups, len(groups)):
            group, section = groups[number], number % SECTIONS
            self.values.extend(group)
            self.sections[section].extend(group)
            self.sums.append(math.fsum(group))
            changed.add(section)
        if changed:
            self.values.sort()
        for section in changed:
            self.sections[section].sort()
        self.groups = len(groups)
        return self

    def quantile(self, share: float, confidence: float) -> Interval | None:
        """Return the interval of a quantile; None where no value came."""
        if not self.values:
            return None
        estimate = quantile(self.values, share)
        beyond = len(self.values) * min(share, 1 - share)
        found = [quantile(section, share) for section in self.sections if section]
        if len(found) < 2 or beyond < _TAIL:
            return _unknown(estimate)
        spread = math.fsum((q - estimate) ** 2 for q in found) / (len(found) - 1) / len(found)
        return _around(estimate, spread, len(found) - 1, confidence)


def quantile(ordered: Sequence[float], share: float) -> float:
    """Return the smallest value that at least a share of the ordered values do not exceed."""
    return ordered[max(math.ceil(share * len(ordered)) - 1, 0)]


def of_probability(hits: int, count: int, confidence: float) -> Interval:
    """Return Wilson's interval of a probability."""
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share = hits / count
    middle = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z / (1 + z * z / count) * math.sqrt(share * (1 - share) / count + (z / count) ** 2 / 4)
    low = max(middle - half, 0.0) if hits else 0.0  # exactly, whatever the rounding
    high = min(middle + half, 1.0) if hits < count else 1.0
    return Interval(share, low, high)


def _around(middle: float, variance: float, freedom: int, confidence: float) -> Interval:
    half = student((1 + confidence) / 2, freedom) * math.sqrt(variance)
    return Interval(middle, middle - half, middle + half)


@lru_cache(maxsize=4096)
def student(share: float, freedom: int) -> float:
    """Return the quantile of Student's distribution for a share above one half."""
    low, high = 0.0, 1.0
    while _student_below(high, freedom) < share:
        high *= 2
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if _student_below(middle, freedom) < share else (low, middle)
    return (low + high) / 2


def _student_below(t: float, freedom: int) -> float:
    x = freedom / (freedom + t * t)
    return 1 - _beta_share(x, freedom / 2, 0.5) / 2


def _beta_share(x: float, a: float, b: float) -> float:
    """Return the regularised incomplete beta function, by its continued fraction (Lentz)."""
    if x <= 0 or x >= 1:
        return float(x >= 1)
    if x > (a + 1) / (a + b + 2):
        return 1 - _beta_share(1 - x, b, a)
    front = math.exp(
        math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    )
    tiny, c, d, found = 1e-300, 1.0, 0.0, 1.0
    for step in range(400):
        k = step // 2
        if step == 0:
            factor = 1.0
        elif step % 2 == 0:
            factor = k * (b - k) * x / ((a + 2 * k - 1) * (a + 2 * k))
        else:
            factor = -(a + k) * (a + b + k) * x / ((a + 2 * k) * (a + 2 * k + 1))
        d = 1 / (1 + factor * d or tiny)
        c = 1 + factor / c or tiny
        found *= c * d
        if step and abs(1 - c * d) < 1e-15:
            break
    return front * (found - 1) / a if a else 1.0
