"""Which entities of a machine are interchangeable, proved from its lowered code.

``structure`` proposes, ``proof`` decides with the diagrams of ``effect``, ``group`` puts together.
"""

from vmlitmus.compiler.symmetry.action import Action
from vmlitmus.compiler.symmetry.group import Factor, Symmetry, symmetry

__all__ = ["Action", "Factor", "Symmetry", "symmetry"]
