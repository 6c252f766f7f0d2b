"""Store buffers as part of a machine: their slots, and the steps by which stores reach memory."""

from __future__ import annotations

import types
from collections.abc import Iterable, Mapping
from functools import lru_cache

from vmlitmus.errors import ModelError
from vmlitmus.lang.domain import Domain
from vmlitmus.lang.entity import Entity, Field
from vmlitmus.lang.source import Sdm
from vmlitmus.lang.step import Condition, Step
from vmlitmus.lang.store_buffer import Buffering, Site, StoreBuffers
from vmlitmus.lang.world import World

Stores = Mapping[Site, frozenset[str]]
FULL = "store-buffer-full"
_SOURCE = (Sdm("vol. 3A, 11.10 (store buffer)"),)
_MOST = 1 << 40  # different stores that an entry can stand for


def shared_fields(
    entities: Mapping[type[Entity], tuple[Entity, ...]],
    fields: Mapping[type[Entity], Mapping[str, Field]],
) -> dict[tuple[Entity, str], Domain]:
    """Return the Shared fields of all entities, with their domains."""
    return {
        (entity, name): field.domain(dict(entities))
        for kind, made in entities.items()
        for name, field in fields[kind].items()
        if field.shared
        for entity in made
    }


def store_buffers(
    world: World,
    shared: Mapping[tuple[Entity, str], Domain],
    depth: int,
    stores: Stores | None,
) -> StoreBuffers:
    """Return the store buffers of a world; ``stores`` are those to buffer, None for all."""
    wanted = None if stores is None else frozenset().union(*stores.values())
    taken = [
        (place, domain)
        for place, domain in shared.items()
        if wanted is None or f"{place[0]}.{place[1]}" in wanted
    ]
    first: dict[str, int] = {}
    entries = 1
    for (entity, name), domain in taken:
        first[f"{entity}.{name}"] = entries
        entries += domain.size
    if entries > _MOST:
        raise ModelError("the Shared fields have too many values for store buffers")
    plan = Buffering(depth, first, entries, stores)
    return StoreBuffers(plan, tuple(taken), frozenset(shared), world.recorder)


def cpus(entities: Mapping[type[Entity], tuple[Entity, ...]]) -> list[Entity]:
    """Return what runs on itself: the cpus."""
    return [e for kind, made in entities.items() if kind.runs_on == "self" for e in made]


def reaching(buffers: StoreBuffers, kinds: Iterable[type[Entity]]) -> list[Step]:
    """Return a step for each field of a class: a store of it reaches memory."""
    fields = dict.fromkeys((type(entity), name) for (entity, name), _ in buffers.fields)
    cpu_kinds = [kind for kind in kinds if kind.runs_on == "self"]
    return [_reaches((cpu, kind), name) for cpu in cpu_kinds for kind, name in fields]


@lru_cache(maxsize=256)
def _reaches(kinds: tuple[type[Entity], type[Entity]], field: str) -> Step:
    cpu_kind, kind = kinds

    def store_reaches_memory(w: World, cpu: Entity, owner: Entity) -> None:
        w.reach_memory(cpu, owner, field)

    assert isinstance(store_reaches_memory, types.FunctionType)
    store_reaches_memory.__annotations__ = {"cpu": cpu_kind, "owner": kind}
    store_reaches_memory.__name__ = f"{kind.__name__.lower()}_{field}_reaches_memory"
    label = f"{{cpu}}'s store to {{owner}}.{field} reaches memory"
    return Step(store_reaches_memory, label, _SOURCE, None, "weak", False, (), hardware=True)


def full_buffer(kinds: Iterable[type[Entity]]) -> Condition:
    """Return the condition that some store buffer is full, so that a store may have to wait."""
    return _full(tuple(kind for kind in kinds if kind.runs_on == "self"))


@lru_cache(maxsize=64)
def _full(cpu_kinds: tuple[type[Entity], ...]) -> Condition:
    def full(w: World) -> bool:
        return any(w.store_waits(cpu) for kind in cpu_kinds for cpu in w.all(kind))

    assert isinstance(full, types.FunctionType)
    return Condition(full, FULL, "a store buffer is full", _SOURCE, ())
