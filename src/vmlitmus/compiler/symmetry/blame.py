"""Which line of a model makes entities differ: where the code asks for their numbers."""

from __future__ import annotations

import ast
import types

from vmlitmus.compiler.machine.machine import Machine
from vmlitmus.compiler.machine.scan import Scan
from vmlitmus.lang.syntax.trees import function_syntax, place


def blamed_line(machine: Machine, function: types.FunctionType) -> str:
    """Return "file:line" of the first number of an entity that some code asks for.

    Where it asks for none, the line is that of the function itself.
    """
    scan = Scan(machine.entities, machine.world.mechanisms.values())
    scan.function(function)
    for one in (function, *(f for f in scan.functions if f is not function)):
        for node in ast.walk(function_syntax(one)):
            if isinstance(node, ast.Attribute) and node.attr == "index":
                return place(one, node)
    return place(function)
