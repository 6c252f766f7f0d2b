"""What a machine says of memory order, for reports: pairs, drains, what covers a barrier."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING

from vmlitmus.compiler import Machine
from vmlitmus.outcome import MemoryOrder, PassedStore

if TYPE_CHECKING:
    from vmlitmus.compiler.ir.order import Drain
    from vmlitmus.compiler.machine.memory_order.passing import Passing
    from vmlitmus.outcome import Covered


def memory_order(machine: Machine) -> MemoryOrder | None:
    """Return what may pass what in a machine; None where memory is sequentially consistent."""
    if machine.passing is None:
        return None
    pairs = []
    for pair in machine.passing.pairs:
        found = asdict(pair)
        found |= {name: _short(found[name]) for name in ("store_at", "then_at")}
        pairs.append(PassedStore(**found))
    drains = {drain for met in machine.passing.drains.values() for drain in met}
    return MemoryOrder(tuple(pairs), _shown(drains))


def covered(whole: Passing, without: Passing) -> Covered | None:
    """Return what stands in for the drains of a part that is off; None where it drains nothing.

    ``whole`` is what is known with the part, ``without`` without it.
    """
    from vmlitmus.outcome import Covered

    own = whole.barriers - without.barriers
    if not own:
        return None
    stores = [store for store, drains in whole.drains.items() if own.intersection(drains)]
    others = {drain for store in stores or whole.drains for drain in without.drains.get(store, ())}
    more = len(set(without.pairs) - set(whole.pairs))
    return Covered(_shown(own), _shown(others), more, idle=not stores)


def _shown(drains: Iterable[Drain]) -> tuple[str, ...]:
    return tuple(sorted(f"{drain.by} ({_short(drain.place)})" for drain in drains))


def _short(place: str) -> str:
    """Return a place in a file of the package by its path there."""
    return place.rpartition("/vmlitmus/")[2]
