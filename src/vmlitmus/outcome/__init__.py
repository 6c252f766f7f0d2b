"""What was found, as plain data: of tests and parts, of hosts, recorded runs and growing bounds."""

from vmlitmus.outcome.ablation import Ablated, Ablation, Covered, Part, PartStatus
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
