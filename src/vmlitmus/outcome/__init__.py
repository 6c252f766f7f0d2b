"""What was found, as plain data: of tests and parts, of hosts, recorded runs and growing bounds."""

import importlib
from typing import TYPE_CHECKING, Any

from vmlitmus.outcome.verdict import (
    Cause,
    Excerpt,
    MemoryOrder,
    Outcome,
    PassedStore,
    PublishedClaim,
    Result,
    Thread,
    TraceStep,
    Verdict,
    Word,
    exit_code,
    word_of,
)
from vmlitmus.outcome.verdict_json import as_json

if TYPE_CHECKING:
    from vmlitmus.outcome.ablation import Ablated, Ablation, Covered, Part, PartStatus

__all__ = [
    "Ablated",
    "Ablation",
    "Cause",
    "Covered",
    "Excerpt",
    "MemoryOrder",
    "Outcome",
    "Part",
    "PartStatus",
    "PassedStore",
    "PublishedClaim",
    "Result",
    "Thread",
    "TraceStep",
    "Verdict",
    "Word",
    "as_json",
    "exit_code",
    "word_of",
]


def __getattr__(name: str) -> Any:
    """Import what was found of parts when it is asked for."""
    if name in ("Ablated", "Ablation", "Covered", "Part", "PartStatus"):
        return getattr(importlib.import_module("vmlitmus.outcome.ablation"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
