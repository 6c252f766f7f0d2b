"""The world that steps look at and change, and the guard ``when``."""

from __future__ import annotations

import inspect
import types
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from enum import Enum
from typing import Final, TypeAlias, TypeVar

from vmlitmus.errors import ModelError, unknown
from vmlitmus.lang.cpu_event import CpuEvent
from vmlitmus.lang.entity import Entity, Recorder
from vmlitmus.lang.source import Assumption, Choice
from vmlitmus.lang.store_buffer import StoreBuffers, running_on
from vmlitmus.lang.syntax.trees import place

E = TypeVar("E", bound=Entity)
H = TypeVar("H", bound="Hooks")


class Where(Enum):
    """Which cpu is meant where none is named."""

    HERE = "the cpu on which the step runs"


HERE: Final = Where.HERE


class Hooks:
    """Root of hook classes: what one mechanism does at named kernel moments.

    A hook class gives each moment a method that does nothing; a mechanism overrides some of them.
    """


def check_moments(kind: type[Hooks], mechanism: type[Hooks]) -> None:
    """Raise ModelError for a method that is no moment, by its name or by its parameters.

    Of a name that is almost that of a moment, nobody would call it.
    """
    moments = [name for name in vars(kind) if not name.startswith("_")]
    for name, method in vars(mechanism).items():
        if name.startswith("_") or not inspect.isfunction(method):
            continue
        if name in moments:
            _check_parameters(kind, name, method)
            continue
        if any(hasattr(base, name) for base in mechanism.__bases__):
            continue
        import difflib

        close = difflib.get_close_matches(name, moments, n=1, cutoff=0.85)
        if close:
            raise ModelError(
                f"{mechanism.__name__}.{name} is no hook of {kind.__name__}; did you mean"
                f" {close[0]!r}? (the name of a method of your own begins with _)",
                place(method),
            )


def _check_parameters(kind: type[Hooks], name: str, method: types.FunctionType) -> None:
    """Raise ModelError where a hook takes other parameters, or takes them in another order."""
    wanted = inspect.signature(getattr(kind, name)).parameters.values()
    given = inspect.signature(method).parameters.values()
    types_of = [[str(p.annotation).rsplit(".", 1)[-1] for p in each] for each in (wanted, given)]
    if len(given) != len(wanted) or (
        types_of[0] != types_of[1] and sorted(types_of[0]) == sorted(types_of[1])
    ):
        known = ", ".join(p.name for p in wanted)
        raise ModelError(f"{name}() of {kind.__name__} takes ({known})", place(method))


Mechanisms: TypeAlias = Mapping[type[Hooks], Hooks]


def chosen(mechanisms: Mechanisms, kind: type[H]) -> H:
    """Return the mechanism for a hook class; raises ModelError when the model has none."""
    try:
        return mechanisms[kind]  # type: ignore[return-value]
    except KeyError:
        raise ModelError(unknown("hook class", kind.__name__, _names(mechanisms))) from None


