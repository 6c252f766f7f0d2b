"""A command to copy: in lines of at most ``wide`` columns, which a shell reads as one."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence

from vmlitmus.report.timeline import WIDTH

_INDENT, _ON = "  ", " \\"
_AROUND = len(_INDENT) + len(_ON) + 1  # of a piece with its quotes


def command_lines(command: str, arguments: Sequence[str], wide: int = WIDTH) -> list[str]:
    """Return ``vmlitmus COMMAND ARGUMENT...`` as lines; all but the last end with a backslash.

    An argument that is longer than a line is cut behind commas and plus signs: its pieces, each in
    quotes and without a blank between them, are one word to a shell.
    """
    lines = [f"{_INDENT}vmlitmus {command}"]
    for number, argument in enumerate(arguments, 1):
        word = shlex.quote(argument)
        room = wide if number == len(arguments) else wide - len(_ON)
        if len(f"{lines[-1]} {word}") <= room:
            lines[-1] += f" {word}"
            continue
        lines[-1] += _ON
        lines += [_INDENT + word] if len(_INDENT + word) <= room else _in_pieces(argument, wide)
    return lines


def _in_pieces(argument: str, wide: int) -> list[str]:
    """Return the lines of an argument that takes several of them."""
    *first, last = (shlex.quote(piece) for piece in _pieces(argument, wide - _AROUND))
    lines = [*(piece + "\\" for piece in first), last]
    return [_INDENT + lines[0], *lines[1:]]


def _pieces(argument: str, longest: int) -> list[str]:
    """Return the parts of an argument, each with its quotes of at most ``longest`` columns."""
    found = [""]
    for part in re.findall(r"[^,+]*[,+]?", argument)[:-1]:
        if len(shlex.quote(found[-1] + part)) > longest:
            found.append("")
        for letter in part:
            if len(shlex.quote(found[-1] + letter)) > longest:
                found.append("")
            found[-1] += letter
    return [piece for piece in found if piece]
