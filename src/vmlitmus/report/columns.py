"""Text in columns, the heads underlined; cut to a width where one is given."""

from __future__ import annotations

import re
from collections.abc import Sequence

Lines = Sequence[Sequence[str]]
_PIECES = re.compile(r"\s+|[^\s+]*\+|[^\s+]+")  # a line may end after a blank or a "+"
_HYPHENS = re.compile(r"\s+|[^\s+-]*[+-]|[^\s+-]+")  # ... or after a "-"
_JOINTS = re.compile(r"\s+|[^\s+_-]*[+_-]|[^\s+_-]+")  # ... or after a "_"
_LETTERS = re.compile(r"\s+|\S")  # ... or anywhere
_WAYS = ((_PIECES, _PIECES), (_HYPHENS, _PIECES), (_JOINTS, _JOINTS), (_LETTERS, _LETTERS))
_KEPT = 16  # characters of a text in the body that is not cut


def widths(lines: Lines) -> list[int]:
    """Return how wide each column has to be, in characters."""
    return [max(map(len, column)) for column in zip(*lines, strict=True)]


def aligned(heads: Lines, body: Lines, gap: int = 2) -> list[str]:
    """Return the lines of a table, with ``gap`` blanks between two columns."""
    wide = widths([*heads, *body])
    return [*_rows(heads, wide, gap), ruler(wide, gap), *_rows(body, wide, gap)]


def ruler(wide: Sequence[int], gap: int = 2) -> str:
    """Return the line below the heads."""
    return (" " * gap).join("-" * w for w in wide)


def fitted(
    heads: Lines, body: Lines, room: int, gap: int = 2, *, anywhere: bool = False
) -> list[int] | None:
    """Return column widths with which a table takes at most ``room`` characters.

    None if none will do. Texts may be cut at blanks and after "+"; if that is not enough, heads
    also after "-". With ``anywhere`` all texts may then be cut after "-" and "_", and at last at
    any letter. Texts of a few characters in the body are never cut.
    """
    for head_pieces, pieces in _WAYS if anywhere else _WAYS[:2]:
        wide = widths([*heads, *body])
        least = [
            max(_longest(column_heads, head_pieces), _longest(column, pieces), _short(column))
            for column_heads, column in zip(_columns(heads), _columns(body), strict=True)
        ]
        while sum(wide) + gap * (len(wide) - 1) > room:
            slack = [w if w > m else 0 for w, m in zip(wide, least, strict=True)]
            if not any(slack):
                break
            wide[slack.index(max(slack))] -= 1
        else:
            return wide
    return None


def _columns(lines: Lines) -> list[tuple[str, ...]]:
    return list(zip(*lines, strict=True))


def _longest(texts: Sequence[str], pieces: re.Pattern[str]) -> int:
    return max(
        (len(p) for text in texts for p in pieces.findall(text) if not p.isspace()), default=0
    )


def _short(texts: Sequence[str]) -> int:
    return max((len(text) for text in texts if len(text) <= _KEPT), default=0)


def cut(line: Sequence[str], wide: Sequence[int], *, bottom: bool = False) -> list[list[str]]:
    """Return one line of a table as several, each text cut to its column's width."""
    parts = [_cut(text, width) for text, width in zip(line, wide, strict=True)]
    most = max(map(len, parts))
    filled = [[""] * (most - len(p)) + p if bottom else p + [""] * (most - len(p)) for p in parts]
    return [list(row) for row in zip(*filled, strict=True)]


def _cut(text: str, width: int) -> list[str]:
    ways = (_PIECES, _HYPHENS, _JOINTS)
    pieces = next((way for way in ways if _longest([text], way) <= width), _LETTERS)
    lines = [""]
    for piece in pieces.findall(text):
        if len(lines[-1] + piece.rstrip()) > width and lines[-1].strip():
            lines[-1] = lines[-1].rstrip()
            lines.append("")
        lines[-1] += "" if piece.isspace() and not lines[-1] else piece
    return [part.rstrip() for part in lines]


def _rows(lines: Lines, wide: Sequence[int], gap: int) -> list[str]:
    return [
        (" " * gap).join(text.ljust(w) for text, w in zip(line, wide, strict=True)).rstrip()
        for line in lines
    ]


def rows(lines: Lines, wide: Sequence[int], *, bottom: bool = False, gap: int = 2) -> list[str]:
    """Return lines of a table, each text cut to its column's width."""
    return [row for line in lines for row in _rows(cut(line, wide, bottom=bottom), wide, gap)]
