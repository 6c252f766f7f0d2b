"""Every binding of every step and section of a machine, in canonical order."""

from __future__ import annotations

import ast
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from enum import Enum
from typing import Any

from vmlitmus.compiler.machine.constant_guards import not_refused
from vmlitmus.compiler.machine.machine import Budget, Instance, Variable
from vmlitmus.compiler.machine.program import Program
from vmlitmus.frozen import Frozen
from vmlitmus.lang.domain import EnumOf, RefTo
from vmlitmus.lang.entity import Entity
from vmlitmus.lang.environment import Environment
from vmlitmus.lang.step import Condition, Step
from vmlitmus.lang.syntax.trees import function_syntax, outside_names
from vmlitmus.lang.world import World

_MOST_BINDINGS = 64  # beyond, a section's locals are read from the state instead


class Begins(Frozen):
    """What a scenario says of how its disturbances begin; ``only`` gives the conditions."""

    environment: Environment
    only: Mapping[str, Condition]

    def when(self, step: Step) -> Condition | None:
        """Return the condition in which a step may begin."""
        return self.only.get(step.disturbance) if step.disturbance else None


class Bindings:
    """All instances in canonical order: steps as declared, then places, then bindings.

    Those of a ``large`` world that go on with a sequence are made when it is known with which
    locals an actor gets there, by ``go_on``: there are far more that nothing leads to.
    """

    def __init__(
        self,
        steps: list[Step],
        programs: dict[Step, Program],
        world: World,
        variables: list[Variable],
        parameters: Callable[[Step], dict[str, type[Any]]],
        begins: Begins,
        *,
        large: bool = False,
    ) -> None:
        self.steps = steps
        self.large = large
        self.programs = programs
        self.world = world
        self.parameters = parameters
        self.begins = begins
        self.where = {(v.entity, v.name): v for v in variables}
        self.budgets = {v.name: v.index for v in variables if isinstance(v.entity, Budget)}
        self.count = 0

    def __iter__(self) -> Iterator[Instance]:
        for step in self.steps:
            made = self.programs.get(step)
            if made is None:
                yield from self.plain(step)
            else:
                for start in [0] if self.large else sorted(made.sections):
                    yield from self.section(step, made, start)

    def next_index(self) -> int:
        self.count += 1
        return self.count - 1

    def spent(self, step: Step, binding: tuple[Any, ...]) -> tuple[int, ...]:
        actor = binding[0] if binding else None
        return tuple(self.budgets[name] for name in self.begins.environment.spent(step, actor))

    def plain(self, step: Step) -> Iterator[Instance]:
        names = self.parameters(step)
        pools = [self.values(kind) for kind in names.values()]
        body, outside = function_syntax(step.function).body, outside_names(step.function)
        for binding in self.not_refused(step, body, tuple(names), outside, pools):
            yield Instance(
                self.next_index(),
                step,
                tuple(names),
                binding,
                budgets=self.spent(step, binding),
                only=self.begins.when(step),
            )

    def not_refused(
        self,
        step: Step,
        body: Sequence[ast.stmt],
        names: Sequence[str],
        outside: Mapping[str, Any],
        pools: Sequence[Sequence[Any]],
    ) -> Iterable[tuple[Any, ...]]:
        """Return the bindings that no first guard refuses, which constants decide."""
        if self.begins.when(step) is not None:
            return itertools.product(*pools)
        return not_refused(body, names, outside.get, pools, self.where)

    def values(self, kind: type[Any]) -> tuple[Any, ...]:
        return tuple(kind) if issubclass(kind, Enum) else self.world.all(kind)

    def section(self, step: Step, made: Program, start: int) -> Iterator[Instance]:
        actor_name = made.done.expanded.actor
        if start == 0:
            rest = list(made.parameters.items())[1:]
            kinds = [made.actor, *(k for _, k in rest)]
            names = (actor_name, *(n for n, _ in rest))
            body, outside = made.sections[0].framed.syntax.body, made.done.expanded.constants
            pools = list(map(self.values, kinds))
            for binding in self.not_refused(step, body, names, outside, pools):
                yield Instance(
                    self.next_index(),
                    step,
                    names,
                    binding,
                    made,
                    0,
                    self.at(binding[0], 0),
                    (),
                    self.spent(step, binding),
                    self.begins.when(step),
                )
            return
        bound = self.bound(made, start)
        for actor in self.world.all(made.actor):
            for codes in itertools.product(*(range(made.domains[n].size) for n in bound)):
                yield self.resumed(step, made, start, actor, bound, codes)

    def bound(self, made: Program, start: int) -> list[str]:
        """Return the locals that a section is specialised for."""
        found: list[str] = []
        size = 1
        for name in made.live[start]:
            domain = made.domains[name]
            if isinstance(domain, (RefTo, EnumOf)) and size * domain.size <= _MOST_BINDINGS:
                found.append(name)
                size *= domain.size
        return found

    def resumed(
        self,
        step: Step,
        made: Program,
        start: int,
        actor: Entity,
        bound: Sequence[str],
        codes: Sequence[int],
    ) -> Instance:
        """Return the instance of an actor at a place, some of whose locals are known there."""
        guards = self.at(actor, made.first_place + start - 1)
        guards += tuple(
            (self.where[actor, made.slots[n]].index, c) for n, c in zip(bound, codes, strict=True)
        )
        values = [made.domains[n].decode(c) for n, c in zip(bound, codes, strict=True)]
        loads = tuple(
            (n, self.where[actor, made.slots[n]].index) for n in made.live[start] if n not in bound
        )
        names = (made.done.expanded.actor, *bound)
        return Instance(
            self.next_index(), step, names, (actor, *values), made, start, guards, loads
        )

    def at(self, actor: Entity, number: int) -> tuple[tuple[int, int], ...]:
        variable = self.where.get((actor, "_at"))
        return ((variable.index, number),) if variable else ()
