"""Random models with Shared fields, by seed: threads that migrate, barriers, LOCKs, events."""

from __future__ import annotations

import random

HEAD = """\
from __future__ import annotations

from enum import Enum
from typing import Annotated

from vmlitmus.lang import *

SOURCE = Assumption("random", "a random model")


class Word(Enum):
    A = "a"
    B = "b"
    C = "c"


class Cpu(Entity, runs_on="self"):
    mark: Shared[bool] = False


class Thread(Entity, runs_on="cpu"):
    cpu: Cpu | None = None
    flag: Shared[bool] = False
    seen: bool = False
    left: Annotated[int, Between(0, 2)] = 2


class Memory(Entity):
    x: Shared[bool] = False
    word: Shared[Word] = Word.A
    count: Shared[Annotated[int, Between(-1, 2)]] = 0
    who: Shared[Thread | None] = None
    group: Shared[Set[Thread]]
    ghost: bool = False


def other(w: World, thread: Thread) -> Thread:
    return w.all(Thread)[1] if thread is w.all(Thread)[0] else w.all(Thread)[0]


def setup(make: Setup, settings: Settings) -> None:
    cpus = [make(Cpu), make(Cpu)]
    make(Thread, cpu=cpus[0])
    make(Thread, cpu=cpus[1])
    make(Memory)

"""
TAIL = """

MODEL = Model(
    name="random",
    doc="a random model",
    entities=(Cpu, Thread, Memory),
    steps=({steps}),
    conditions=({conditions}),
    setup=setup,
    settings={{"machine": {{"kind": choice("one", default="one")}}}},
)
"""
LOADS = (
    "m.x",
    "m.word == Word.B",
    "m.count > 0",
    "m.who is thread",
    "m.who is not None",
    "thread in m.group",
    "len(m.group) == 2",
    "thread.flag",
    "other(w, thread).flag",
    "any(t.flag for t in w.all(Thread))",
    "w.all(Cpu)[0].mark",
    "thread.cpu is not None and thread.cpu.mark",
)
STORES = (
    "m.x = {bit}",
    "m.word = {word}",
    "m.count = {number}",
    "m.who = {who}",
    "thread.flag = {bit}",
    "other(w, thread).flag = {bit}",
    "w.all(Cpu)[1].mark = {bit}",
)
UPDATES = (
    "m.group.add(thread)",
    "m.group.discard(other(w, thread))",
    "m.x = not m.x",
    "m.count = 1 if m.count == 0 else 0",
)
EVENTS = ("INTERRUPT", "CONTEXT_SWITCH", "VM_ENTRY", "X2APIC_WRITE")
CPUS = ("", "w.all(Cpu)[0]", "thread.cpu", "other(w, thread).cpu", "other(w, thread)")
OBSERVED = (
    "w.all(Thread)[0].seen",
    "w.all(Thread)[1].seen",
    "w.the(Memory).ghost",
    "w.all(Thread)[0].left == 0",
    "w.all(Thread)[1].idle",
)
OBSERVED_IN_MEMORY = (
    "w.the(Memory).x",
    "w.all(Thread)[0].flag",
    "w.the(Memory).who is None",
    "len(w.the(Memory).group) == 1",
    "w.all(Cpu)[1].mark",
)


