"""Lower one instance of a machine to the intermediate form."""

from __future__ import annotations

import ast

from vmlitmus.compiler.ir.nodes import DISABLED, Code, width
from vmlitmus.compiler.lowering.lower import Finish, Lowerer
from vmlitmus.compiler.lowering.read_set import RecordedReads
from vmlitmus.compiler.lowering.values import Computed, Known, Scope, Val
from vmlitmus.compiler.machine.machine import Instance, Machine
from vmlitmus.lang.domain import IntRange
from vmlitmus.lang.step import Condition
from vmlitmus.lang.syntax.trees import function_syntax, outside_names, place


def lower_instance(machine: Machine, instance: Instance, variables: RecordedReads) -> Code:
    """Return what an instance does; raises ModelError, with file and line, for a fault in it."""
    lowerer = Lowerer(machine.world, variables)
    made = instance.program
    names: dict[str, Val] = {
        n: Known(v) for n, v in zip(instance.names, instance.binding, strict=True)
    }
    if made is None:
        function = instance.step.function
        syntax = function_syntax(function)
        names[syntax.args.args[0].arg] = Known(machine.world)
        scope = Scope(names, outside_names(function), lambda n: place(function, n), None, function)
        body = syntax.body
    else:
        expanded = made.done.expanded
        names[expanded.world_name] = Known(machine.world)
        scope = Scope(names, expanded.constants, expanded.place, None)
        body = made.sections[instance.start].framed.syntax.body
        lowerer.finish = Finish(_Leaving(variables, instance).leave)
    lowerer.enter(scope)
    if variables.found("shared", None, bool(machine.world.shared)):
        lowerer.begin(instance.runner, instance.site, hardware=instance.step.hardware)
    _enter(lowerer, instance)
    lowerer.statements(body)
    if lowerer.block is not None:
        lowerer.emit(0)
    return lowerer.code


def _enter(lowerer: Lowerer, instance: Instance) -> None:
    """Check where the actor is, take the locals from the state, and use up the budgets."""
    assert lowerer.block is not None
    for index, code in instance.guards:
        value = lowerer.load(lowerer.block, index)
        low = value.domain.low if isinstance(value.domain, IntRange) else 0
        bits = width(value.domain)
        lowerer.require(lowerer.op("eq", bits, value.operand, code + low), DISABLED)
    for name, index in instance.loads:
        lowerer.scope.names[name] = lowerer.load(lowerer.block, index)
    for index in instance.budgets:
        left = lowerer.load(lowerer.block, index)
        lowerer.require(lowerer.op("ne", "i64", left.operand, 0), DISABLED)
        lowerer.fields[index] = Computed(left.domain, lowerer.op("sub", "i64", left.operand, 1))
    if instance.only is not None:
        _begin(lowerer, instance.only)


def _begin(lowerer: Lowerer, only: Condition) -> None:
    """Check the condition in which a disturbance may begin."""
    lowerer.pure += 1
    result = lowerer.call_function(ast.Pass(), only.function, [Known(lowerer.world)], {})
    lowerer.require(lowerer.truth(result, ast.Pass()), DISABLED)
    lowerer.pure -= 1


class _Leaving:
    """Writes the actor's place and its locals at the end of a section."""

    def __init__(self, variables: RecordedReads, instance: Instance) -> None:
        assert instance.program is not None
        self.made = instance.program
        self.actor = instance.actor
        self.stored = self.made.sections[instance.start].stored
        self.variables = variables

    def leave(self, lowerer: Lowerer, ending: int, where: int, values: tuple[Val, ...]) -> None:
        made = self.made
        live = dict(zip(made.live.get(where, ()), values, strict=True))
        for name in self.stored:
            if name not in live:
                index, domain = self.variables[self.actor, made.slots[name]]
                lowerer.fields[index] = Known(domain.decode(0))
        for name, value in live.items():
            index, domain = self.variables[self.actor, made.slots[name]]
            node = made.sections[0].framed.syntax
            value = lowerer.rising(value, node)
            operand = lowerer.fit(node, value, domain, f"local {name!r}")
            lowerer.fields[index] = Computed(domain, operand)
        at = self.variables.get((self.actor, "_at"))
        if at is not None:
            lowerer.fields[at[0]] = Known(made.first_place + where - 1 if where else 0)
        lowerer.emit(ending)
