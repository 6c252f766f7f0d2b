"""Shared fields while lowering: their accesses are noted, and go through store buffers.

The slots of a cpu's FIFO are variables like others, so what is lowered here is ordinary code: a
store is a choice of the first empty slot, a load a chain of choices over the slots and memory. It
means what ``lang.store_buffer`` does.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from vmlitmus.compiler.ir.nodes import DISABLED, FAULTY, Operand, width
from vmlitmus.compiler.ir.order import Access, Drain, Flow, Order
from vmlitmus.compiler.lowering.control import Control
from vmlitmus.compiler.lowering.read_set import field_of
from vmlitmus.compiler.lowering.values import Computed, Known, Val
from vmlitmus.lang.cpu_event import CpuEvent
from vmlitmus.lang.domain import Bool, Domain, IntRange, RefTo
from vmlitmus.lang.entity import Entity
from vmlitmus.lang.store_buffer import SLOT, Buffering, Site
from vmlitmus.lang.world import HERE

Cpus = list[tuple[Entity, Operand]]  # each cpu, with whether it is that one


class SharedMemory(Control):
    """Reads and writes of fields; those of Shared ones as the cpu of the actor does them.

    ``actor`` runs the section at hand; None for what is no cpu's doing, and for conditions.
    """

    actor: Entity | None = None
    site: Site = ("", 0, "")
    direct = 0  # LOCKed operations around the statement at hand
    merging: Access | None = None  # the accesses that are one in the source count once
    together = False
    quiet = 0  # blocks in which nobody can look between two accesses

    def begin(self, actor: Entity | None, site: Site, *, hardware: bool) -> None:
        """Begin a section of an actor, in a model with Shared fields."""
        self.flow, self.code.order = Flow(), Order()
        self.actor = None if hardware else actor
        self.site = site

    @contextmanager
    def as_one(self) -> Iterator[None]:
        """Count the accesses to the fields of one entity or another as one."""
        before = self.together, self.merging
        self.together, self.merging = True, None
        yield
        self.together, self.merging = before

    def read(self, node: ast.AST, entity: Entity, name: str) -> Val:
        place = entity, name
        if self.flow is None or place not in self.variables:
            return super().read(node, entity, name)
        self.note(node, "load", entity, name)
        value = super().read(node, entity, name)
        if self.is_shared(place) and self.buffering is not None:
            for cpu, here in self.cpus(self.actor):
                value = self.seen(cpu, here, place, value)
        return value

    def write_known(
        self, node: ast.AST, entity: Entity, name: str, value: Val, only_if: Operand = 1
    ) -> None:
        place = entity, name
        if self.flow is None or place not in self.variables:
            return super().write_known(node, entity, name, value, only_if)
        if name == type(entity).runs_on:
            self.switch(node, entity, name, value, only_if)
        shared = self.is_shared(place)
        self.note(node, "store" if shared and not self.direct else "write", entity, name)
        if not shared or self.direct or self.buffering is None or self.actor is None:
            return super().write_known(node, entity, name, value, only_if)
        if type(self.actor).runs_on is None:
            return super().write_known(node, entity, name, value, only_if)
        domain = self.variables[place][1]
        operand = self.fit(node, value, domain, f"{type(entity).__name__}.{name}")
        self.store(node, place, domain, operand, only_if)

    def is_shared(self, place: tuple[Entity, str]) -> bool:
        """Say whether a field is Shared, and changes."""
        return self.variables.found("shared", field_of(*place), place in self.world.shared)

    @property
    def buffering(self) -> Buffering | None:
        """The plan of the store buffers, or None where memory is sequentially consistent."""
        plan = self.world.buffers.plan if self.world.buffers is not None else None
        self.variables.found("depth", None, plan.depth if plan is not None else 0)
        return plan

    def first(self, place: tuple[Entity, str]) -> int:
        """Return the entry for the first value of a field; 0 where no buffer takes it."""
        plan = self.buffering
        entry = plan.first.get(f"{place[0]}.{place[1]}", 0) if plan is not None else 0
        return self.variables.found("entry", field_of(*place), entry)

    def takes(self, place: tuple[Entity, str]) -> bool:
        """Say whether the section's store of a field goes through the buffer."""
        name, plan = f"{place[0]}.{place[1]}", self.buffering
        if plan is None or plan.stores is None:  # all of a family, or none
            return plan is not None
        return self.variables.found("buffered", (self.site, name), plan.takes(self.site, name))

    def note(self, node: ast.AST, kind: Any, entity: Entity, name: str) -> None:
        """Note an access, with the stores that it may pass; refuse a second one of a section."""
        assert self.flow is not None
        index = self.variables.variables[entity, name][0]
        shown = f"{type(entity).__name__}.{name}"
        function = self.scope.function
        called = getattr(function, "__name__", None) or self.site[0]
        access = Access(kind, index, shown, called, self.scope.where(node))
        flow, order = self.flow, self.code.order
        shared = self.is_shared((entity, name))
        if shared and self.actor is not None:
            self.check_alone(node, access)
        if kind == "store":
            order.stores[access] = None
            self.flow = Flow(flow.before, flow.open | {access}, access)
        elif shared:
            self.flow = Flow(flow.before, flow.open, access)
        if flow.before and kind != "store":
            order.early[access] = None
        for store in flow.open if kind != "store" else ():
            order.inside[store, access] = None

    def check_alone(self, node: ast.AST, access: Access, does: str | None = None) -> None:
        """One access to Shared memory a section: others may look between two.

        ``does`` says what comes now, where that is not the access itself.
        """
        assert self.flow is not None
        last = self.flow.last
        again = self.together and self.merging is not None
        if last is not None and not self.quiet and not self.direct and not again:
            did = "stores" if last.kind == "store" else "reads"
            then = "stores" if access.kind == "store" else "reads"
            does = does or f"{then} {access.name}"
            if last.name == access.name and (did, then) == ("reads", "stores"):
                hint = 'with w.locked("..."): around a LOCKed operation, a yield between, or'
            else:
                hint = "put a yield between, read once into a local, or"
            self.refuse(
                node,
                f"this section {did} {last.name} ({last.place}) and then {does}:"
                f" another cpu may look between the two. {hint}"
                ' with w.unobserved("why nobody can look"): around both',
            )
        self.merging = access

    def barrier(self, node: ast.AST, by: str, cpu: Val | None = None) -> None:
        """Wait until no store of an earlier section is in the buffer of a cpu."""
        if self.flow is None:
            return
        own = self.cpus(self.actor)
        here = cpu is None or (isinstance(cpu, Known) and cpu.value is HERE)
        cpus = own if here or cpu is None else [*self.chosen(cpu)]
        if cpus == own:
            self.drained(by, self.scope.where(node))
        for entity, there in cpus:
            self.drain(entity, there)

    def drained(self, by: str, place: str) -> None:
        """Note that the buffer of the actor's cpu is empty from here on."""
        assert self.flow is not None
        order, drain = self.code.order, Drain(by, place)
        order.barriers[drain] = None
        if self.flow.before:
            order.drains[drain, None] = None
        for store in sorted(self.flow.open, key=str):
            order.drains[drain, store] = None
        self.flow = Flow(False, frozenset(), self.flow.last)

    def cpus(self, actor: Entity | None) -> Cpus:
        """Return the cpus on which an actor may run, each with whether it does."""
        return list(self.running(actor, 1)) if actor is not None else []

    def chosen(self, value: Val) -> Iterable[tuple[Entity, Operand]]:
        """Return the cpus of a value that is an entity, or one of several."""
        if isinstance(value, Known) and isinstance(value.value, Entity):
            yield from self.running(value.value, 1)
        elif isinstance(value, Computed) and isinstance(value.domain, RefTo):
            for entity in value.domain.members:
                yield from self.running(entity, self.is_entity(value, entity))

    def running(self, entity: Entity, here: Operand) -> Iterable[tuple[Entity, Operand]]:
        name = type(entity).runs_on
        if name == "self":
            yield entity, here
        elif name is not None:
            where = super().read(ast.Pass(), entity, name)
            for cpu, there in self.chosen(where):
                yield cpu, self.op("and", "i1", here, there)

    def slots(self, cpu: Entity) -> list[tuple[Entity, str]]:
        count = self.buffering.depth if self.buffering is not None else 0
        return [(cpu, f"{SLOT}{i}") for i in range(count) if (cpu, f"{SLOT}{i}") in self.variables]

    def slot(self, place: tuple[Entity, str]) -> Operand:
        return self.plain(super().read(ast.Pass(), *place), IntRange(0, 0))

    def set_slot(self, place: tuple[Entity, str], operand: Operand) -> None:
        index, domain = self.variables[place]
        self.fields[index] = Computed(domain, operand)

    def earlier(self, cpu: Entity) -> Operand:
        """Say whether the buffer of a cpu has something when the section begins."""
        assert self.block is not None
        found = self.load(self.block, self.variables[self.slots(cpu)[0]][0])
        return self.op("ne", "i64", found.operand, 0)

    def hit(self, entry: Operand, place: tuple[Entity, str], domain: Domain) -> Operand:
        """Say whether an entry is a store of a field."""
        first = self.first(place)
        if not first:
            return 0
        low = self.op("sle", "i64", first, entry)
        return self.op("and", "i1", low, self.op("sle", "i64", entry, first + domain.size - 1))

    def stored(self, entry: Operand, place: tuple[Entity, str], domain: Domain) -> Operand:
        """Return the value that an entry stores into a field."""
        code = self.op("sub", "i64", entry, self.first(place))
        if isinstance(domain, Bool):
            return self.op("eq", "i64", code, 1)
        return self.op("add", "i64", code, domain.low) if isinstance(domain, IntRange) else code

    def seen(self, cpu: Entity, here: Operand, place: tuple[Entity, str], value: Val) -> Val:
        """Return what a cpu sees of a field: its newest store, or else what was given."""
        domain = self.variables[place][1]
        if not self.first(place):
            return value
        operand = self.plain(value, domain)
        for slot in self.slots(cpu):
            entry = self.slot(slot)
            mine = self.op("and", "i1", here, self.hit(entry, place, domain))
            newer = self.stored(entry, place, domain)
            operand = self.op("select", width(domain), mine, newer, operand)
        return Computed(domain, operand)

    def store(
        self,
        node: ast.AST,
        place: tuple[Entity, str],
        domain: Domain,
        operand: Operand,
        only_if: Operand,
    ) -> None:
        """Put a store into the buffer of the cpu on which the actor runs."""
        cpus = self.cpus(self.actor)
        anywhere: Operand = 0
        for _, here in cpus:
            anywhere = self.op("or", "i1", anywhere, here)
        self.require(self.op("or", "i1", anywhere, self.op("xor", "i1", only_if, 1)), FAULTY)
        code = self.op("zext i64", "i1", operand) if isinstance(domain, Bool) else operand
        if isinstance(domain, IntRange):
            code = self.op("sub", "i64", operand, domain.low)
        if not self.takes(place):
            for cpu, here in cpus:
                if self.slots(cpu):
                    free = self.op("eq", "i64", self.slot(self.slots(cpu)[0]), 0)
                    self.allow(self.op("and", "i1", here, only_if), free)
            super().write_known(node, *place, self.back(domain, operand), only_if)
        else:
            entry = self.op("add", "i64", code, self.first(place))
            for cpu, here in cpus:
                self.append(cpu, self.op("and", "i1", here, only_if), entry)
        self.effect = True

    def back(self, domain: Domain, operand: Operand) -> Val:
        return Computed(domain, operand)

    def allow(self, where: Operand, test: Operand) -> None:
        """Go on where a test is true, or where it does not matter."""
        self.require(self.op("or", "i1", self.op("xor", "i1", where, 1), test), DISABLED)

    def append(self, cpu: Entity, here: Operand, entry: Operand) -> None:
        """Put an entry into the first empty slot of a cpu; wait while there is none."""
        slots = self.slots(cpu)
        old = [self.slot(slot) for slot in slots]
        self.allow(here, self.op("eq", "i64", old[-1], 0))
        above: Operand = 1
        for slot, kept in zip(slots, old, strict=True):
            empty = self.op("eq", "i64", kept, 0)
            mine = self.op("and", "i1", here, self.op("and", "i1", above, empty))
            self.set_slot(slot, self.op("select", "i64", mine, entry, kept))
            above = self.op("xor", "i1", empty, 1)

    def drain(self, cpu: Entity, here: Operand) -> None:
        """Wait for the earlier stores of a cpu; put those of this section into memory."""
        slots = self.slots(cpu)
        if not slots:
            return
        self.allow(here, self.op("xor", "i1", self.earlier(cpu), 1))
        if self.variables[slots[0]][0] not in self.fields:
            return
        stored = {access.variable for access in self.code.order.stores}
        for slot in slots:
            entry = self.slot(slot)
            for place in sorted(self.world.shared, key=str):
                if self.variables.variables[place][0] in stored:
                    index, domain = self.variables[place]
                    before = self.plain(super().read(ast.Pass(), *place), domain)
                    mine = self.op("and", "i1", here, self.hit(entry, place, domain))
                    new = self.stored(entry, place, domain) if mine != 0 else before
                    chosen = self.op("select", width(domain), mine, new, before)
                    self.fields[index] = Computed(domain, chosen)
            self.set_slot(slot, self.op("select", "i64", here, 0, entry))

    def switch(
        self, node: ast.AST, entity: Entity, name: str, value: Val, only_if: Operand
    ) -> None:
        """Somebody leaves a cpu or comes to one: a context switch there, which drains.

        Who leaves has no store in a buffer from then on. Who comes may have been there already.
        """
        if entity is self.actor and isinstance(value, Known) and value.value is None:
            self.drained(CpuEvent.CONTEXT_SWITCH.value, self.scope.where(node))
        old = super().read(node, entity, name)
        domain = self.variables[entity, name][1]
        a, b = self.plain(old, domain), self.fit(node, value, domain, name)
        moves = self.op("and", "i1", only_if, self.op("ne", "i64", a, b))
        for side in (old, value):
            for cpu, here in self.chosen(side):
                self.drain(cpu, self.op("and", "i1", moves, here))

    def reach_memory(self, cpu: Entity, entity: Entity, name: str) -> None:
        """Let the oldest store of a cpu, of this field, reach memory."""
        place = entity, name
        index, domain = self.variables[place]
        slots = self.slots(cpu)
        entries = [self.slot(slot) for slot in slots]
        mine = self.hit(entries[0], place, domain) if entries else 0
        self.require(mine, DISABLED)
        if mine == 0:
            return
        self.fields[index] = Computed(domain, self.stored(entries[0], place, domain))
        for slot, entry in zip(slots, [*entries[1:], 0], strict=True):
            self.set_slot(slot, entry)
        self.effect = True

    def store_waits(self, cpu: Entity) -> Val:
        """Say whether the buffer of a cpu is full."""
        slots = self.slots(cpu)
        if not slots:
            return Known(False)
        return Computed(Bool(), self.op("ne", "i64", self.slot(slots[-1]), 0))
