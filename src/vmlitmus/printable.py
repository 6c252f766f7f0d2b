"""Text that a terminal only prints: control characters in it are shown, never obeyed."""

from __future__ import annotations

import re
from unicodedata import normalize

# C0 but for tab and line feed, DEL, C1, line and paragraph separators, what changes the direction
# of text, and halves of surrogate pairs, which no output can encode.
_CONTROL = re.compile(
    "[\0-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)
# What has no letter of ASCII in it, but one that stands for it.
_LIKE = dict(
    zip(
        "\u0142\u0141\u00f8\u00d8\u0111\u0110\u0131\u00df\u2018\u2019\u201c\u201d\u2010\u2013\u2014\u2212",
        "lLoOdDis''\"\"----",
        strict=True,
    )
)


def ascii_only(text: str) -> str:
    """Return as many characters of printable ASCII: no accents, else a question mark."""
    return "".join(map(_plain, text))


def _plain(letter: str) -> str:
    base = _LIKE.get(letter) or normalize("NFKD", letter)[0]
    return base if base.isascii() and base.isprintable() else "?"


def control_in(text: str) -> str | None:
    """Return the first control character of a text, escaped; None where there is none."""
    found = _CONTROL.search(text)
    return _escaped(found) if found else None


def printable(text: str) -> str:
    r"""Return the text with each control character as an escape such as ``\x1b``."""
    return _CONTROL.sub(_escaped, text)


def _escaped(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
