"""A run as a Perfetto trace, for ui.perfetto.dev: a track for each lane, a slice for each step.

Time is the order of steps only: each step takes one microsecond. Causes are flow arrows. The wire
format is that of Trace, TracePacket, TrackDescriptor and TrackEvent of the Perfetto protocol.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence

from vmlitmus.outcome import Outcome, TraceStep
from vmlitmus.report.timeline import column

_STEP = 1000  # ns
_BEGIN, _END = 1, 2
_ROOT = 1  # the uuid of the track that holds all lanes


def perfetto(outcome: Outcome) -> bytes:
    """Return the trace of an outcome's run; one without slices where there is no run."""
    steps = (outcome.result.trace or ()) if outcome.result is not None else ()
    lanes = list(dict.fromkeys(column(step) for step in steps))
    packets = [_packet(60, _track(_ROOT, None, outcome.name), first=True)]
    packets += [_packet(60, _track(_ROOT + 1 + n, _ROOT, lane)) for n, lane in enumerate(lanes)]
    flows = _flows(steps)
    for number, step in enumerate(steps):
        track = _ROOT + 1 + lanes.index(column(step))
        begin = _number(9, _BEGIN) + _number(11, track) + _bytes(23, step.label)
        begin += b"".join(_fixed(47, flow) for flow, (cause, _) in flows if cause == number)
        begin += b"".join(_fixed(48, flow) for flow, (_, step_) in flows if step_ == number)
        begin += b"".join(_bytes(4, _bytes(10, n) + _bytes(6, t)) for n, t in _notes(step))
        packets.append(_packet(11, begin, time=number * _STEP))
        packets.append(_packet(11, _number(9, _END) + _number(11, track), (number + 1) * _STEP))
    return b"".join(_bytes(1, packet) for packet in packets)


def _flows(steps: Sequence[TraceStep]) -> list[tuple[int, tuple[int, int]]]:
    """Return the arrows, numbered from 1: from which step to which."""
    pairs = ((cause.step, number) for number, step in enumerate(steps) for cause in step.causes)
    return list(enumerate(dict.fromkeys(pairs), 1))


def _notes(step: TraceStep) -> Iterable[tuple[str, str]]:
    yield "step", f"{step.step}({','.join(step.binding)})"
    for name, (before, after) in step.changes.items():
        yield name, f"{before} -> {after}"
    yield "source", step.source


def _packet(field: int, body: bytes, time: int | None = None, *, first: bool = False) -> bytes:
    """Return a TracePacket; the first of a sequence says that no state goes before it."""
    found = _bytes(field, body) + _number(10, 1)
    found += _number(13, 1) if first else b""
    return found + (_number(8, time) if time is not None else b"")


def _track(uuid: int, parent: int | None, name: str) -> bytes:
    return _number(1, uuid) + (_number(5, parent) if parent else b"") + _bytes(2, name)


def _varint(value: int) -> bytes:
    found = bytearray()
    while value > 127:
        found.append(value & 127 | 128)
        value >>= 7
    found.append(value)
    return bytes(found)


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _fixed(field: int, value: int) -> bytes:
    return _varint(field << 3 | 1) + struct.pack("<Q", value)


def _bytes(field: int, value: bytes | str) -> bytes:
    data = value.encode("utf-8", "replace") if isinstance(value, str) else value
    return _varint(field << 3 | 2) + _varint(len(data)) + data
