"""What a figure of a test in time does when a parameter of its timing is halved or doubled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from vmlitmus.outcome.simulated import Figure

FACTORS = (0.5, 2.0)


@dataclass(frozen=True)
class Moved:
    """One figure under one parameter: its estimate, and what it is with the parameter changed.

    ``changed`` has an estimate for each of ``FACTORS``, in the unit of the figure; None where
    nothing was observed, or where the timing does not allow that value.
    """

    parameter: str
    value: str
    source: str
    measure: str
    figure: Figure
    changed: tuple[float | None, ...]

    @property
    def moves(self) -> bool:
        """Say whether the figure moves by a hundredth or more."""
        base = abs(self.figure.estimate)
        return any(c is None or abs(c - self.figure.estimate) > 0.01 * base for c in self.changed)


def as_json(cell: str, found: Sequence[Moved]) -> dict[str, object]:
    """Return the sensitivity as data: one row for each parameter and figure."""
    return {
        "schema": "vmlitmus/sensitivity/1",
        "cell": cell,
        "rows": [
            {
                "parameter": m.parameter,
                "value": m.value,
                "source": m.source,
                "measure": m.measure,
                "figure": m.figure.name,
                "unit": m.figure.unit,
                "estimate": m.figure.estimate,
                "halved": m.changed[0],
                "doubled": m.changed[1],
            }
            for m in found
        ],
    }
