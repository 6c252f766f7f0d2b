"""What a search has found: states in a log, a table to find them again, their parents and levels.

The kernel's context (``kernels.context.FIELDS``) says where each of these is; a region of
memory holds it:

LOG       the states, in the order in which they were found; also the queue
TABLE     the keys of all states, to say whether one was met before
CHILDREN  the log's length before the first child of each family of states, for parents
LEVELS    where each level of the log ends
OWNERS    the search that each state belongs to, where several are done as one
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache
from mmap import PAGESIZE
from typing import Any

from vmlitmus.engine.limits import Limits, Stopped
from vmlitmus.engine.native.jit import Kernel, Native
from vmlitmus.engine.native.kernels import breadth_first, context, remainders
from vmlitmus.engine.native.kernels.language import compile_kernel
from vmlitmus.engine.native.storage import key_table
from vmlitmus.engine.native.storage.key_table import KeyTable
from vmlitmus.engine.native.storage.log_file import LogFile
from vmlitmus.engine.native.storage.memory import Region
from vmlitmus.engine.native.storage.remainder_table import LINE_KEYS, Plan, RemainderTable
from vmlitmus.errors import EnginesDisagree

_BATCH = 512  # successors collected before they are inserted
_TOGETHER = 16  # of these, at least, lines are prefetched together
_PIECE = 64  # of these, whose lines fit the nearest cache, are inserted together
_FAMILY = 16  # states in a row whose children are noted together
_AHEAD = 32  # states that are expanded before one that is prefetched
_LATELY = 1 << 14  # successors remembered for a while; their keys fit a core's own cache
_MOST_STATES = (1 << 32) - 2  # states are 32-bit indexes
_GROWING = (
    *("TABLE", "LINES_AT", "LOG", "CHILDREN", "OWNERS", "LEVELS"),
    "ASLEEP",
)
_NO_PARENT = 0xFFFFFFFF  # the parent of an initial state
_FIELD = {name: index for index, name in enumerate(context.FIELDS)}
_Pass = Callable[..., int]
Passes = tuple[tuple[_Pass, ...], tuple[_Pass, ...]]  # what Python calls, and what these call


@dataclass(frozen=True)
class NativeModel:
    """A machine as LLVM IR: ``expand`` and ``conditions`` on packed states.

    ``i64 expand(ptr state, ptr out, ptr coverage)`` writes the successors, ``words`` 64-bit words
    each, in canonical order, adds one to the counter of each step that fires, and returns how many
    there are, or -(1 + i) when instance i fails. ``i64 conditions(ptr state, ptr more)`` has bit b
    set where condition b is true; those after the first 63, ``further`` in number, are noted in the
    bits behind ``more``. ``fanout`` bounds the successors of one state. No word uses its bit 63.
    Where it is ``named``, ``expand`` writes the instance that leads to each successor, 64 bits
    each, behind the counters and ``fanout`` + 2 words more.
    Where it is ``symmetric``, ``i64 canonical(ptr state)`` puts the state that stands for the orbit
    of a state in its place, and returns how many states there are in the orbit.

    ``lasting`` returns another text for a search that lasts, or None. Its ``expand`` leaves out
    successors by instances that sleep (``asleep``). Behind the counters stand the instances that
    sleep in the state, a bit each; it writes next how many steps fired, and then, 64 bits each,
    which instances sleep in each successor.
    """

    ir: str
    words: int
    bits: int
    fanout: int
    counters: int
    initial: tuple[int, ...]
    further: int = 0
    named: bool = False
    symmetric: bool = False
    lasting: Callable[[], str | None] | None = field(default=None, compare=False, repr=False)

    @property
    def names_at(self) -> int:
        """At which word behind the first counter ``expand`` writes the instances."""
        return self.counters + self.fanout + 2

    @property
    def counting(self) -> int:
        """Bytes that ``expand`` needs for its counters, and for what it writes behind them."""
        return 8 * (self.names_at + (self.fanout if self.named else 0))


class StateStore:
    """The memory of one breadth-first search, and the code that works on it.

    ``PASSES`` are the functions of the kernel that it calls.

    ``effort`` is how well the code is compiled, 0 or 2. ``graph`` says whether it is asked
    afterwards which states lead where.
    Where the log goes to a file and a state has one word, the table keeps remainders of keys,
    unless states are looked up afterwards by whole ones.
    Closing it gives the memory back.
    """

    PASSES: Passes = (tuple(breadth_first.EXPORTED), ())

    def __init__(
        self,
        model: NativeModel,
        stop_on: int,
        starts: Sequence[tuple[int, ...]],
        limits: Limits,
        effort: int,
        graph: bool,
    ) -> None:
        self.model = model
        self.lasting = model.lasting
        self.limits = limits
        self.keys = 1 if model.words == 1 else 2
        self.largest = _BATCH + model.fanout
        self.regions: dict[str, Region] = {}
        self.ctx = Region(8 * len(context.FIELDS))
        brief = limits.spill is not None and model.words == 1
        brief = brief and not (graph or starts)
        width = next((width for width in key_table.SHORT if model.bits <= width), 0)
        self.table = KeyTable(self, model.words, 0 if model.words > 1 or brief else width)
        self.remainders = RemainderTable(self, self.table, model.bits) if brief else None
        self._compile(effort)
        self._allocate(stop_on, starts)
        self._begin(starts or [model.initial])

    def close(self) -> None:
        """Give the memory back."""
        for region in (*self.regions.values(), self.ctx):
            region.close()
        self.regions = {}

    def _compile(self, effort: int) -> None:
        """Compile the machine and the kernel; the search can go on where it is."""
        self.effort = effort
        ir = self.lasting() if self.lasting is not None and effort else None
        self.sleeping = ir is not None
        before, self.table.short = self.table.short, self.table.width > 0 and effort > 0
        brief = self.remainders is not None
        self.constants = kernel_constants(self.model, self.table, brief, self.sleeping)
        self.kernel = _kernel(tuple(self.constants.items()), effort, self.PASSES)
        self.machine = _machine(ir or self.model.ir, effort)
        self._set("EXPAND", self.machine.address("expand"))
        self._set("CONDITIONS", self.machine.address("conditions"))
        if self.model.symmetric:
            self._set("CANONICAL", self.machine.address("canonical"))
        if self.regions:
            self._widen(self._get("TAIL") + self.largest)
            if self.table.short and not before:
                self._shorten()

    def _shorten(self) -> None:
        """Put all states into a table of short slots: their keys are others there."""
        self.regions.pop("TABLE").close()
        self.regions["LATELY"].clear()
        self.table.slots = 0
        self._grow(self._get("TAIL"))
        self.kernel["enter_log"](self.ctx.address, 0, self._get("TAIL"))

    def _allocate(self, stop_on: int, starts: Sequence[tuple[int, ...]]) -> None:
        words, keys = self.model.words, self.keys
        self._region("BATCH", 8 * words * self.largest)
        self._region("FROM", 4 * self.largest)
        self._region("KEYS_AT", 8 * keys * self.largest)
        self._region("PICKED", 4 * self.largest)
        self._region("LATELY", 8 * keys * _LATELY)
        if self.lasting is not None:
            self._region("MASKS", 8 * self.largest)
        self.regions["ASIDE"] = Region(8 * keys * 2 * key_table.LOW)
        self._region("COVERAGE", self.model.counting)
        self._set("COUNTERS", self.model.counters)
        if self.model.symmetric:
            self._region("APART", self.model.counting)
            self._region("SPARE", 8 * max(words, keys))
        self._region("LOG", 0)
        self._region("CHILDREN", 0)
        self._region("LEVELS", 0)
        self.room = 0
        self.starts = len(starts)
        self._region("HITS", 8 * max(self.starts, 1))
        self._region("MORE", 8 * (self.model.further // 64 + 1))
        self._set("STOP_ON", stop_on)
        self._set("LARGEST", self.largest)
        self._grow(2 * self.largest)

    def _begin(self, starts: Sequence[tuple[int, ...]]) -> None:
        """Insert the initial states."""
        for first in range(0, len(starts), _BATCH):
            some = starts[first : first + _BATCH]
            for index, word in enumerate(word for start in some for word in start):
                self.regions["BATCH"].set_word(index, word)
            self._grow(self._get("TAIL") + len(some))
            self.kernel["begin"](self.ctx.address, len(some))
        self.initials = self._get("TAIL")

    def region(self, name: str, size: int) -> Region:
        """Make or grow a region, and tell the kernel where it is."""
        if name in self.regions:
            self.regions[name].grow(size)
        elif name == "LOG" and self.limits.spill is not None:
            self.regions[name] = LogFile(self.limits.spill, size)
        else:
            self.regions[name] = Region(size, growing=name in _GROWING)
        self.put(name, self.regions[name].address)
        return self.regions[name]

    def put(self, name: str, value: int) -> None:
        """Set a field of the context."""
        self.ctx.set_word(_FIELD[name], value)

    def get(self, name: str) -> int:
        """Return a field of the context."""
        return self.ctx.words(_FIELD[name], 1)[0]

    _set, _get, _region = put, get, region

    @property
    def allocated(self) -> int:
        """Bytes of memory allocated for states, their families and the table."""
        without = ("LEVELS",) if self.limits.spill is None else ("LEVELS", "LOG")
        names = [name for name in _GROWING if name in self.regions and name not in without]
        return sum(self.regions[name].size for name in names)

    def _grow(self, states: int) -> None:
        """Make room for so many states, and for a batch more; raises Stopped."""
        states += self.largest
        if states > _MOST_STATES:
            raise Stopped("memory")
        plan = self._plan(states)
        room = min(plan.room, max(states, int(self.room * 1.02) + 2048))
        self._check_memory(plan, room)
        try:
            if self.remainders is not None:
                self.remainders.grow(plan)
            else:
                self.table.grow(plan.slots)
            self._region("LOG", 8 * self.model.words * room)
            self._region("CHILDREN", 4 * (room // _FAMILY + 1))
            self._region("LEVELS", 4 * room)  # few of them are ever touched
            if self.starts:
                self._region("OWNERS", 4 * room)
            self._widen(states)
        except OSError:
            raise Stopped("memory") from None
        self.room = room
        self._set("ROOM", room)

    def _widen(self, states: int) -> None:
        """Make room in the ring for what sleeps in the states that wait when there are so many."""
        size, before = self._ring(states), self._get("RING")
        if self.sleeping and size > 8 * (before + 1):
            self._region("ASLEEP", size)
            self._set("RING", size // 8 - 1)
            if before:
                self.kernel["widen"](self.ctx.address, before)

    def _ring(self, states: int) -> int:
        """Return how many bytes that ring has when there are so many states."""
        return 8 << max(states - self._get("HEAD"), _BATCH).bit_length()

    def _plan(self, states: int) -> Plan:
        """Return how large the table is to be for so many states."""
        if self.remainders is not None:
            return self.remainders.plan(states)
        slots = self.table.enough(states)
        return Plan(self.table.capacity(slots), self.table.size(slots), slots)

    def leave(self) -> None:
        """Give to the file, where the log is in one, what is not to be used soon."""
        log = self.regions["LOG"]
        if isinstance(log, LogFile):
            state = 8 * self.model.words
            log.leave(state * self.get("HEAD"), state * self.get("TAIL"))

    def make_room(self, states: int) -> None:
        """Make room for so many states more, and for a batch; raises Stopped("memory")."""
        wanted = self.get("TAIL") + states
        if wanted + self.largest > self.get("ROOM"):
            self._grow(wanted)
        self._widen(wanted + self.largest)

    def _check_memory(self, plan: Plan, room: int) -> None:
        families = max(4 * (room // _FAMILY + 1), PAGESIZE)
        states = 0 if self.limits.spill is not None else 8 * self.model.words
        states += 4 if self.starts else 0
        needed = plan.size + states * room + families
        if self.sleeping:
            needed += self._ring(self._get("TAIL") + self.largest)
        if self.limits.memory is not None and needed > self.limits.memory:
            raise Stopped("memory")

    def spread(self, slots: int, used: Region) -> bool:
        """Spread the keys of the table over more slots; say whether that was possible.

        ``used`` has room for how many slots of each line are full, a byte each, all zero.
        """
        before, aside = self.table.slots, self.regions["ASIDE"].address
        ratio = (before << 64) // slots
        table = self.regions["TABLE"].address
        return bool(self.kernel["spread"](table, before, slots, ratio, aside, used.address))

    def state(self, index: int) -> tuple[int, ...]:
        """Return the words of a state."""
        words = self.model.words
        return self.regions["LOG"].words(index * words, words)

    def path(self, index: int) -> list[tuple[int, ...]]:
        """Return the states from the initial one to this one."""
        found = [self.state(index)]
        while index >= self.initials:
            index = self.parent(index)
            found.append(self.state(index))
        return found[::-1]

    def parent(self, index: int) -> int:
        """Return the state from which another was reached first: one of its family leads there."""
        family = self._family(index)
        wanted = self.state(index)
        for parent in range(family * _FAMILY, min((family + 1) * _FAMILY, index)):
            if wanted in self._successors(parent):
                return parent
        raise EnginesDisagree("no state leads to one that was reached")

    def _family(self, index: int) -> int:
        """Return the last family whose first child is not behind a state."""
        children = self.regions["CHILDREN"]
        low, high = 0, self._get("NOTED")
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if children.word32(middle) > index else (middle, high)
        return low

    def _successors(self, index: int) -> list[tuple[int, ...]]:
        """Expand a state again, without counting."""
        return self._expanded(self.regions["LOG"].address + 8 * self.model.words * index)

    def _expanded(self, at: int) -> list[tuple[int, ...]]:
        """Return the successors of the state at an address."""
        words, out = self.model.words, self.regions["BATCH"]
        count = self.machine.function("expand", 3)(at, out.address, self.uncounted)
        return [out.words(words * k, words) for k in range(count)]

    @property
    def uncounted(self) -> int:
        """The address of counters for a state that is expanded again; nothing sleeps in it."""
        if "UNCOUNTED" not in self.regions:
            self.regions["UNCOUNTED"] = Region(self.model.counting)
        return self.regions["UNCOUNTED"].address


@lru_cache(maxsize=2)
def _machine(ir: str, effort: int) -> Native:
    """Return a machine's functions, compiled once for searches that follow one another."""
    return Native(ir, effort)


