"""Check a machine by lowering all of it, and take what never changes out of its state."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial

from vmlitmus.compiler.ir.fold import folded, read
from vmlitmus.compiler.ir.nodes import Code
from vmlitmus.compiler.lowering.lower import lower_condition
from vmlitmus.compiler.lowering.read_set import named, shape
from vmlitmus.compiler.machine.bindings import Bindings
from vmlitmus.compiler.machine.counted import counted
from vmlitmus.compiler.machine.instance_code import lower_instance
from vmlitmus.compiler.machine.lowering_cache import LoweringCache
from vmlitmus.compiler.machine.machine import Instance, Machine, Variable
from vmlitmus.compiler.machine.reachable import reachable
from vmlitmus.errors import ModelError
from vmlitmus.lang.model import Model
from vmlitmus.lang.step import Step
from vmlitmus.lang.syntax.trees import place


def checked(
    machine: Machine,
    *,
    ordered: bool = False,
    bindings: Bindings | None = None,
    conditions: bool = True,
) -> Machine:
    """Return the machine without instances that are never enabled, and fields that none changes.

    Switches that no code asks for are left out as well. With ``ordered``, ``Machine.passing`` says
    which loads may pass which stores on x86. With ``bindings`` the world is large: instances are
    made and lowered as they are reached, with what is possible there. Without ``conditions``, those
    are lowered when somebody asks for them.

    Raises ModelError, with file and line, for a fault in an instance or a condition, and for a name
    or a label that is used twice.
    """
    kept = LoweringCache(machine.world, machine.variables, machine.parts, machine.assumptions)
    switches = [v.index for v in machine.variables[: len(machine.switches)]]
    key = _Keys(machine)
    if bindings is not None and bindings.large:
        from vmlitmus.compiler.machine.large import reached

        found, changing = reached(machine, bindings, kept.variables, kept.answers)
    else:
        found, changing = reachable(
            machine.instances,
            lambda i: kept.take(key(i), partial(lower_instance, machine, i)),
            machine.variables,
            switches,
        )
    codes: dict[int | str, Code] = {number: code for number, (_, code) in enumerate(found)}
    alive = [replace(i, index=number) for number, (i, _) in enumerate(found)]
    lower = partial(_lowered, machine, kept)
    large = bindings is not None and bindings.large
    _check_labels([i for i, _ in found] if large else machine.instances)
    unchecked = conditions and machine.model not in _CHECKED and not large
    if machine.switches or unchecked:
        codes |= {name: lower(name) for name in machine.conditions}
        _CHECKED[:] = [machine.model]
    idle = set(switches) - read(codes.values())
    varying = [
        v
        for v in machine.variables
        if v.index not in idle and (v.index in changing or _always_kept(v))
    ]
    if ordered:
        from vmlitmus.compiler.machine.memory_order.store_load import passing

        observers = [lower(name) for name in machine.conditions]
        machine = replace(machine, passing=passing(found, observers, machine.variables, varying))
    numbers = {v.index: number for number, v in enumerate(varying)}
    constants = {v.index: v.initial for v in machine.variables if v.index not in numbers}
    guards = counted(found, machine.variables)
    smaller = replace(
        machine,
        bounds={**machine.bounds, **({"guards": guards} if guards else {})},
        variables=tuple(replace(v, index=numbers[v.index]) for v in varying),
        instances=tuple(_renumbered(i, numbers) for i in alive),
        codes=_Folded(codes, lower, constants, numbers),
        switches=tuple(
            part for i, part in zip(switches, machine.switches, strict=True) if i not in idle
        ),
    )
    recorder = smaller.world.recorder
    recorder.variables = smaller.domains
    recorder.settled = {
        (v.entity, v.name): (v.initial, v.domain) for v in machine.variables if v.index in constants
    }
    return smaller


def _always_kept(variable: Variable) -> bool:
    """Say whether instances refer to a variable though it never changes: a place, a budget."""
    return variable.bookkeeping and not variable.is_slot and not variable.keeps_local


def _lowered(machine: Machine, kept: LoweringCache, name: str) -> Code:
    """Return the code of a condition."""
    condition = machine.conditions[name]
    return kept.take(condition, partial(lower_condition, machine.world, condition.function))


class _Keys:
    """What tells an instance from the others of its family, apart from what lowering notes."""

    def __init__(self, machine: Machine) -> None:
        self.shapes = {v.index: shape(v.name, v.domain) for v in machine.variables}
        self.frames: dict[tuple[Step, int], object] = {}

    def __call__(self, instance: Instance) -> object:
        read = [index for index, _ in instance.guards] + [index for _, index in instance.loads]
        read += instance.budgets
        return (
            instance.step,
            instance.start,
            tuple(named(value) for value in instance.binding),
            instance.guards,
            instance.loads,
            tuple(self.shapes[index] for index in read),
            instance.budgets,
            instance.only,
            self.frame(instance),
        )

    def frame(self, instance: Instance) -> object:
        """Return what the code of a section has from its sequence."""
        made = instance.program
        if made is None:
            return None
        key = instance.step, instance.start
        if key not in self.frames:
            self.frames[key] = made.frame(instance.start)
        return self.frames[key]


def _renumbered(instance: Instance, numbers: Mapping[int, int]) -> Instance:
    """Return the instance on the variables that are kept."""
    return replace(
        instance,
        guards=tuple((numbers[v], code) for v, code in instance.guards if v in numbers),
        loads=tuple((name, numbers[v]) for name, v in instance.loads if v in numbers),
        budgets=tuple(numbers[index] for index in instance.budgets),
    )


_CHECKED: list[Model] = []  # the model all of whose conditions were lowered last


class _Folded(Mapping[int | str, Code]):
    """Lowered code, folded when it is asked for: a search in Python never does.

    Conditions are lowered then, too: a test asks for a few of them.
    """

    def __init__(
        self,
        codes: dict[int | str, Code],
        lower: Callable[[str], Code],
        constants: Mapping[int, int],
        numbers: Mapping[int, int],
    ) -> None:
        self.lowered = codes
        self.lower = lower
        self.constants = constants
        self.numbers = numbers
        self.done: dict[int | str, Code] = {}

    def __getitem__(self, key: int | str) -> Code:
        if key not in self.done:
            if isinstance(key, str) and key not in self.lowered:
                self.lowered[key] = self.lower(key)
            self.done[key] = folded(self.lowered[key], self.constants, self.numbers)
        return self.done[key]

    def __iter__(self) -> Iterator[int | str]:
        return iter(self.lowered)

    def __len__(self) -> int:
        return len(self.lowered)


def _check_labels(instances: Iterable[Instance]) -> None:
    """Raise ModelError for a name of a step, or a label, that stands at two places."""
    labels: dict[str, str] = {}
    steps = {i.step: i.program for i in instances}
    names: dict[str, str] = {}
    for step, made in steps.items():
        where = place(step.function)
        if names.setdefault(step.name, where) != where:
            raise ModelError(
                f"the name {step.name!r} is used twice: also at {names[step.name]}", where
            )
        own = (
            [(step.label or "", where)]
            if made is None
            else [(e.template, made.done.expanded.place(e)) for e in made.done.endings]
        )
        for label, origin in own:
            if labels.setdefault(label, origin) != origin:
                raise ModelError(
                    f"the label {label!r} is used twice: also at {labels[label]}; what both do can"
                    " stand once in a function of its own, which both go on with by `yield from`",
                    origin,
                )
