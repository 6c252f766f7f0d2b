"""Text in columns, the heads underlined."""

from __future__ import annotations

from collections.abc import Sequence

Lines = Sequence[Sequence[str]]


def widths(lines: Lines) -> list[int]:
    """Return how wide each column has to be, in characters."""
    return [max(map(len, column)) for column in zip(*lines, strict=True)]


def aligned(heads: Lines, body: Lines, gap: int = 2) -> list[str]:
    """Return the lines of a table, with ``gap`` blanks between two columns."""
    wide = widths([*heads, *body])
    return [
        (" " * gap).join(c.ljust(w) for c, w in zip(line, wide, strict=True)).rstrip()
        for line in [*heads, ["-" * w for w in wide], *body]
    ]