def kernel_constants(
    model: NativeModel, table: KeyTable, brief: bool = False, sleeping: bool = False
) -> dict[str, int]:
    """Return the constants of the kernels for the states of a model, which a table finds again.

    ``brief`` says whether another table keeps remainders of keys in a search whose states are in a
    file, and ``sleeping`` whether ``expand`` leaves out what sleeps.
    """
    words = model.words
    return {
        **_FIELD,
        "WORDS": words,
        "KEYS": min(words, 2),
        "MOST": _BATCH,
        "TOGETHER": _TOGETHER,
        "PIECE": _PIECE,
        "AHEAD": _AHEAD,
        "MEMORY": _LATELY,
        "LINE_KEYS": LINE_KEYS,
        "BRIEF": int(brief),
        **table.constants(),
        **({"BITS": model.bits} if brief else {}),
        "FAMILY": _FAMILY,
        "NO_PARENT": _NO_PARENT,
        "SYMMETRIC": int(model.symmetric),
        "SLEEPING": int(sleeping),
        **{
            name: getattr(breadth_first, name)
            for name in ("GROW", "FAILED", "DONE", "FOUND", "PAUSE", "CROWDED")
        },
    }


@cache
def _kernel(given: tuple[tuple[str, int], ...], effort: int, passes: Passes) -> dict[str, Any]:
    """Return the kernel's functions for some constants, compiled once."""
    constants = dict(given)
    exported = list(passes[0])
    internal = [*breadth_first.INTERNAL, *passes[1]]
    if constants["BRIEF"]:
        instead = {f.__name__: f for f in remainders.INSTEAD}
        internal = [instead.get(f.__name__, f) for f in internal] + remainders.INTERNAL
        exported += remainders.EXPORTED
    names = frozenset(f.__name__ for f in exported)
    native = Kernel(compile_kernel(internal + exported, constants, names), effort)
    return {f.__name__: native.function(f.__name__, f.__code__.co_argcount) for f in exported}
