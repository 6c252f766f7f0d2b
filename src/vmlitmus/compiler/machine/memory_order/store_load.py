"""Which loads may pass which stores of their cpu: the store-to-load pairs without a drain between.

On x86 a load may take its value before an older store of the same cpu to another place is seen by
others; nothing else is out of order. It matters only where others touch the place of the store, and
where somebody can tell that what follows came first: another cpu writes what is loaded, or reads
what is written there without a buffer.

A store that nothing of this kind follows before the buffer drains need not be buffered: it may be
delayed, with all that follows, until it would have reached memory. A store on the way from another
one to what passes it is buffered as well: it would wait for that one. Where there is no pair, the
answer under sequential consistency is the answer under TSO.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from vmlitmus.compiler.ir.nodes import Code, Operand
from vmlitmus.compiler.ir.order import Access, Drain
from vmlitmus.compiler.machine.machine import Instance, Variable
from vmlitmus.compiler.machine.memory_order.passing import Pair, Passing, Stored
from vmlitmus.compiler.machine.reachable import ends
from vmlitmus.lang.entity import Entity
from vmlitmus.lang.store_buffer import Site

Lowered: TypeAlias = Sequence[tuple[Instance, Code]]
Known: TypeAlias = frozenset[tuple[int, int]]  # variables of an actor, with their codes
Next: TypeAlias = tuple[tuple[Instance, Code], list[Known]]
OBSERVER = "a condition"
_MOST = 4096  # ways of an actor that are told apart


def passing(
    lowered: Lowered,
    conditions: Iterable[Code],
    variables: Sequence[Variable],
    varying: Sequence[Variable],
) -> Passing:
    """Find what may pass what in some lowered instances; conditions observe memory.

    ``varying`` are those of the variables that change.
    """
    return _Walk(lowered, conditions, variables, varying).run()


@dataclass
class Behind:
    """What may happen while a store is in the buffer of its cpu.

    ``sections`` are those begun meanwhile that store something themselves.
    """

    accesses: list[Access] = field(default_factory=list)
    drains: list[Drain] = field(default_factory=list)
    sections: list[tuple[Instance, Code]] = field(default_factory=list)

    def meet(self, instance: Instance, code: Code) -> None:
        """A section begins while the store is in the buffer."""
        self.accesses += code.order.early
        self.drains += [drain for drain, met in code.order.drains if met is None]
        if code.order.stores:
            self.sections.append((instance, code))

    def say_once(self) -> None:
        """Leave out what was met before."""
        self.accesses = list(dict.fromkeys(self.accesses))
        self.drains = list(dict.fromkeys(self.drains))
        self.sections = list({i.index: (i, code) for i, code in self.sections}.values())

    def add(self, other: Behind) -> None:
        """What happens there happens here."""
        self.accesses += other.accesses
        self.drains += other.drains
        self.sections += other.sections


class _Walk:
    def __init__(
        self,
        lowered: Lowered,
        conditions: Iterable[Code],
        variables: Sequence[Variable],
        varying: Sequence[Variable],
    ) -> None:
        self.lowered = [(i, code) for i, code in lowered if not i.step.hardware]
        self.names = {v.index: str(v) for v in variables}
        self.at = {v.entity: v.index for v in varying if v.name == "_at"}
        self.where = {(v.entity, v.name): v for v in varying}
        self.readers: dict[int, set[object]] = {}
        self.writers: dict[int, set[object]] = {}
        for instance, code in lowered:
            actor = object() if instance.step.hardware else instance.runner
            own = self.at.get(instance.runner) if instance.runner is not None else None
            for variable in code.reads:
                if variable != own:
                    self.readers.setdefault(variable, set()).add(actor)
            for variable in code.writes:
                self.writers.setdefault(variable, set()).add(actor)
        for code in conditions:
            for variable in code.reads:
                self.readers.setdefault(variable, set()).add(OBSERVER)
        self.starts: dict[Entity, list[tuple[Instance, Code]]] = {}
        for instance, code in self.lowered:
            if instance.runner is not None:
                self.starts.setdefault(instance.runner, []).append((instance, code))
        self.placed: dict[tuple[Entity, int | None], list[tuple[Instance, Code]]] = {}
        self.walks: dict[tuple[Entity, frozenset[Known]], Behind] = {}
        self.nexts: dict[tuple[Entity, Known, bool], list[Next]] = {}
        self.own: dict[tuple[int, Entity], bool] = {}
        self.ways: dict[tuple[int, Entity], tuple[Access, ...]] = {}
        self.pairs: dict[Pair, None] = {}
        self.drains: dict[Stored, dict[Drain, None]] = {}
        self.stores: dict[Site, set[str]] = {}

    def run(self) -> Passing:
        for instance, code in self.lowered:
            actor = instance.runner
            for store in code.order.stores if actor is not None else ():
                assert actor is not None
                if self.touched(store.variable, actor):
                    self.passed(instance, code, store, actor)
        stores = {site: frozenset(names) for site, names in self.stores.items()}
        drains = {store: tuple(found) for store, found in self.drains.items()}
        barriers = frozenset(b for _, code in self.lowered for b in code.order.barriers)
        return Passing(tuple(sorted(self.pairs)), drains, stores, barriers=barriers)

    def passed(self, instance: Instance, code: Code, store: Access, actor: Entity) -> None:
        """Note what may pass a store, and which stores have to be buffered for it."""
        behind = self.follow(code, store, actor)
        drains = self.drains.setdefault((store.name, store.function, store.place), {})
        drains.update(dict.fromkeys(behind.drains))
        found = [a for a in behind.accesses if self.tells(a, store, actor)]
        if not found:
            return
        for access in found:
            self.pairs[_pair(store, access)] = None
        self.buffer(instance, code)
        for later, its in behind.sections:
            runner = later.runner
            if runner is not None and self.on_the_way(its, store, actor, runner):
                self.buffer(later, its)

    def on_the_way(self, code: Code, store: Access, actor: Entity, runner: Entity) -> bool:
        """Say whether what passes a store is in a section that stores, or follows it."""
        way = id(code), runner
        if way not in self.ways:
            found = [*code.order.early, *(access for _, access in code.order.inside)]
            for later in code.order.stores:
                found += self.follow(code, later, runner).accesses
            self.ways[way] = tuple(dict.fromkeys(found))
        return any(self.tells(access, store, actor) for access in self.ways[way])

    def buffer(self, instance: Instance, code: Code) -> None:
        names = {self.names[store.variable] for store in code.order.stores}
        self.stores.setdefault(instance.site, set()).update(names)

    def touched(self, variable: int, actor: Entity) -> bool:
        """Say whether somebody else reads or writes a variable."""
        users = self.readers.get(variable, set()) | self.writers.get(variable, set())
        return bool(users - {actor})

    def tells(self, access: Access, store: Access, actor: Entity) -> bool:
        """Say whether others can tell that an access came before a store reached memory."""
        if access.variable == store.variable and access.kind == "load":
            return False
        if access.kind == "load":
            return bool(self.writers.get(access.variable, set()) - {actor})
        return self.touched(access.variable, actor)

    def follow(self, code: Code, store: Access, actor: Entity) -> Behind:
        """Follow the actor from a store to what drains it."""
        found = Behind()
        found.accesses += [access for passed, access in code.order.inside if passed == store]
        found.drains += [drain for drain, met in code.order.drains if met == store]
        leaves = [writes for writes, flow in code.order.leaves if store in flow.open]
        if leaves:
            found.add(self.walk(frozenset(self.known({}, w, actor) for w in leaves), actor))
        return found

    def walk(self, starts: frozenset[Known], actor: Entity) -> Behind:
        """Follow the actor from where a store is in the buffer."""
        if (actor, starts) in self.walks:
            return self.walks[actor, starts]
        found = self.walks[actor, starts] = Behind()
        found.accesses += self.leaving(actor)
        seen: dict[Known, None] = dict.fromkeys(starts)
        met: dict[int, tuple[Instance, Code]] = {}
        todo = list(seen)
        while todo:
            for begun, nexts in self.then(todo.pop(), actor, forget=len(seen) > _MOST):
                met[begun[0].index] = begun
                for now in nexts:
                    if now not in seen:
                        seen[now] = None
                        todo.append(now)
        met |= {begun[0].index: begun for begun in self.beside(actor)}
        for instance, code in met.values():
            found.meet(instance, code)
        found.say_once()
        return found

    def then(self, known: Known, actor: Entity, *, forget: bool) -> list[Next]:
        """Return what an actor may do next, each with what is known behind it if nothing drains."""
        if (actor, known, forget) not in self.nexts:
            self.nexts[actor, known, forget] = [
                (
                    (instance, code),
                    [
                        self.known(dict(known), writes, actor, forget=forget)
                        for writes, flow in code.order.leaves
                        if flow.before
                    ],
                )
                for instance, code in self.after(actor, dict(known))
            ]
        return self.nexts[actor, known, forget]

    def leaving(self, actor: Entity) -> list[Access]:
        """Where the actor is counts as a field that it writes, if somebody else looks at it."""
        at = self.at.get(actor)
        if at is None or not self.readers.get(at, set()) - {actor}:
            return []
        return [Access("write", at, "the place of the actor", "", "")]

    def known(
        self,
        before: dict[int, int],
        writes: Mapping[int, Operand],
        actor: Entity,
        *,
        forget: bool = False,
    ) -> Known:
        """Return what is known of the actor's own variables behind a section.

        To ``forget`` all but its place keeps the ways few.
        """
        for variable, operand in writes.items():
            before.pop(variable, None)
            if isinstance(operand, int) and self.is_own(variable, actor):
                before[variable] = operand
        at = self.at.get(actor)
        kept = {at: before[at]} if forget and at in before else {} if forget else before
        return frozenset(kept.items())

    def is_own(self, variable: int, actor: Entity) -> bool:
        """Say whether nobody else writes a variable."""
        key = variable, actor
        if key not in self.own:
            self.own[key] = not self.writers.get(variable, set()) - {actor}
        return self.own[key]

    def after(self, actor: Entity, known: Mapping[int, int]) -> Iterator[tuple[Instance, Code]]:
        """Yield what an actor may do next, with what is known of its own variables."""
        at = self.at.get(actor)
        for instance, code in self.starting(actor, known.get(at) if at is not None else None):
            if all(known.get(variable, at) == at for variable, at in instance.guards):
                faulty, writes = ends(code, known)
                if faulty or writes:
                    yield instance, code

    def starting(self, actor: Entity, place: int | None) -> list[tuple[Instance, Code]]:
        """Return what an actor may begin at a place of it; None stands for any place."""
        if (actor, place) not in self.placed:
            here = self.at.get(actor), place
            self.placed[actor, place] = [
                (instance, code)
                for instance, code in self.starts.get(actor, ())
                if place is None or all(g[0] != here[0] or g == here for g in instance.guards)
            ]
        return self.placed[actor, place]

    def beside(self, actor: Entity) -> Iterator[tuple[Instance, Code]]:
        """Yield what others may do on the cpu of an actor without a context switch before it."""
        mine = self.cpus(actor)
        for other, found in self.starts.items():
            if other is not actor and mine & self.cpus(other):
                yield from found

    def cpus(self, actor: Entity) -> set[Entity]:
        """Return the cpus on which an actor may run."""
        name = type(actor).runs_on
        if name == "self":
            return {actor}
        if name is None:
            return set()
        variable = self.where.get((actor, name))
        if variable is None:
            held = actor.__dict__[name]
            return self.cpus(held) if held is not None else set()
        members: Iterable[Entity] = getattr(variable.domain, "members", ())
        return set().union(*(self.cpus(member) for member in members))


def _pair(store: Access, then: Access) -> Pair:
    return Pair(
        store.name,
        store.function,
        store.place,
        then.name,
        then.function or store.function,
        then.place or store.place,
        then.kind == "load",
    )
