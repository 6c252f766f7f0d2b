"""The readers' machine code: compiled when first used, once for each byte order."""

from __future__ import annotations

from functools import cache
from typing import Any

from vmlitmus.trace.decoders import lines, merging, ring
from vmlitmus.trace.events import NONE, WORDS, Kind, Loss

SLOTS = (
    "AT",
    "PAGE",
    "OUT",
    "COUNT",
    "TAKEN",
    "CPU",
    "TIME",
    "FIRST",
    "EVENTS",
    "LOST",
    "UNKNOWN",
    "BROKEN",
    "TYPES",
    "COUNTS",
    "NAMES",
    "WANTED",
    "TYPE_AT",
    "PID_AT",
    "HEAD_SIZE",
)
ROW = ("KIND", "SIZE", "A", "B", "C", "COMM", "TID", "DEAD", "STATES")
LINE_SLOTS = (
    "OUT",
    "COUNT",
    "ROOM",
    "TYPES",
    "COUNTS",
    "NAMES",
    "WANTED",
    "STRETCHES",
    "TYPE_TABLE",
    "WORDS_TABLE",
    "FRESH",
    "FRESH_COUNT",
    "NEXT_TYPE",
    "PERF",
    "CPU",
    "TASK",
    "PROCESS",
    "COMM_END",
    "TIME",
    "REST",
)
LINE_ROW = (
    "KIND",
    "A",
    "A_HOW",
    "B",
    "B_HOW",
    "C",
    "C_HOW",
    "SHORT",
    "NEXT",
    "PREV",
    "STATE",
    "PID",
    "ARROW",
)
MOST_CPUS = 4096
TYPE_SLOTS = 1 << 14  # of the table of event names, at most a quarter full
MOST_TYPES = TYPE_SLOTS // 4
WORD_SLOTS = 1 << 10
NAME_SLOTS = 0x8000
NAME_SIZE = 32  # bytes: tid + 1, name of 16 bytes, tgid


def _constants(slots: tuple[str, ...], row: tuple[str, ...]) -> dict[str, int]:
    shared = {name: n for n, name in enumerate(slots)}
    shared |= {f"ROW_{name}": n for n, name in enumerate(row)}
    return shared | {
        "MISSING": NONE,
        "WORDS_EACH": WORDS,
        "KIND_LOST": int(Kind.LOST),
        "KIND_EXIT": int(Kind.EXIT),
        "KIND_MASK": int(Kind.IPI_MASK),
        "KIND_UNPARSED": int(Kind.UNPARSED),
        "MOST_CPUS": MOST_CPUS,
        "MOST_TYPES": MOST_TYPES,
        "TYPES_MASK": TYPE_SLOTS - 1,
        "WORDS_MASK": WORD_SLOTS - 1,
        "KIND_SWITCH": int(Kind.SWITCH),
        "DAMAGED": int(Loss.DAMAGED),
        "OVERWRITTEN": int(Loss.OVERWRITTEN),
    }


def _native(parts: Any, given: dict[str, int]) -> Any:
    from vmlitmus.engine.native.jit import Native
    from vmlitmus.engine.native.kernels.language import compile_kernel

    functions = [*parts.INTERNAL, *parts.EXPORTED]
    exported = frozenset(f.__name__ for f in parts.EXPORTED)
    return Native(compile_kernel(functions, given, exported), effort=2)


@cache
def ring_decoder(*, swapped: bool, long_size: int, header: int) -> Any:
    """Return ``decode(context, pages, known)`` for a byte order and a page header in bytes."""
    given = _constants(SLOTS, ROW) | {"SWAP": int(swapped), "LONG": long_size, "HEADER": header}
    given |= {"PADDING": 29, "TIME_EXTEND": 30}  # enum ring_buffer_type; 31 is a time stamp
    return _native(ring, given).function("decode", 3)


@cache
def merger() -> tuple[Any, Any]:
    """Return ``order(streams, heap, size)`` and ``merge(streams, heap, size, out, room)``."""
    native = _native(merging, _constants(SLOTS, ROW))
    return native.function("order", 3), native.function("merge", 5)


@cache
def line_decoder() -> Any:
    """Return ``take(context, start, end)`` for lines of text."""
    return _native(lines, _constants(LINE_SLOTS, LINE_ROW)).function("take", 3)