class World:
    """All entities of one machine, its mechanisms, parts and assumptions."""

    def __init__(
        self,
        entities: Mapping[type[Entity], tuple[Entity, ...]],
        mechanisms: Mechanisms,
        without: frozenset[str],
        assumed: Mapping[str, Choice],
    ) -> None:
        self.entities = entities
        self.mechanisms = mechanisms
        self._without = without
        self._assumed = assumed
        self.switches: dict[str, tuple[Entity, str]] = {}
        self.mentioned: frozenset[str] | None = None  # parts and assumptions found in the code
        self.recorder = Recorder()
        self.buffers: StoreBuffers | None = None
        self.shared: frozenset[tuple[Entity, str]] = frozenset()

    def all(self, kind: type[E]) -> tuple[E, ...]:
        """Return the entities of a class in index order."""
        try:
            return self.entities[kind]  # type: ignore[return-value]
        except KeyError:
            raise ModelError(unknown("entity", kind.__name__, _names(self.entities))) from None

    def the(self, kind: type[E]) -> E:
        """Return the only entity of a class; raises ModelError when there is not exactly one."""
        found = self.all(kind)
        if len(found) != 1:
            raise ModelError(f"the({kind.__name__}): there are {len(found)}")
        return found[0]

    def use(self, kind: type[H]) -> H:
        """Return the mechanism chosen for a hook class."""
        return chosen(self.mechanisms, kind)

    def part(self, name: str) -> bool:
        """Say whether a named part of a mechanism is switched on; it has to be written out."""
        self._ask("part", name, "w.part(NAME) or w.part(FIX.part)")
        if name in self.switches:
            entity, field = self.switches[name]
            return bool(entity.__dict__[field])
        return name not in self._without

    def _ask(self, kind: str, name: str, written: str) -> None:
        """Refuse what the scan has not found: by what it has found machines are told apart."""
        if self.mentioned is not None and name not in self.mentioned:
            raise ModelError(
                f"{kind} '{name}' is asked for by something that is not known before the model "
                f"runs; write {written}, with a name of the module"
            )

    def barrier(self, cpu: Entity | Where | None = HERE, *, by: str = "smp_mb()") -> None:
        """A full barrier: goes on when the stores of the cpu have reached memory.

        ``cpu`` is the one on which the step runs, or another, or whoever runs on it; None is no
        cpu, and nothing happens. ``by`` is what acts as the barrier, for the reports.
        """
        if self.buffers is None or cpu is None:
            return
        if isinstance(cpu, Where):
            self.buffers.barrier()
        elif (there := running_on(cpu)) is not None:
            self.buffers.barrier(there)

    def happens(self, event: CpuEvent, cpu: Entity | Where | None = HERE) -> None:
        """Something happens on a cpu that may drain its store buffer, such as an interrupt.

        What drains acts as ``barrier()``. Whether a VM entry, a VM exit or an x2APIC write does is
        an assumption.
        """
        if not isinstance(event, CpuEvent):
            raise ModelError(f"happens() takes a CpuEvent, not {event!r}")
        if event.drains is None or self.assume(event.drains):
            self.barrier(cpu, by=event.value)

    def locked(self, by: str, on: bool = True) -> AbstractContextManager[None]:
        """A LOCKed operation, ``with w.locked("set_bit()"):`` around what it reads and writes.

        It is a full barrier, and its stores go to memory at once. With ``on`` false it has no LOCK:
        it is what is written in the block, in one step.
        """
        return _Locked(self.buffers) if on and self.buffers is not None else nullcontext()

    def unobserved(self, reason: str) -> AbstractContextManager[None]:
        """Say that nobody can look between the accesses of ``with w.unobserved("..."):``.

        ``reason`` says why, such as the lock that all hold who touch these fields.
        """
        return nullcontext()

    def reach_memory(self, cpu: Entity, entity: Entity, field: str) -> None:
        """The oldest store of a cpu reaches memory; the language has a step for each field."""
        assert self.buffers is not None
        self.buffers.reach_memory(cpu, entity, field)

    def store_waits(self, cpu: Entity) -> bool:
        """Say whether the buffer of a cpu is full, so that its next store would have to wait."""
        assert self.buffers is not None
        return len(self.buffers.fifo(cpu)) == self.buffers.plan.depth

    def assume(self, assumption: Assumption) -> Choice:
        """Return the value in force of an assumption, which has to be written out."""
        self._ask("assumption", assumption.name, "w.assume(NAME)")
        return self._assumed.get(assumption.name, assumption.default)


class _Locked(AbstractContextManager[None]):
    def __init__(self, buffers: StoreBuffers) -> None:
        self.buffers = buffers

    def __enter__(self) -> None:
        self.buffers.barrier()
        self.buffers.direct += 1

    def __exit__(self, *error: object) -> None:
        self.buffers.direct -= 1


def _names(kinds: Mapping[type, object]) -> list[str]:
    return [kind.__name__ for kind in kinds]
