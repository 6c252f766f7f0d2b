"""Event formats, as the kernel describes them in ``events/SYSTEM/EVENT/format``.

Source: kernel/trace/trace_events.c, f_show(), Linux 6.12.107.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from vmlitmus.trace.tracepoints.tables import Row

_FIELD = re.compile(rb"\tfield:([^;]*);\toffset:(\d{1,9});\tsize:(\d{1,9});(?:\tsigned:([01]);)?")
_NAME = re.compile(rb"(\w+)(?:\[[^\]]*\])*$")
_STATE = re.compile(rb'\{\s*(0x[0-9a-fA-F]{1,16}|0|[1-9]\d{0,17})\s*,\s*"(\w)"\s*\}')


@dataclass(frozen=True)
class Field:
    """A field of an event: ``offset`` and ``size`` in bytes; ``dynamic`` means __data_loc."""

    offset: int
    size: int
    signed: bool
    dynamic: bool


@dataclass(frozen=True)
class Format:
    """What the kernel says of one event."""

    name: str
    number: int
    fields: dict[str, Field]
    states: dict[str, int]  # letters of prev_state and their bits


def parse_fields(text: bytes) -> dict[str, Field]:
    """Return the fields that a format text (or header_page) lists."""
    fields = {}
    for kind, offset, size, signed in _FIELD.findall(text):
        name = _NAME.search(kind.strip())
        if name is None or int(offset) > 0xFFFF or int(size) > 0xFFFF:
            continue
        fields[name[1].decode()] = Field(
            int(offset), int(size), signed == b"1", kind.startswith(b"__data_loc")
        )
    return fields


def parse_format(text: bytes) -> Format | None:
    """Return an event's format, or None where the text is not one."""
    name = re.search(rb"^name: (\w+)$", text, re.MULTILINE)
    number = re.search(rb"^ID: (\d{1,9})$", text, re.MULTILINE)
    if name is None or number is None or int(number[1]) > 0xFFFF:
        return None
    printed = text.partition(b"print fmt:")[2]
    states = {letter.decode(): int(bits, 0) for bits, letter in _STATE.findall(printed)}
    return Format(name[1].decode(), int(number[1]), parse_fields(text), states)


def row_words(event: Format, row: Row) -> list[int]:
    """Return a row of the decoder's table: how to read the numbers of one event."""
    fields = event.fields
    specs = [_spec(fields.get(name)) for name in row.fields]
    specs += [0] * (3 - len(specs))
    comm, tid = (fields.get(name) for name in row.comm or ("", ""))
    named = comm is not None and tid is not None
    used = [fields[name] for name in row.fields if name in fields]
    used += [f for f in (comm, tid) if f is not None and named]
    size = max((f.offset + (4 if f.dynamic else f.size) for f in used), default=8)
    known = event.states or {"S": 1, "D": 2}
    states = 0
    for bits in known.values():
        states |= bits
    return [
        int(row.kind),
        size,
        *specs,
        _comm(comm) if named else 0,
        _spec(tid) if named else 0,
        known.get("X", 0x10) | known.get("Z", 0x20),
        states,
    ]


def _spec(field: Field | None) -> int:
    if field is None or field.size not in (1, 2, 4, 8):
        return 0
    return 1 << 32 | int(field.signed) << 24 | field.size << 16 | field.offset


def _comm(field: Field | None) -> int:
    if field is None or (not field.dynamic and field.size > 255):
        return 0
    size = 0 if field.dynamic else field.size
    return 1 << 32 | int(field.dynamic) << 24 | size << 16 | field.offset
