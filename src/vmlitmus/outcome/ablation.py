"""What an ablation found, as plain data: which parts of a mechanism a claim needs.

Source: the JSON contract ``vmlitmus/ablation/1``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from vmlitmus.outcome.verdict import Verdict


class PartStatus(StrEnum):
    """What becomes of a claim when one part is switched off."""

    LOAD_BEARING = "load-bearing"
    REDUNDANT = "redundant"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True)
class Part:
    """One part, switched off alone: ``steps`` is the length of the counterexample.

    ``idle`` says that no step that asks for the part ever happens, whatever else is off;
    ``vacuous`` names conditions behind the claim that are not reached without the part.
    """

    name: str
    status: PartStatus
    steps: int | None = None
    idle: bool = False
    vacuous: tuple[str, ...] = ()


@dataclass(frozen=True)
class Covered:
    """What a part does as a barrier: ``drains``; the ``others`` that drain the same stores.

    ``pairs`` counts those that there are without the part only. Where it is ``idle``, no store can
    be in the buffer any more when it comes: the others are what drains all stores.
    """

    drains: tuple[str, ...]
    others: tuple[str, ...]
    pairs: int
    idle: bool = False


@dataclass(frozen=True)
class Ablated:
    """What a claim needs of the parts of one machine.

    ``verdict`` is that with all parts on; when it is not "holds" there is nothing to say of parts.
    ``sufficient`` are the minimal sets of parts that suffice when all others are off, ``breaking``
    the minimal sets whose removal breaks the claim; ``complete`` says that no other is missing and
    ``argument`` what they rest on. ``combinations`` counts the sets decided, ``states`` and
    ``transitions`` those of all their searches; ``reason`` says why it was given up; ``vacuous``
    names conditions behind the claim that are not reached with all parts on.
    """

    verdict: Verdict
    parts: tuple[Part, ...]
    sufficient: tuple[tuple[str, ...], ...]
    breaking: tuple[tuple[str, ...], ...]
    complete: bool
    argument: str
    engine: str
    combinations: int
    states: int
    transitions: int
    seconds: float
    reason: str | None = None
    vacuous: tuple[str, ...] = ()


@dataclass(frozen=True)
class Ablation:
    """A test, or one cell of its matrix, with what it needs: an entry of ``vmlitmus/ablation/1``.

    ``absent`` are the disturbances of the model that do not happen here, ``off`` the parts that are
    off already; ``needed_by`` gives the tests of the catalogue that need a part, as far as they
    were looked for; of ``undecided`` parts that was not found out, and ``narrow`` says that wide
    tests were not asked. ``arguments`` select the cell on the command line; ``instead`` is a test
    of the same claim that is expected to hold, where this one does not. ``covered`` says of
    barriers that are not needed under x86-TSO what covers them.
    """

    name: str
    topic: str
    question: str
    claim: str
    where: Mapping[str, str]
    arguments: tuple[str, ...]
    result: Ablated
    bounds: Mapping[str, object] = field(default_factory=dict)
    assumptions: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    off: tuple[str, ...] = ()
    needed_by: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    undecided: tuple[str, ...] = ()
    narrow: bool = False
    instead: str = ""
    covered: Mapping[str, Covered] = field(default_factory=dict)

    @property
    def ordered(self) -> bool:
        """Say whether it was asked under x86-TSO."""
        return "memory" in self.bounds
