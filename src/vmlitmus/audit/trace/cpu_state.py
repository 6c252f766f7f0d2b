"""What is known of the cpus of a core at one moment of a run: task, guest mode, interrupts."""

from __future__ import annotations

from collections import deque

from vmlitmus.audit.trace.interval import Measure, Possible
from vmlitmus.audit.trace.roster import Party

OUT, IN, UNKNOWN = 0, 1, 2  # of guest mode
CONTEXT = 8  # last events of a cpu kept for a witness


class Cpu:
    """The state of one cpu; ``since`` and ``entered`` are when its task came and entered."""

    __slots__ = (
        "core",
        "entered",
        "events",
        "guest",
        "irqs",
        "kicked",
        "number",
        "pairs",
        "seen",
        "since",
        "task",
        "waiting",
        "why",
    )

    def __init__(self, number: int) -> None:
        self.number = number
        self.task: int | None = None
        self.guest = UNKNOWN
        self.irqs = 0
        self.seen = -1
        self.since = -1
        self.entered = -1
        self.kicked = -1
        self.why = "before its first event"
        self.pairs: list[Pair] = []
        self.core: Core | None = None
        self.waiting: dict[int, int] = {}
        self.events: deque[tuple[int, ...]] = deque(maxlen=CONTEXT)


class Core:
    """A core: its cpus, how long all of them were known, the last events."""

    def __init__(self, cpus: list[Cpu]) -> None:
        self.cpus = cpus
        self.known = 0
        self.known_since = -1
        self.possible = Possible()
        self.offline: set[int] = set()


class Pair:
    """Two cpus of a core, and what is open between them: key, start, cpu that began it."""

    __slots__ = ("a", "b", "beside", "core", "guest", "idle", "possible", "tasks")

    def __init__(self, core: Core, a: Cpu, b: Cpu) -> None:
        self.core = core
        self.a = a
        self.b = b
        self.tasks: tuple[tuple[int, int], int, int, Party, Party] | None = None
        self.guest: tuple[tuple[int, int], int, int] | None = None
        self.beside: tuple[tuple[Measure, int, int], int, int] | None = None
        self.idle: tuple[tuple[int, int], int, int] | None = None
        self.possible = -1
