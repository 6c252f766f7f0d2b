"""One key of a litmus file, and the shapes of values that several keys share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any

from vmlitmus.frozen import Frozen

Shape = Mapping[str, Any]  # a JSON schema
TEXT: Shape = {"type": "string", "pattern": "\\S"}
TEXTS: Shape = {"type": "array", "items": {"type": "string"}}
FLAG: Shape = {"type": "boolean"}
QUANTITY: Shape = {"type": ["string", "number"]}
TABLE: Shape = {"type": "object"}
ROWS: Shape = {"type": "array", "items": {"type": "object"}}


class Key(Frozen):
    """One key: the table it stands in (empty for the top), its type in words, and what it means.

    ``default`` is what holds where the key is left out; ``required`` keys have none, and those that
    are ``required_with`` another key only where that one is given. ``shape`` is the value as a JSON
    schema.
    """

    table: str
    name: str
    type: str
    meaning: str
    example: str
    shape: Shape = field(default_factory=dict)
    default: str = ""
    required: bool = False
    required_with: str = ""

    @property
    def need(self) -> str:
        """Say when a file must have the key; empty for a key that may be left out."""
        if self.required_with:
            return f"required with {self.required_with}"
        return "required" if self.required else ""
