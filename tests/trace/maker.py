"""Makes recordings of given events: trace.dat of both versions and byte orders, and text."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import zstandard

from vmlitmus.trace import Event, Kind

PAGE = 4096
WORD = (1 << 64) - 1
STATES = '{ 0x1, "S" }, { 0x2, "D" }, { 0x10, "X" }, { 0x20, "Z" }'
MASK = "__data_loc cpumask_t[]"
LAYOUTS = {
    "sched_switch": (
        Kind.SWITCH,
        [
            *("char prev_comm[16]", "pid_t prev_pid", "int prev_prio", "long prev_state"),
            *("char next_comm[16]", "pid_t next_pid", "int next_prio"),
        ],
    ),
    "kvm_entry": (Kind.ENTRY, ["unsigned int vcpu_id", "unsigned long rip"]),
    "kvm_exit": (
        Kind.EXIT,
        ["unsigned int exit_reason", "unsigned long guest_rip", "u32 isa", "unsigned int vcpu_id"],
    ),
    "sched_process_fork": (
        Kind.FORK,
        ["char parent_comm[16]", "pid_t parent_pid", "char child_comm[16]", "pid_t child_pid"],
    ),
    "sched_migrate_task": (
        Kind.MIGRATE,
        ["char comm[16]", "pid_t pid", "int prio", "int orig_cpu", "int dest_cpu"],
    ),
    "sched_wakeup": (
        Kind.WAKEUP,
        ["char comm[16]", "pid_t pid", "int prio", "int target_cpu"],
    ),
    "cpu_idle": (Kind.CPU_IDLE, ["u32 state", "u32 cpu_id"]),
    "ipi_send_cpu": (Kind.IPI_SEND, ["unsigned int cpu"]),
    "ipi_send_cpumask": (Kind.IPI_MASK, [f"{MASK} cpumask"]),
    "split_lock": (Kind.SPLIT_LOCK, ["unsigned int ip"]),
}
IDS = {name: 300 + n for n, name in enumerate(LAYOUTS)}
NAMES = {kind: name for name, (kind, _) in LAYOUTS.items()}
SIZES = {"char": 1, "pid_t": 4, "int": 4, "unsigned int": 4, "u32": 4, "u64": 8, MASK: 4}
LEFT = {0: 1, 1: 0, 2: 0x10}  # how a task left: its prev_state


def event(time: int, cpu: int, kind: Kind, task: int, a: int, b: int = -1, c: int = -1) -> Event:
    return Event(time, kind, 0, cpu, task, a, b, c)


@dataclass
class Shape:
    """What kind of file to make. ``lost`` marks pages (cpu, number) before which events are lost:
    how many, or None where that is not stored.
    """

    version: int = 6
    big: bool = False
    long_size: int = 8
    compression: str = "none"
    page: int = PAGE
    chunk_pages: int = 3
    clock: str = "mono"
    events_on_a_page: int = 40
    absolute: bool = True  # some events have the time itself, not a step
    lost: dict[tuple[int, int], int | None] = field(default_factory=dict)
    scale: tuple[int, int, int] | None = None  # of ticks to ns: multiplier, shift, offset

    @property
    def order(self) -> str:
        return ">" if self.big else "<"


def fields(shape: Shape, name: str) -> list[tuple[str, str, int, int, int]]:
    """Return type, name, offset, size and number of elements, laid out as a compiler would."""
    at, found = 8, []
    for declared in LAYOUTS[name][1]:
        kind, _, word = declared.rpartition(" ")
        word, _, count = word.partition("[")
        each = shape.long_size if kind.endswith("long") else SIZES[kind]
        number = int(count.rstrip("]")) if count else 1
        at = -(-at // each) * each
        found.append((kind, word, at, each * number, number))
        at += each * number
    return found


def format_text(shape: Shape, name: str) -> bytes:
    lines = [f"name: {name}", f"ID: {IDS[name]}", "format:"]
    common = ["unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;"]
    common += ["unsigned char common_flags;\toffset:2;\tsize:1;\tsigned:0;"]
    common += ["unsigned char common_preempt_count;\toffset:3;\tsize:1;\tsigned:0;"]
    common += ["int common_pid;\toffset:4;\tsize:4;\tsigned:1;"]
    lines += [f"\tfield:{line}" for line in common] + [""]
    for kind, word, at, size, number in fields(shape, name):
        array = f"[{number}]" if number > 1 else ""
        signed = int(kind in ("pid_t", "int", "long", "char"))
        lines.append(f"\tfield:{kind} {word}{array};\toffset:{at};\tsize:{size};\tsigned:{signed};")
    return ("\n".join(lines) + f'\n\nprint fmt: "%s", __print_flags(x, "|", {STATES})\n').encode()


def payload(shape: Shape, e: Event, comm: bytes) -> bytes:
    name = NAMES[Kind(e.kind)]
    values = {
        Kind.SWITCH: {"prev_pid": e.a, "next_pid": e.b, "prev_state": LEFT.get(e.c, 0)},
        Kind.ENTRY: {"vcpu_id": e.a},
        Kind.EXIT: {"vcpu_id": e.a, "exit_reason": e.b, "isa": e.c},
        Kind.FORK: {"parent_pid": e.a, "child_pid": e.b},
        Kind.MIGRATE: {"pid": e.a, "orig_cpu": e.b, "dest_cpu": e.c},
        Kind.WAKEUP: {"pid": e.a, "target_cpu": e.b},
        Kind.CPU_IDLE: {"state": e.a, "cpu_id": e.b},
        Kind.IPI_SEND: {"cpu": e.a},
        Kind.IPI_MASK: {"cpumask": 16 << 16 | 12},
        Kind.SPLIT_LOCK: {"ip": e.a},
    }[Kind(e.kind)]
    laid = fields(shape, name)
    data = bytearray(max(at + size for _, _, at, size, _ in laid))
    struct.pack_into(f"{shape.order}HBBi", data, 0, IDS[name], 0, 0, e.task)
    for kind, word, at, size, number in laid:
        if number > 1:
            data[at : at + size] = comm.ljust(size, b"\0")[:size]
        else:
            code = (
                {4: "i", 8: "q"}[size].upper() if kind.startswith("u") else {4: "i", 8: "q"}[size]
            )
            mask = (1 << 8 * size) - 1 if kind.startswith("u") else -1
            struct.pack_into(shape.order + code, data, at, values.get(word, 0) & mask)
    if e.kind == Kind.IPI_MASK:
        data += mask_of_longs(shape, e.b & WORD | (e.c & WORD) << 64)
    return bytes(data) + b"\0" * (-len(data) % 4)


def mask_of_longs(shape: Shape, mask: int, size: int = 16) -> bytes:
    """Return a mask of cpus as the kernel keeps it: the first long has the lowest bits."""
    each = shape.long_size
    order: Literal["little", "big"] = "big" if shape.big else "little"
    longs = (mask >> 8 * at & (1 << 8 * each) - 1 for at in range(0, size, each))
    return b"".join(word.to_bytes(each, order) for word in longs)


def head(shape: Shape, kind: int, delta: int) -> bytes:
    word = kind << 27 | delta if shape.big else delta << 5 | kind
    return struct.pack(f"{shape.order}I", word)


def page(shape: Shape, stamp: int, data: bytes, flags: int = 0, count: int | None = None) -> bytes:
    code = "Q" if shape.long_size == 8 else "I"
    word = len(data) | flags | (1 << 30 if count is not None else 0)
    made = struct.pack(f"{shape.order}Q{code}", stamp, word) + data
    if count is not None:
        made += struct.pack(shape.order + code, count)
    assert len(made) <= shape.page
    return made.ljust(shape.page, b"\0")


def ring_event(shape: Shape, data: bytes, delta: int, *, absolute: int | None = None) -> bytes:
    words = len(data) // 4
    made = b""
    if absolute is not None:
        made += head(shape, 31, absolute & 0x7FFFFFF) + struct.pack(
            f"{shape.order}I", absolute >> 27 & 0xFFFFFFFF
        )
        delta = 0
    elif delta >= 1 << 27:
        made += head(shape, 30, delta & 0x7FFFFFF) + struct.pack(f"{shape.order}I", delta >> 27)
        delta = 0
    if words <= 28:
        return made + head(shape, words, delta) + data
    return made + head(shape, 0, delta) + struct.pack(f"{shape.order}I", len(data) + 4) + data


def pages(shape: Shape, cpu: int, events: Sequence[Event], comm: bytes) -> list[bytes]:
    made = []
    for number, first in enumerate(range(0, len(events), shape.events_on_a_page)):
        some = events[first : first + shape.events_on_a_page]
        stamp, data = some[0].time, b""
        now = stamp
        for n, e in enumerate(some):
            absolute = e.time if shape.absolute and n % 7 == 6 else None
            data += ring_event(shape, payload(shape, e, comm), e.time - now, absolute=absolute)
            if (
                n % 5 == 4
            ):  # an event that was discarded: padding that is skipped, and takes no time
                data += head(shape, 29, 0x0) if n == len(some) - 1 else b""
            now = e.time
        flags, count = 0, None
        if (cpu, number) in shape.lost:
            flags, count = 1 << 31, shape.lost[cpu, number]
        made.append(page(shape, stamp, data, flags, count))
    return made


def make_dat(events: Sequence[Event], cpus: int, shape: Shape, comm: bytes = b"CPU 0/KVM") -> bytes:
    """Return a trace.dat file of the events."""
    by_cpu = [pages(shape, c, [e for e in events if e.cpu == c], comm) for c in range(cpus)]
    return (_make_6 if shape.version == 6 else _make_7)(shape, by_cpu)


def _number(shape: Shape, code: str, *values: int) -> bytes:
    return struct.pack(shape.order + code, *values)


def _header_info(shape: Shape) -> bytes:
    size = shape.long_size
    text = "\tfield: u64 timestamp;\toffset:0;\tsize:8;\tsigned:0;\n"
    text += f"\tfield: local_t commit;\toffset:8;\tsize:{size};\tsigned:1;\n"
    text += f"\tfield: char data;\toffset:{8 + size};\tsize:{shape.page - 8 - size};\tsigned:0;\n"
    made = b"header_page\0" + _number(shape, "Q", len(text)) + text.encode()
    return made + b"header_event\0" + _number(shape, "Q", 3) + b"-\n\n"


def _formats(shape: Shape) -> bytes:
    texts = [format_text(shape, name) for name in LAYOUTS]
    made = _number(shape, "I", 1) + b"any\0" + _number(shape, "I", len(texts))
    return made + b"".join(_number(shape, "Q", len(t)) + t for t in texts)


def _start(shape: Shape) -> bytes:
    made = b"\x17\x08\x44tracing" + str(shape.version).encode() + b"\0"
    return made + bytes([shape.big, shape.long_size]) + _number(shape, "I", shape.page)


def _cmdlines(shape: Shape) -> bytes:
    return _number(shape, "Q", 7) + b"7 seven"


def _make_6(shape: Shape, by_cpu: list[list[bytes]]) -> bytes:
    made = _start(shape) + _header_info(shape) + _number(shape, "I", 0) + _formats(shape)
    made += _number(shape, "I", 0) + _number(shape, "I", 0) + _cmdlines(shape)
    made += _number(shape, "I", len(by_cpu)) + b"options  \0"
    clock = f"local [{shape.clock}]".encode()
    made += _number(shape, "H", 4) + _number(shape, "I", len(clock)) + clock + _scale(shape)
    made += _number(shape, "H", 0) + b"flyrecord\0"
    at = -(-(len(made) + 16 * len(by_cpu)) // shape.page) * shape.page
    table, data = b"", b""
    for some in by_cpu:
        whole = b"".join(some)
        table += _number(shape, "QQ", at + len(data), len(whole))
        data += whole
    return (made + table).ljust(at, b"\0") + data


def _scale(shape: Shape) -> bytes:
    if shape.scale is None:
        return b""
    return _number(shape, "H", 14) + _number(shape, "I", 16) + _number(shape, "IIQ", *shape.scale)


def _packed(shape: Shape, data: bytes) -> bytes:
    if shape.compression == "zlib":
        return zlib.compress(data)
    return zstandard.ZstdCompressor().compress(data)


def _section(shape: Shape, number: int, data: bytes) -> bytes:
    packed = shape.compression != "none" and number != 0
    made = _number(shape, "HH", number, int(packed)) + _number(shape, "I", 0)
    if packed:
        small = _packed(shape, data)
        data = _number(shape, "II", len(small), len(data)) + small
    return made + _number(shape, "Q", len(data)) + data


def _cpu_data(shape: Shape, some: list[bytes]) -> tuple[bytes, int]:
    """Return a cpu's data and the size that the file says it has."""
    if shape.compression == "none" or not some:
        return b"".join(some), shape.page * len(some)
    chunks = [some[n : n + shape.chunk_pages] for n in range(0, len(some), shape.chunk_pages)]
    data = _number(shape, "I", len(chunks))
    for chunk in chunks:
        whole = b"".join(chunk)
        small = _packed(shape, whole)
        data += _number(shape, "II", len(small), len(whole)) + small
    return data, len(data) - 4


