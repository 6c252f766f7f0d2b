"""Which ``when`` of a step is false in a state: its text, and the function that asks it."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

from vmlitmus.compiler import Instance
from vmlitmus.engine.excerpt import model_files
from vmlitmus.lang import NotEnabled


def false_guard(error: NotEnabled, instance: Instance) -> str:
    """Return the ``when`` that was false; "" where its source text cannot be read.

    Sections of a sequence are code of their own, whose line numbers index the places of its source.
    """
    trace, frames = error.__traceback__, []
    while trace is not None:
        frames.append((trace.tb_frame.f_code, trace.tb_lineno))
        trace = trace.tb_next
    code, line = next((f for f in reversed(frames) if f[0].co_name != "when"), (None, 0))
    if code is None:
        return ""
    path = code.co_filename
    if path.startswith("<sections of") and instance.program is not None:
        shown, _, number = instance.program.done.expanded.lines[line].rpartition(":")
        path, line = model_files().get(shown, shown), int(number)
    for first, last, function, text in _statements(path):
        if first <= line <= last:
            return f"{text} is false, in {function}()"
    return ""


@cache
def _statements(path: str) -> list[tuple[int, int, str, str]]:
    """Return the simple statements of a file: lines, the function around, the text."""
    try:
        tree = ast.parse(Path(path).read_text(encoding="utf-8"))
    except (OSError, SyntaxError, ValueError):
        return []
    found = []
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef):
            for node in ast.walk(function):
                if isinstance(node, ast.Expr):
                    last = node.end_lineno or node.lineno
                    found.append((node.lineno, last, function.name, ast.unparse(node)))
    return found
