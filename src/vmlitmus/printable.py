"""Text that a terminal only prints: control characters in it are shown, never obeyed."""

from __future__ import annotations

import re

# C0 but for tab and line feed, DEL, C1, line and paragraph separators, what changes the direction
# of text, and halves of surrogate pairs, which no output can encode.
_CONTROL = re.compile(
    "[\0-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)


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