class _Writer:
    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)

    def pick(self, texts: tuple[str, ...]) -> str:
        rng = self.rng
        return rng.choice(texts).format(
            bit=rng.choice(("True", "False")),
            word=rng.choice(("Word.A", "Word.B", "Word.C")),
            number=rng.choice(("-1", "0", "1", "2")),
            who=rng.choice(("None", "thread", "other(w, thread)")),
        )

    def section(self) -> list[str]:
        """Return a section with one access to Shared fields, or a few together."""
        kind = self.rng.random()
        if kind < 0.3:
            return [self.pick(STORES)]
        if kind < 0.55:
            return [f"thread.seen = {self.pick(LOADS)}"]
        if kind < 0.62:
            return ['with w.locked("LOCK"):', f"    {self.pick(UPDATES)}"]
        if kind < 0.66:
            on = self.rng.choice(("thread.seen", 'w.part("lock")'))
            return [f'with w.locked("LOCK", {on}):', f"    {self.pick(UPDATES)}"]
        if kind < 0.72:
            both = [f"    {self.pick(texts)}" for texts in (UPDATES, STORES)]
            return ['with w.unobserved("why"):', *both]
        if kind < 0.76:
            return [
                'with w.unobserved("why"):',
                f"    {self.pick(STORES)}",
                f"    thread.seen = {self.pick(LOADS)}",
            ]
        if kind < 0.8:
            return [f"w.barrier({self.rng.choice(CPUS)})"]
        if kind < 0.84:
            cpu = self.rng.choice(CPUS)
            return [f"w.happens(CpuEvent.{self.rng.choice(EVENTS)}{', ' + cpu if cpu else ''})"]
        if kind < 0.9:
            return [f"m.ghost = {self.rng.choice(('True', 'False', 'thread.seen'))}"]
        if kind < 0.95:
            cpu = self.rng.choice(("w.all(Cpu)[0]", "w.all(Cpu)[1]"))
            then = [self.pick(STORES)] if self.rng.random() < 0.4 else []
            return [f"thread.cpu = {cpu}", *then]
        arms = [f"    {self.pick(STORES)}", "else:", f"    {self.pick(STORES)}"]
        return ["if thread.seen:", *arms[: self.rng.choice((1, 3))]]

    def sequence(self, number: int) -> list[str]:
        lines = [
            "@sequence(source=SOURCE)",
            f"def goes{number}(w: World, thread: Thread) -> Sections:",
            "    m = w.the(Memory)",
            "    when(thread.left > 0 and thread.cpu is not None)",
            "    thread.left = thread.left - 1",
        ]
        if self.rng.random() < 0.4:
            lines.insert(4, f"    when(thread is w.all(Thread)[{number % 2}])")
        for place in range(self.rng.randint(2, 4)):
            lines += [f"    {line}" for line in self.section()]
            lines.append(f'    yield "{{thread}} is at {number}.{place}"')
        return [*lines, ""]

    def others(self) -> list[str]:
        """Return steps of nobody in particular: a page walk, a scheduler."""
        lines = []
        if self.rng.random() < 0.4:
            lines += [
                '@step("the device looks at {thread}", source=SOURCE, hardware=True)',
                "def walks(w: World, thread: Thread) -> None:",
                "    m = w.the(Memory)",
                f"    when({self.pick(LOADS)} and not m.ghost)",
                f"    {self.pick(STORES)}" if self.rng.random() < 0.5 else "    m.ghost = True",
                "",
            ]
        if self.rng.random() < 0.4:
            lines += [
                '@step("{thread} is put", source=SOURCE)',
                "def is_put(w: World, thread: Thread) -> None:",
                "    when(thread.idle and thread.cpu is not None)",
                "    thread.cpu = None",
                "",
                '@step("{thread} is loaded on {cpu}", source=SOURCE)',
                "def is_loaded(w: World, thread: Thread, cpu: Cpu) -> None:",
                "    when(thread.cpu is None)",
                "    when(not any(t.cpu is cpu for t in w.all(Thread)))",
                "    thread.cpu = cpu",
                "",
            ]
        if self.rng.random() < 0.3:
            lines += [
                '@step("{cpu} takes an interrupt", source=SOURCE)',
                "def interrupt(w: World, cpu: Cpu) -> None:",
                "    when(w.the(Memory).ghost)",
                "    w.happens(CpuEvent.INTERRUPT)",
                f"    cpu.mark = {self.rng.choice(('True', 'False'))}",
                "",
            ]
        return lines

    def text(self) -> str:
        lines: list[str] = []
        for number in range(self.rng.choice((1, 2, 2))):
            lines += self.sequence(number)
        lines += self.others()
        names = [line.split("(")[0][4:] for line in lines if line.startswith("def ")]
        seen = [*OBSERVED, *(c for c in OBSERVED_IN_MEMORY if self.rng.random() < 0.15)]
        for number, body in enumerate(seen):
            lines += [
                f'@condition("c{number}", "condition {number}", source=SOURCE)',
                f"def c{number}(w: World) -> bool:",
                f"    return {body}",
                "",
            ]
        conditions = "".join(f"c{number}, " for number in range(len(seen)))
        steps = "".join(f"{name}, " for name in names)
        return HEAD + "\n".join(lines) + TAIL.format(steps=steps, conditions=conditions)


def random_text(seed: int) -> str:
    """Return the text of a model."""
    return _Writer(seed).text()
