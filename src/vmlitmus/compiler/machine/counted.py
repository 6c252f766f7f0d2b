"""Bounds that a model writes as guards, so that a report can say them.

``when(task.sent < 2)`` before ``task.sent += 1`` limits how often the step happens in a run, as
``at_most`` limits a disturbance. Looked for are ints that no step lowers, and steps that raise one
and cannot happen any more once it has some value.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from vmlitmus.compiler.ir.nodes import Code, Emit
from vmlitmus.compiler.machine.machine import Instance, Variable
from vmlitmus.compiler.machine.reachable import ends
from vmlitmus.lang.domain import IntRange

_LARGEST = 64  # values of a field that is looked at
_Found = Sequence[tuple[Instance, Code]]
_Writers = list[tuple[Instance, Code]]


def counted(found: _Found, variables: Iterable[Variable]) -> list[str]:
    """Return what ends which step, such as "send until task0.sent is 2", in order."""
    ints = {
        v.index: v
        for v in variables
        if isinstance(v.domain, IntRange) and v.domain.size <= _LARGEST and not v.bookkeeping
    }
    writers: dict[int, _Writers] = defaultdict(list)
    for instance, code in found if ints else ():
        for index in ints.keys() & code.writes:
            writers[index].append((instance, code))
    computed = (ints[index] for index in sorted(writers) if _computes(writers[index], index))
    return [line for v in computed for line in _ended(v, writers[v.index], found)]


def _computes(writers: _Writers, index: int) -> bool:
    """Say whether some code writes to a variable what it computes, a sum perhaps."""
    for _, code in writers:
        for end in (b.end for b in code.blocks if isinstance(b.end, Emit)):
            operand = end.writes.get(index)
            if isinstance(operand, str) and code.made[operand].op != "load":
                return True
    return False


def _ended(variable: Variable, writers: _Writers, found: _Found) -> list[str]:
    """Return the steps that raise a variable and that a value of it ends for good."""
    values = _reached(variable, [code for _, code in writers])
    lines = []
    for step, binding in dict.fromkeys((i.step, i.binding) for i, _ in writers):
        parts = [code for i, code in found if (i.step, i.binding) == (step, binding)]
        stops = [any(_stopped(part, variable, value) for part in parts) for value in values]
        if True in stops[1:] and all(stops[stops.index(True) :]) and not stops[0]:
            shown = variable.domain.decode(values[stops.index(True)])
            lines.append(f"{step.name} until {variable} is {shown}")
    return lines


def _reached(variable: Variable, writers: Sequence[Code]) -> list[int]:
    """Return the values that a variable may get, in order; none where some step may lower it."""
    met, reached = [variable.initial], {variable.initial}
    for value in met:
        for code in writers:
            for writes in ends(code, {variable.index: value})[1]:
                written = writes.get(variable.index, value)
                if not isinstance(written, int) or written < value:
                    return []
                met += [written] if written not in reached else []
                reached.add(written)
    return sorted(reached)


def _stopped(code: Code, variable: Variable, value: int) -> bool:
    """Say whether a section cannot happen when a variable has a value."""
    return ends(code, {variable.index: value}) == (False, [])
