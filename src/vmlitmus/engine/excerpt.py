"""The source text that a step runs: whole functions, with the lines of one section marked."""

from __future__ import annotations

import ast
import os
import sys
from functools import cache
from pathlib import Path

from vmlitmus.compiler import Instance
from vmlitmus.lang.syntax.trees import shown_path
from vmlitmus.outcome import Excerpt

_PACKAGE = Path(__file__).parent.parent
_LONGEST = 60  # lines of one function that are shown


def excerpts(instance: Instance, name: str) -> tuple[Excerpt, ...]:
    """Return the functions that a step runs: its own, and those that its section goes through.

    ``name`` is the id of the step. Empty where there is no source text.
    """
    code = instance.step.function.__code__
    own = (code.co_filename, code.co_firstlineno)
    marked: dict[str, set[int]] = {}
    if instance.program is not None:
        marked = _lines(instance)
    functions: dict[tuple[str, int], Excerpt | None] = {}
    if instance.program is None or own[1] in {
        _first_line(own[0], n) for n in marked.get(own[0], ())
    }:
        functions[own] = _excerpt(*own, marked)
    for path, lines in marked.items():
        for line in sorted(lines):
            first = _first_line(path, line)
            if first is not None and (path, first) not in functions:
                functions[path, first] = _excerpt(path, first, marked)
    return tuple(found for found in functions.values() if found is not None)


def _lines(instance: Instance) -> dict[str, set[int]]:
    """Return the lines of a section's code, by the path of their file."""
    assert instance.program is not None
    section = instance.program.sections[instance.start].framed.syntax
    places = instance.program.done.expanded.lines
    paths, found = model_files(), dict[str, set[int]]()
    for node in ast.walk(section):
        number = getattr(node, "lineno", 0)
        if number == 1 and instance.start:
            continue  # what has no line of its own is given the first
        path, _, line = (places[number] if number < len(places) else "").rpartition(":")
        if path in paths and line.isdigit():
            found.setdefault(paths[path], set()).add(int(line))
    return found


def model_files() -> dict[str, str]:
    """Return the files of all models that are loaded, by the path that messages show."""
    modules = [m for n, m in sys.modules.items() if n.startswith(("vmlitmus", "vmlitmus_user_"))]
    files = [file for module in modules if (file := getattr(module, "__file__", None))]
    return {shown_path(file): file for file in files}


@cache
def _functions(path: str) -> list[tuple[int, int]]:
    """Return the first and the last line of each function of a file, decorators included."""
    try:
        tree = ast.parse(Path(path).read_text(encoding="utf-8"))
    except (OSError, SyntaxError, ValueError):
        return []
    return [
        (min([n.lineno, *(d.lineno for d in n.decorator_list)]), n.end_lineno or n.lineno)
        for n in ast.walk(tree)
        if isinstance(n, ast.FunctionDef)
    ]


def _first_line(path: str, line: int) -> int | None:
    around = [first for first, last in _functions(path) if first <= line <= last]
    return max(around, default=None)


def _excerpt(path: str, first: int, marked: dict[str, set[int]]) -> Excerpt | None:
    last = dict(_functions(path)).get(first)
    if last is None:
        return None
    text = Path(path).read_text(encoding="utf-8").splitlines()[first - 1 : last]
    lines = tuple(text[:_LONGEST])
    inside = sorted(n for n in marked.get(path, ()) if first <= n < first + len(lines))
    return Excerpt(_shown(path), first, lines, tuple(inside))


def _shown(path: str) -> str:
    """Return the path inside the package; of a file of the user, its name."""
    try:
        return f"vmlitmus/{Path(path).relative_to(_PACKAGE)}"
    except ValueError:
        return os.path.basename(path)
