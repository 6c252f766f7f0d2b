"""Mistakes in buffering, in each engine, are seen by the published tests or random programs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from axioms import final_states
from judge import load
from outcomes import by_native, by_reference, machine_of
from random_shared_models import random_text
from shared_judge import judge

from vmlitmus.compiler.ir.nodes import DISABLED
from vmlitmus.compiler.lowering.shared_memory import SharedMemory
from vmlitmus.compiler.lowering.values import Computed
from vmlitmus.compiler.machine import lowering_cache
from vmlitmus.compiler.machine.memory_order.store_load import Behind, _Walk
from vmlitmus.herd.program import Program
from vmlitmus.herd.read import read_program
from vmlitmus.lang.store_buffer import StoreBuffers

DATA = Path(__file__).parents[1] / "data" / "tso"
SHOWS = ("SB", "SB+mfences", "SB+rfi-pos", "MP", "2+2W", "n4b", "n7", "SB-XCHG", "R+po+mfence")


def programs() -> list[Program]:
    return [read_program((DATA / f"{name}.litmus").read_text(), name) for name in SHOWS]


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    """Nothing that was lowered with a fault is kept."""
    lowering_cache._FAMILIES.clear()
    yield
    lowering_cache._FAMILIES.clear()


def wrong(find: Callable[[Any], Any], *, raw: bool = True, failures: bool = True) -> bool:
    """Say whether some program ends otherwise than the axioms say, or with ``failures`` fails."""
    for program in programs():
        try:
            if find(machine_of(program, "tso", raw=raw))[0] != final_states(program):
                return True
        except Exception:
            if not failures:
                raise
            return True
    return False


def test_without_a_fault_nothing_is_wrong() -> None:
    """So what the other tests see is the fault."""
    assert not wrong(by_reference)
    assert not wrong(by_reference, raw=False)
    assert not wrong(by_native)


def no_forwarding(self: StoreBuffers, place: Any, code: int) -> None:
    self.memory.setdefault(place, self.recorder.code(*place))


def lost_drain(self: StoreBuffers, cpu: Any = None) -> None:
    """A barrier that drains nothing."""


def lifo(self: StoreBuffers, cpu: Any, entity: Any, name: str) -> None:
    entries = self.fifo(cpu)
    _REACH(self, cpu, *entries[-1][0]) if len(entries) == 1 else _newest(self, cpu, entries)


def _newest(self: StoreBuffers, cpu: Any, entries: Any) -> None:
    (entity, name), code = entries[-1]
    self.recorder.put(entity, name, code)
    self.keep(cpu, entries[:-1])


def pso(self: StoreBuffers, cpu: Any, entity: Any, name: str) -> None:
    """The oldest store of each place may overtake those to others."""
    entries = self.fifo(cpu)
    mine = next((i for i, (place, _) in enumerate(entries) if place == (entity, name)), None)
    if mine is None:
        _REACH(self, cpu, entity, name)
        return
    self.recorder.put(entity, name, entries[mine][1])
    self.keep(cpu, entries[:mine] + entries[mine + 1 :])


_REACH = StoreBuffers.reach_memory


@pytest.mark.parametrize(
    ("method", "fault"),
    [
        ("show", no_forwarding),
        ("barrier", lost_drain),
        ("reach_memory", lifo),
        ("reach_memory", pso),
    ],
    ids=["no forwarding", "lost drain", "LIFO", "PSO"],
)
def test_a_fault_of_the_definition_is_seen(
    monkeypatch: pytest.MonkeyPatch, method: str, fault: Any
) -> None:
    """The reference engine runs ``lang.store_buffer``."""
    monkeypatch.setattr(StoreBuffers, method, fault)
    assert wrong(by_reference)


def own_not_seen(self: Any, cpu: Any, here: Any, place: Any, value: Any) -> Any:
    return value


def no_wait(self: Any, node: Any, by: str, cpu: Any = None) -> None:
    """A barrier that drains nothing."""


def younger_lost(self: Any, cpu: Any, entity: Any, name: str) -> None:
    slots = self.slots(cpu)
    _LOWERED(self, cpu, entity, name)
    for slot in slots:
        self.set_slot(slot, 0)


def newest_first(self: Any, cpu: Any, entity: Any, name: str) -> None:
    """The newest store reaches memory first."""
    slots, place = self.slots(cpu), (entity, name)
    index, domain = self.variables[place]
    entries = [self.slot(slot) for slot in slots]
    last: Any = 0
    for entry in entries:
        last = self.op("select", "i64", self.op("eq", "i64", entry, 0), last, entry)
    mine = self.hit(last, place, domain) if entries else 0
    self.require(mine, DISABLED)
    if mine == 0:
        return
    self.fields[index] = Computed(domain, self.stored(last, place, domain))
    for slot, entry, above in zip(slots, entries, [*entries[1:], 0], strict=True):
        self.set_slot(slot, self.op("select", "i64", self.op("eq", "i64", above, 0), 0, entry))
    self.effect = True


def each_place_alone(self: Any, cpu: Any, entity: Any, name: str) -> None:
    """The second store may reach memory before the first one, which is to another place."""
    slots, place = self.slots(cpu), (entity, name)
    index, domain = self.variables[place]
    entries = [self.slot(slot) for slot in slots]
    if not entries:
        _LOWERED(self, cpu, entity, name)
        return
    first = self.hit(entries[0], place, domain)
    if first == 0 and self.hit(entries[1], place, domain) == 0:
        self.require(0, DISABLED)
        return
    second = self.op(
        "and", "i1", self.op("xor", "i1", first, 1), self.hit(entries[1], place, domain)
    )
    self.require(self.op("or", "i1", first, second), DISABLED)
    chosen = self.op("select", "i64", first, entries[0], entries[1])
    self.fields[index] = Computed(domain, self.stored(chosen, place, domain))
    kept = self.op("select", "i64", first, entries[1], entries[0])
    for slot, entry in zip(slots, [kept, *entries[2:], 0], strict=True):
        self.set_slot(slot, entry)
    self.effect = True


_LOWERED = SharedMemory.reach_memory


@pytest.mark.parametrize(
    ("method", "fault"),
    [
        ("seen", own_not_seen),
        ("barrier", no_wait),
        ("reach_memory", younger_lost),
        ("reach_memory", newest_first),
        ("reach_memory", each_place_alone),
    ],
    ids=["no forwarding", "lost drain", "stores lost", "LIFO", "PSO"],
)
def test_a_fault_of_the_lowering_is_seen(
    monkeypatch: pytest.MonkeyPatch, method: str, fault: Any
) -> None:
    """The compiled engine runs what was lowered."""
    monkeypatch.setattr(SharedMemory, method, fault)
    assert wrong(by_native, failures=False)


@pytest.mark.parametrize(
    ("owner", "method"), [(Behind, "meet"), (_Walk, "tells")], ids=["later sections", "all"]
)
def test_a_pair_that_is_overlooked_is_seen(
    monkeypatch: pytest.MonkeyPatch, owner: type, method: str
) -> None:
    """Selective buffering rests on what the static report finds."""
    monkeypatch.setattr(owner, method, lambda *_: [])
    assert wrong(by_reference, raw=False)


def test_a_store_on_the_way_that_is_not_buffered_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """A store that waits for an empty buffer is a barrier between the others."""
    model = load(random_text(59))
    assert judge(model, 400).differs is None
    monkeypatch.setattr(_Walk, "on_the_way", lambda *_: False)
    lowering_cache._FAMILIES.clear()
    assert "raw and selective differ" in str(judge(model, 400).differs)