def _make_7(shape: Shape, by_cpu: list[list[bytes]]) -> bytes:
    made = _start(shape) + shape.compression.encode() + b"\0" + b"1\0"
    made += _number(shape, "Q", len(made) + 8)
    info = {16: _header_info(shape), 18: _formats(shape), 21: _cmdlines(shape)}
    data = [_cpu_data(shape, some) for some in by_cpu]

    def options(places: dict[int, int], first: int) -> bytes:
        text = b""
        for number, at in places.items():
            text += _number(shape, "H", number) + _number(shape, "I", 8) + _number(shape, "Q", at)
        buffer = _number(shape, "Q", 0) + b"\0" + shape.clock.encode() + b"\0"
        buffer += _number(shape, "II", shape.page, len(by_cpu))
        at = first
        for cpu, (bytes_, size) in enumerate(data):
            buffer += _number(shape, "I", cpu) + _number(shape, "QQ", at, size)
            at += -(-len(bytes_) // shape.page) * shape.page
        text += _number(shape, "H", 3) + _number(shape, "I", len(buffer)) + buffer
        text += _number(shape, "H", 8) + _number(shape, "II", 4, len(by_cpu)) + _scale(shape)
        return text + _number(shape, "H", 0) + _number(shape, "I", 8) + _number(shape, "Q", 0)

    size = len(_section(shape, 0, options(dict.fromkeys(info, 0), 0)))
    places, at, sections = {}, len(made) + size, b""
    for number, text in info.items():
        places[number] = at + len(sections)
        sections += _section(shape, number, text)
    first = -(-(at + len(sections)) // shape.page) * shape.page
    made += _section(shape, 0, options(places, first)) + sections
    made = made.ljust(first, b"\0")
    for bytes_, _ in data:
        made += bytes_ + b"\0" * (-len(bytes_) % shape.page)
    return made


def make_text(events: Sequence[Event], *, perf: bool = False, comm: str = "CPU 0/KVM") -> bytes:
    """Return the events as the kernel prints them, or perf script."""
    lines = (
        [] if perf else ["# tracer: nop", "#", "# entries-in-buffer/entries-written: 9/9   #P:4"]
    )
    for e in events:
        name = NAMES[Kind(e.kind)]
        time = f"{e.time // 10**9}.{e.time % 10**9:09d}"
        if perf:
            lines.append(
                f"{comm:>16} {e.task:5d} [{e.cpu:03d}] {time}: sys:{name}: {_printed(e, comm)}"
            )
        else:
            lines.append(
                f"{comm:>16}-{e.task:<7d} [{e.cpu:03d}] d..2. {time}: {name}: {_printed(e, comm)}"
            )
    return ("\n".join(lines) + "\n").encode("utf-8", "surrogateescape")


def _printed(e: Event, comm: str) -> str:
    state = {0: "S", 1: "R+", 2: "X"}.get(e.c, "S")
    return {
        Kind.SWITCH: f"prev_comm={comm} prev_pid={e.a} prev_prio=120 prev_state={state} ==> "
        f"next_comm={comm} next_pid={e.b} next_prio=120",
        Kind.ENTRY: f"vcpu {e.a}, rip 0x1000",
        Kind.EXIT: f"vcpu {e.a} reason {'hlt' if e.b == 0x78 else 'interrupt'} rip 0x1 info1 0x0",
        Kind.FORK: f"comm={comm} pid={e.a} child_comm={comm} child_pid={e.b}",
        Kind.MIGRATE: f"comm={comm} pid={e.a} prio=120 orig_cpu={e.b} dest_cpu={e.c}",
        Kind.WAKEUP: f"comm={comm} pid={e.a} prio=120 target_cpu={e.b:03d}",
        Kind.CPU_IDLE: f"state={e.a} cpu_id={e.b}",
        Kind.IPI_SEND: f"cpu={e.a} callsite=try_to_wake_up+0x1f2/0x620 callback=0x0",
        Kind.IPI_MASK: f"cpumask={printed_mask(e.b & WORD | (e.c & WORD) << 64)} callsite=0x1",
        Kind.SPLIT_LOCK: f"(handle_guest_split_lock+0x0/0x90) ip={e.a}",
    }[Kind(e.kind)]


def printed_mask(mask: int, groups: int = 4) -> str:
    """Return a mask of cpus as "%*pb" prints it."""
    return ",".join(f"{mask >> 32 * n & 0xFFFFFFFF:08x}" for n in reversed(range(groups)))
