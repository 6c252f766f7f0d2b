"""From what replications counted to figures with their intervals."""

from __future__ import annotations

from collections.abc import Sequence

from vmlitmus.outcome.simulated import Difference, Figure, Measured
from vmlitmus.simulation.measures import measure as kinds
from vmlitmus.simulation.measures import statistics
from vmlitmus.simulation.measures.measure import Measure
from vmlitmus.simulation.measures.statistics import Interval
from vmlitmus.simulation.measures.tally import Counted, Plan

_SECOND = 1e9  # nanoseconds
_QUANTILES = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p99.9": 0.999}
_POINTS = 200  # of a distribution, for a plot
Pairs = tuple[list[float], list[float]]


class Figures:
    """The figures of some measures; ``confidence`` is that of every interval by itself.

    One object serves one list of replications, which may have grown when it is asked again.
    """

    def __init__(self, measures: Sequence[Measure], plan: Plan, confidence: float) -> None:
        self.measures = measures
        self.plan = plan
        self.confidence = confidence
        self.ordered = [statistics.Ordered() for m in measures if m.kind == kinds.LATENCY]

    def measured(self, counted: Sequence[Counted]) -> list[Measured]:
        """Return what was found for each measure."""
        return [self._measured(m, counted) for m in self.measures]

    def _measured(self, measure: Measure, counted: Sequence[Counted]) -> Measured:
        figures, samples = self._figures(measure, counted)
        expected = measure.expect
        if expected is not None and measure.kind == kinds.LATENCY:
            expected = expected[0] / _SECOND, expected[1] / _SECOND
        points: tuple[tuple[float, float], ...] = ()
        if measure.kind == kinds.LATENCY:
            points = _points(self._ordered(measure, counted).values)
        return Measured(
            measure.name, measure.kind, measure.what, tuple(figures), samples, expected, points
        )

    def _figures(self, measure: Measure, counted: Sequence[Counted]) -> tuple[list[Figure], int]:
        if measure.kind == kinds.LATENCY:
            return self._of_latency(measure, counted)
        if measure.kind == kinds.PROBABILITY:
            first = self._occurrence(measure.what[0])
            times = [c.first[first] for c in counted]
            hits = sum(time is not None and time <= measure.within for time in times)
            found = statistics.of_probability(hits, len(counted), self.confidence)
            return [_figure("probability", found, "")], hits
        tops, bottoms = self._pairs(measure, counted)
        seen = self._seen(measure, counted)
        interval = statistics.of_ratio(tops, bottoms, self.confidence)
        if interval is None or not seen:
            return [], 0
        return [_figure(measure.kind, interval, "/s" if measure.kind == kinds.RATE else "")], seen

    def _seen(self, measure: Measure, counted: Sequence[Counted]) -> int:
        if measure.kind == kinds.SHARE:
            at = self.plan.conditions.index(measure.what[0])
            return sum(c.shares[at] > 0 for c in counted)
        return sum(c.counts[self._occurrence(measure.what[0])] for c in counted)

    def _pairs(self, measure: Measure, counted: Sequence[Counted]) -> Pairs:
        """Return what stands above and below the line in each replication."""
        times = [c.time / _SECOND for c in counted]
        if measure.kind == kinds.SHARE:
            at = self.plan.conditions.index(measure.what[0])
            return [c.shares[at] / _SECOND for c in counted], times
        tops = [float(c.counts[self._occurrence(measure.what[0])]) for c in counted]
        if measure.kind == kinds.RATE:
            return tops, times
        if measure.kind == kinds.RATIO:
            per = self._occurrence(measure.what[1])
            return tops, [float(c.counts[per]) for c in counted]
        groups = self._latencies(measure, counted)
        return [sum(g) / _SECOND for g in groups], [float(len(g)) for g in groups]

    def _ordered(self, measure: Measure, counted: Sequence[Counted]) -> statistics.Ordered:
        latencies = [m for m in self.measures if m.kind == kinds.LATENCY]
        return self.ordered[latencies.index(measure)].grow(self._latencies(measure, counted))

    def _of_latency(self, measure: Measure, counted: Sequence[Counted]) -> tuple[list[Figure], int]:
        ordered = self._ordered(measure, counted)
        sums = [total / _SECOND for total in ordered.sums]
        numbers = [float(len(group)) for group in self._latencies(measure, counted)]
        mean = statistics.of_ratio(sums, numbers, self.confidence)
        if mean is None:
            return [], 0
        figures = [_figure("mean", mean, "s")]
        for name, share in _QUANTILES.items():
            found = ordered.quantile(share, self.confidence)
            if found is not None:
                figures.append(_figure(name, _in_seconds(found), "s"))
        longest = ordered.values[-1] / _SECOND
        return [*figures, Figure("max", longest, longest, longest, "s")], len(ordered.values)

    def _latencies(self, measure: Measure, counted: Sequence[Counted]) -> list[list[int]]:
        latencies = [m for m in self.measures if m.kind == kinds.LATENCY]
        at = latencies.index(measure)
        return [c.latencies[at] for c in counted]

    def _occurrence(self, word: str) -> int:
        return self.plan.occurrences.index(word)

    def differences(
        self, counted: Sequence[Counted], other: str, others: Sequence[Counted]
    ) -> list[Difference]:
        """Return how each mean, share and rate differs from that of another cell.

        Replications with the same number had the same noise, so they are compared in pairs.
        """
        found = []
        for measure in self.measures:
            if measure.kind in (kinds.PROBABILITY, kinds.RATIO):
                continue
            ours, theirs = (_each(self._pairs(measure, c)) for c in (counted, others))
            pairs = [
                (a, b)
                for a, b in zip(ours, theirs, strict=False)
                if a is not None and b is not None
            ]
            if len(pairs) < 2:
                continue
            interval = statistics.of_mean([a - b for a, b in pairs], self.confidence)
            unit = {kinds.RATE: "/s", kinds.LATENCY: "s"}.get(measure.kind, "")
            found.append(Difference(measure.name, other, _figure("difference", interval, unit)))
        return found


def known(measured: Sequence[Measured], precision: float) -> bool:
    """Say whether every figure but the far quantiles is known as precisely as was asked."""
    return all(
        figure.relative <= precision
        for m in measured
        for figure in m.figures
        if figure.name not in ("p99", "p99.9", "max")
    )


def _each(pairs: Pairs) -> list[float | None]:
    return [top / bottom if bottom else None for top, bottom in zip(*pairs, strict=True)]


def _figure(name: str, found: Interval, unit: str) -> Figure:
    return Figure(name, found.estimate, found.low, found.high, unit)


def _in_seconds(found: Interval) -> Interval:
    return Interval(found.estimate / _SECOND, found.low / _SECOND, found.high / _SECOND)


def _points(ordered: Sequence[float]) -> tuple[tuple[float, float], ...]:
    """Return quantiles of a distribution, as (share, seconds), for a plot."""
    if not ordered:
        return ()
    shares = [n / _POINTS for n in range(1, _POINTS + 1)]
    return tuple((s, statistics.quantile(ordered, s) / _SECOND) for s in shares)
