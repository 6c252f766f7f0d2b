"""Recorded events as a kernel would print them: a row in, a line out."""

from __future__ import annotations

from vmlitmus.trace.events import Kind
from vmlitmus.trace.recording import Recording

Row = tuple[int, ...]  # time, kind, type, cpu, task, a, b, c


def in_words(row: Row, recording: Recording) -> str:
    """Say an event as the kernel would, with the time in front."""
    time, kind, _, number, task, a, b, c = row
    head = f"{time / 1e9:.6f} s cpu {number}"

    def who(tid: int) -> str:
        return f"{recording.name(tid) or 'task'} ({tid})" if tid else "the idle task"

    if kind == Kind.SWITCH:
        how = {0: "sleeps", 1: "stays runnable", 2: "ends"}.get(c, "leaves")
        return f"{head} sched_switch: {who(a)} {how}, {who(b)} runs"
    if kind == Kind.ENTRY:
        return f"{head} kvm_entry: {who(task)}"
    if kind == Kind.EXIT:
        return f"{head} kvm_exit: {who(task)}"
    if kind == Kind.MIGRATE:
        return f"{head} sched_migrate_task: {who(a)} from cpu {b} to cpu {c}"
    return f"{head} sched_wakeup: {who(a)} on cpu {b}"
