"""From an author's functions to a machine that an engine can run.

A model goes through four rooms, in this order; each knows only the ones before it:

- ``sections``: a sequence's syntax tree, sub-sequences inlined, cut at its yields into sections.
- ``ir``: the typed intermediate form, and what folds constants into it.
- ``lowering``: a step's or a section's syntax tree, interpreted once, becomes intermediate form.
- ``machine``: every step and section for every binding of its parameters; what no run can reach or
  change is taken out.

``build`` goes through them for one scenario. Takes a ``Model`` and settings; returns a ``Machine``.
"""

from vmlitmus.compiler.build import build, scanned
from vmlitmus.compiler.machine.machine import Instance, Machine, State, Variable

__all__ = ["Instance", "Machine", "State", "Variable", "build", "scanned"]
