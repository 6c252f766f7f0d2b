"""A test as text for another model checker, which gives a second opinion on its verdict.

A machine's lowered code (``compiler.ir``) becomes formulas (``formulas``), these a system of
guarded commands with readable names (``guarded``), and that the text of a language.
"""

from __future__ import annotations

from vmlitmus.compiler import Machine
from vmlitmus.export.guarded import system_of
from vmlitmus.export.murphi import murphi
from vmlitmus.export.promela import promela
from vmlitmus.lang import Claim

LANGUAGES = {"promela": promela, "murphi": murphi}

__all__ = ["LANGUAGES", "exported"]


def exported(machine: Machine, claim: Claim, title: list[str], language: str) -> str:
    """Return a machine and its claim in a language; raises UsageError where that cannot be."""
    return LANGUAGES[language](system_of(machine, claim, title))
