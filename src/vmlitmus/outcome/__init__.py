"""What was found, as plain data: of tests (``verdict``), hosts, recorded runs, growing bounds."""

from vmlitmus.outcome.verdict import (
    Ablated,
    Ablation,
    Cause,
    Excerpt,
    Outcome,
    Part,
    PartStatus,
    PublishedClaim,
    Result,
    Thread,
    TraceStep,
    Verdict,
    Word,
    as_json,
    exit_code,
    word_of,
)

__all__ = [
    "Ablated",
    "Ablation",
    "Cause",
    "Excerpt",
    "Outcome",
    "Part",
    "PartStatus",
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
