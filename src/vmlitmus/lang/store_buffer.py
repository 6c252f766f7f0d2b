"""x86-TSO: one FIFO of stores for each cpu, between its steps and memory.

A store of a ``Shared`` field goes to the end of the FIFO of the cpu on which the step runs. A load
takes the newest entry of this FIFO, or else memory. The oldest entry of a FIFO may reach memory at
any time. A barrier waits until the FIFO is empty. Nothing else is out of order.

``StoreBuffers`` is that, for steps that are run as they are written. While a step runs, the
``Shared`` fields hold what its cpu sees; ``end()`` puts back what memory holds.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from vmlitmus.frozen import Frozen
from vmlitmus.lang.domain import Domain, OutOfRange
from vmlitmus.lang.entity import Entity, Recorder
from vmlitmus.lang.guard import Blocked, NotEnabled

Place: TypeAlias = tuple[Entity, str]
Site: TypeAlias = tuple[str, int, str]  # a section: name of its step, where it starts, its actor
SLOT = "_store"  # slot i of a cpu's FIFO is its field _store{i}; 0 is no entry


class Buffering(Frozen):
    """What goes through store buffers, and how deep these are.

    ``first`` gives for each field, by its name "vcpu0.mode", the entry that stands for the store of
    its first value; those of the others follow. ``entries`` counts all of them, and none.
    ``stores`` are the fields that a section stores through the buffer, None for all: what no later
    load of the cpu can pass waits for an empty buffer and goes to memory at once.
    """

    depth: int
    first: Mapping[str, int]
    entries: int
    stores: Mapping[Site, frozenset[str]] | None = None

    def takes(self, site: Site, name: str) -> bool:
        """Say whether a section's store of a field goes through the buffer."""
        return self.stores is None or name in self.stores.get(site, ())


@dataclass
class StoreBuffers:
    """The store buffers of one world, as the step at hand sees them.

    ``fields`` are the fields that may be in a buffer, with their entries in rising order; the
    stores of other ``shared`` fields wait for an empty buffer.
    """

    plan: Buffering
    fields: tuple[tuple[Place, Domain], ...]
    shared: frozenset[Place]
    recorder: Recorder
    actor: Entity | None = None
    cpu: Entity | None = None
    site: Site = ("", 0, "")
    earlier: int = 0  # entries from before this section
    direct: int = 0  # blocks of LOCKed operations around the statement at hand
    entries: list[tuple[Place, int]] = field(default_factory=list)
    memory: dict[Place, int] = field(default_factory=dict)  # of fields whose newest store is above

    def __post_init__(self) -> None:
        self.starts = [self.plan.first[f"{entity}.{name}"] for (entity, name), _ in self.fields]

    def begin(self, actor: Entity | None, site: Site) -> None:
        """Show the world as the cpu of an actor sees it; None for what is no cpu's doing."""
        self.actor, self.site, self.direct = actor, site, 0
        self.cpu = running_on(actor)
        self.entries = self.fifo(self.cpu)
        self.earlier = len(self.entries)
        for place, code in self.entries:
            self.show(place, code)

    def end(self) -> None:
        """Put the fields back to what memory holds, and note what is in the buffer now."""
        for (entity, name), code in self.memory.items():
            self.recorder.show(entity, name, code)
        self.memory.clear()
        self.keep(self.cpu, self.entries)
        self.actor = self.cpu = None

    def fifo(self, cpu: Entity | None) -> list[tuple[Place, int]]:
        """Return the entries of a cpu, oldest first: the field and the code of its new value."""
        found = []
        for number in range(self.plan.depth if cpu is not None else 0):
            entry = cpu.__dict__.get(f"{SLOT}{number}", 0)
            if entry:
                at = bisect_right(self.starts, entry) - 1
                found.append((self.fields[at][0], entry - self.starts[at]))
        return found

    def keep(self, cpu: Entity | None, entries: list[tuple[Place, int]]) -> None:
        if cpu is None:
            return
        codes = [self.plan.first[f"{e}.{name}"] + code for (e, name), code in entries]
        for number in range(self.plan.depth):
            code = codes[number] if number < len(codes) else 0
            if cpu.__dict__.get(f"{SLOT}{number}", 0) != code:
                self.recorder.put(cpu, f"{SLOT}{number}", code)

    def show(self, place: Place, code: int) -> None:
        """Let the step see the newest store of a field."""
        self.memory.setdefault(place, self.recorder.code(*place))
        self.recorder.show(*place, code)

    def store(self, entity: Entity, name: str, code: int) -> bool:
        """Take a store into the buffer; False when it goes to memory, as that of other fields."""
        if name == type(entity).runs_on:
            self.switch(entity, name, code)
        if (entity, name) not in self.shared or self.direct or self.actor is None:
            return False
        if self.cpu is None:
            if type(self.actor).runs_on is None:
                return False
            raise OutOfRange(f"{self.actor} runs on no cpu here")
        if not self.plan.takes(self.site, f"{entity}.{name}"):
            if self.entries:
                raise Blocked
            return False
        if len(self.entries) == self.plan.depth:
            raise Blocked
        self.entries.append(((entity, name), code))
        self.show((entity, name), code)
        return True

    def barrier(self, cpu: Entity | None = None) -> None:
        """Wait until the stores of earlier sections are in memory; put there those of this one."""
        if cpu is not None and cpu is not self.cpu:
            if self.fifo(cpu):
                raise Blocked
            return
        if self.earlier:
            raise Blocked
        for entity, name in dict.fromkeys(place for place, _ in self.entries):
            self.recorder.put(entity, name, self.recorder.code(entity, name))
            del self.memory[entity, name]
        self.entries = []

    def switch(self, entity: Entity, name: str, code: int) -> None:
        """Somebody leaves a cpu or comes to one: a context switch there, which drains."""
        old = entity.__dict__[name]
        new = self.recorder.value(entity, name, code)
        if old is new:
            return
        for cpu in (running_on(old), running_on(new)):
            if cpu is not None:
                self.barrier(cpu)
        if self.actor is not None:
            entity.__dict__[name] = new
            here, self.cpu = self.cpu, running_on(self.actor)
            entity.__dict__[name] = old
            if self.cpu is not here:
                self.entries, self.earlier = [], 0

    def reach_memory(self, cpu: Entity, entity: Entity, name: str) -> None:
        """Let the oldest store of a cpu, of this field, reach memory."""
        entries = self.fifo(cpu)
        if not entries or entries[0][0] != (entity, name):
            raise NotEnabled
        self.recorder.put(entity, name, entries[0][1])
        self.keep(cpu, entries[1:])


def running_on(entity: Entity | None) -> Entity | None:
    """Return the cpu on which an entity runs, by what ``runs_on`` of its class names."""
    while entity is not None and entity.runs_on not in (None, "self"):
        entity = entity.__dict__[str(entity.runs_on)]
    return entity if entity is not None and entity.runs_on == "self" else None
