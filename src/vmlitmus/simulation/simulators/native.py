"""The compiled simulator: a machine, its rules and what is measured, as native code."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence
from functools import cache, lru_cache, partial
from typing import Any

from vmlitmus.compiler import Machine
from vmlitmus.compiler.collector import collector_paused
from vmlitmus.compiler.ir.nodes import Emit
from vmlitmus.engine.native.jit import Native
from vmlitmus.engine.native.kernels.language import compile_kernel
from vmlitmus.engine.native.storage.memory import Region
from vmlitmus.engine.reference.search import Stepper
from vmlitmus.errors import EnginesDisagree, ScenarioError
from vmlitmus.simulation.laws import distribution
from vmlitmus.simulation.laws.distribution import Law
from vmlitmus.simulation.laws.generator import TIES, UNIT, stream_of
from vmlitmus.simulation.laws.rules import Firing, Rules, actor_of
from vmlitmus.simulation.measures.tally import Counted, Plan
from vmlitmus.simulation.simulators import kernel_context as context
from vmlitmus.simulation.simulators import kernel_simulation as kernel
from vmlitmus.simulation.simulators.arrays import Arrays
from vmlitmus.simulation.simulators.guards import guard_of
from vmlitmus.simulation.simulators.reference import MOST_AT_ONCE, Event, no_time_passes
from vmlitmus.simulation.simulators.shapes import Shapes, Unpacked, dependents

_FIELD = {name: number for number, name in enumerate(context.FIELDS)}
_NEVER = (1 << 64) - 1
_SLICE = 1 << 14  # events between two looks at limits
_MEMORY = {"enabling": 0, "age": 1, "resampling": 2}
_KINDS = (
    "UNIFORM",
    "EXPONENTIAL",
    "ERLANG",
    "GAMMA",
    "LOGNORMAL",
    "QUANTILES",
    "CHOICE",
    "LATTICE",
)
_TIES = stream_of(TIES)
_CONTEXT = "context"
_KEPT = "WRITTEN"  # the first of the arrays that no run has to begin anew
_LOWEST = 1 << 20  # added to a priority, so that it is above 0


def bits(number: float) -> int:
    """Return the bits of a double."""
    found: int = struct.unpack("<Q", struct.pack("<d", number))[0]
    return found


class Laws:
    """The tables of laws and points, each law with its parts behind one another."""

    def __init__(self) -> None:
        self.rows: list[list[int]] = []
        self.points: list[int] = []
        self.known: dict[Law, int] = {}

    def add(self, law: Law) -> int:
        """Return the index of a law."""
        if law in self.known:
            return self.known[law]
        first = [self._row(part) for part in law.parts]
        place = len(self.rows)
        self.rows += first
        self.rows.append(self._row(law, place))
        self.known[law] = len(self.rows) - 1
        return self.known[law]

    def _row(self, law: Law, part: int = 0) -> list[int]:
        points = law.points or ([(0.0, 0.0)] if law.parts else [])
        row = [law.kind, bits(law.a), bits(law.b), bits(law.c), bits(law.plus)]
        row += [len(self.points) // 2, len(points), part]
        self.points += [bits(number) for point in points for number in point]
        return row


class Compiled:
    """The native code of one machine with its rules, for any number of runs.

    ``instances`` are in the order of the machine, ``conditions`` in that of the plan.
    """

    @collector_paused()
    def __init__(self, rules: Rules, plan: Plan) -> None:
        self.rules = rules
        self.plan = plan
        machine = rules.machine
        self.firings = _firings(machine)
        self.unpacked = Unpacked(machine)
        self.shapes = self._shapes(machine)
        self.readers = self._dependents(range(len(machine.instances)))
        self.watchers = self._dependents(plan.conditions)
        self.guards = [self._guard(index) for index in range(len(machine.instances))]
        self.laws = Laws()
        made = [rules.rule(firing) for firing in self.firings]
        self.law = [
            _NEVER if r.never else 0 if r.law is None else self.laws.add(r.law) + 1 for r in made
        ]
        self.rank = [rule.priority + _LOWEST for rule in made]
        self.weight = [bits(rule.weight if rule.law is None else 1.0) for rule in made]
        known = {id(rule): number for number, rule in enumerate(made)}
        self.row = [known[id(rule)] for rule in made]
        self.memory = [_MEMORY[rule.memory] for rule in made]
        self.stream = [rules.stream(instance) for instance in range(len(machine.instances))]
        self.actors = plan.actors
        self.actor = [self.actors[actor_of(machine.instances[i])] for i, _ in self.firings]
        self.occurs = [
            word
            for firing in self.firings
            for word in _words(plan.of(firing), len(plan.occurrences))
        ]
        self.machine_code = _machine_code(self.shapes.ir())
        self.table = Table(self.shapes, self.machine_code)
        self.call = _kernel()

    def _shapes(self, machine: Machine) -> Shapes:
        shapes = Shapes(machine, self.unpacked)
        number = {firing: n for n, firing in enumerate(self.firings)}
        for index in range(len(machine.instances)):
            shapes.add(machine.codes[index], partial(_number, number, index))
        for name in self.plan.conditions:
            shapes.add(machine.codes[name])
        return shapes

    def _guard(self, instance: int) -> tuple[int, int, int]:
        """Return a word of the state, a mask, and what that leaves where an instance is enabled."""
        found = guard_of(self.rules.machine.codes[instance])
        return (0, 0, 0) if found is None else (self.unpacked.first[found[0]], *found[1:])

    def _dependents(self, names: Iterable[int | str]) -> tuple[list[int], list[int]]:
        """Return who reads each word of the state: who reads the variable that begins there."""
        codes, first = self.rules.machine.codes, self.unpacked.first
        reads = ([first[variable] for variable in codes[name].reads] for name in names)
        return dependents(self.unpacked.count, reads)


class Table:
    """The rows of all shapes in memory: of each code the address of its function and of its row."""

    def __init__(self, shapes: Shapes, code: Native) -> None:
        made = list(shapes.made.values())
        tables = [shape.tables() for shape in made]
        rows = [row for table in tables for row in table]
        self.region = Region(8 * max(sum(map(len, rows)), 1))
        self.region.fill(word for row in rows for word in row)
        where: dict[str, list[int]] = {}
        at = self.region.address
        for shape, table in zip(made, tables, strict=True):
            where[shape.name] = [at + 8 * len(row) * n for n, row in enumerate(table)]
            at += 8 * sum(map(len, table))
        function = {shape.name: code.address(shape.name) for shape in made}
        self.function = [function[shape.name] for shape in shapes.shape]
        self.row = [where[shape.name][n] for shape, n in zip(shapes.shape, shapes.row, strict=True)]


@lru_cache(maxsize=4)
def _machine_code(ir: str) -> Native:
    """Return compiled code; cells that differ in their timing only share it."""
    return Native(ir, 2)


@cache
def _kernel() -> dict[str, Any]:
    """Return the kernel's functions, compiled once."""
    numbers = {"HALF": 0.5, "ONE": 1.0, "MINUS_ONE": -1.0, "MINUS_TWO": -2.0, "NINE": 9.0}
    constants = {
        **_FIELD,
        **{name: getattr(distribution, name) for name in _KINDS},
        **{n: getattr(kernel, n) for n in ("GO_ON", "DONE", "FAILED", "STANDS_STILL")},
        "NEVER": _NEVER,
        "NO_FAULT": _NEVER >> 1,
        "MOST_AT_ONCE": MOST_AT_ONCE,
        "UNIT": bits(UNIT),
        "TWO_PI": bits(distribution.TWO_PI),
        "THIRD": bits(1.0 / 3.0),
        **{name: bits(number) for name, number in numbers.items()},
    }
    exported = frozenset(f.__name__ for f in kernel.EXPORTED)
    code = Native(compile_kernel((*kernel.INTERNAL, *kernel.EXPORTED), constants, exported), 2)
    return {f.__name__: code.function(f.__name__, f.__code__.co_argcount) for f in kernel.EXPORTED}


class NativeSimulator:
    """One run of a compiled machine in time; owns its memory, and gives it back when closed."""

    def __init__(
        self, compiled: Compiled, seed: int, replication: int = 0, *, logged: bool = False
    ) -> None:
        self.compiled = compiled
        self.latencies: list[list[int]] = []
        self.arrays = self._allocate(logged)
        self.context = self.arrays.address(_CONTEXT)
        self._set("TIES", _TIES)
        self.arrays.fill("STATE", compiled.unpacked.pack(compiled.rules.machine.initial))
        self.fresh = self.arrays.image(before=_KEPT)
        self.begin(seed, replication)

    def begin(self, seed: int, replication: int) -> None:
        """Go back to the start, for another run."""
        self.latencies = [[] for _ in self.compiled.plan.latencies]
        self.arrays.restore(self.fresh)
        self._set("KEY", seed & _NEVER)
        self._set("REPLICATION", replication)
        if self.compiled.call["watch"](self.context) == kernel.FAILED:
            self._failed()

    def __enter__(self) -> NativeSimulator:
        return self

    def __exit__(self, *_: object) -> None:
        self.arrays.close()

    def _allocate(self, logged: bool) -> Arrays:
        """Return all arrays, those that each run begins anew before those that it keeps."""
        made, plan = self.compiled, self.compiled.plan
        table, count = made.table, len(made.stream)
        given: dict[str, Sequence[int]] = {
            "FUNCTION": table.function[:count],
            "ROW": table.row[:count],
            "CONDITION_FUNCTION": table.function[count:],
            "CONDITION_ROW": table.row[count:],
            "GUARD_WORD": [word for word, _, _ in made.guards],
            "GUARD_MASK": [mask for _, mask, _ in made.guards],
            "GUARD_VALUE": [value for _, _, value in made.guards],
            "READERS_BEGIN": made.readers[0],
            "READERS": made.readers[1],
            "WATCHERS_BEGIN": made.watchers[0],
            "WATCHERS": made.watchers[1],
            "LAW": made.law,
            "RANK": made.rank,
            "WEIGHT": made.weight,
            "RULE": made.row,
            "MEMORY": made.memory,
            "STREAM": made.stream,
            "OCCURS": made.occurs,
            "ACTOR": made.actor,
            "LAWS": [word for row in made.laws.rows for word in row],
            "POINTS": made.laws.points,
            "RISES": self._changes(true=True),
            "FALLS": self._changes(true=False),
            "FROM": [begin for begin, _, _ in plan.latencies],
            "TO": [end for _, end, _ in plan.latencies],
            "BY_ACTOR": [int(by) for _, _, by in plan.latencies],
        }
        by_instance = (
            "MARK", "CURRENT", "DRAWS", "BEGAN", "STARTED", "ENDS", "LEFT", "STOPPED",
        )  # fmt: skip
        arrays = Arrays(
            {
                _CONTEXT: len(context.FIELDS),
                "STATE": made.unpacked.count,
                **dict.fromkeys(by_instance, count),
                "ENABLED": _word_count(count),
                "BITS": _word_count(len(plan.conditions)),
                "FOUND": _word_count(len(plan.occurrences)),
                "SHARES": len(plan.conditions),
                "COUNTS": len(plan.occurrences),
                "FIRST": len(plan.occurrences),
                "PENDING": max(len(plan.latencies), 1) * len(made.actors),
                _KEPT: made.unpacked.count + 2,
                "TODO": count,
                **{name: len(words) for name, words in given.items()},
                "SAMPLES": 2 * (_SLICE + 2) * max(len(plan.latencies), 1),
                **({"LOG": 2 * (_SLICE + 1)} if logged else {}),
            }
        )
        for name, words in given.items():
            arrays.fill(name, words)
        numbers = {
            "INSTANCES": count,
            "ENABLED_WORDS": _word_count(count),
            "RESAMPLES": int(2 in made.memory),
            "BIT_WORDS": _word_count(len(plan.conditions)),
            "FOUND_WORDS": _word_count(len(plan.occurrences)),
            "CONDITIONS": len(plan.conditions),
            "LATENCIES": len(plan.latencies),
            "ACTORS": len(made.actors),
        }
        numbers |= {name: arrays.address(name) for name in arrays.first if name != _CONTEXT}
        for name, number in numbers.items():
            arrays.set_word(_CONTEXT, _FIELD[name], number)
        return arrays

    def _changes(self, *, true: bool) -> list[int]:
        plan = self.compiled.plan
        found = (plan.of_change(c, true) for c in range(len(plan.conditions)))
        return [word for each in found for word in _words(each, len(plan.occurrences))]

    def _set(self, name: str, value: int) -> None:
        self.arrays.set_word(_CONTEXT, _FIELD[name], value)

    def _get(self, name: str) -> int:
        return self.arrays.word(_CONTEXT, _FIELD[name])

    def advance(self, until: int) -> bool:
        """Simulate some events up to a time; say whether that time is reached."""
        self._set("UNTIL", until)
        outcome = self.compiled.call["simulate"](self.context, _SLICE)
        self._drain()
        if outcome == kernel.FAILED:
            self._failed()
        if outcome == kernel.STANDS_STILL:
            firing = self.compiled.firings[self._get("TAKEN")]
            raise ScenarioError(no_time_passes(self.compiled.rules, firing, self._get("NOW")))
        if outcome == kernel.DONE:
            self._pass_time(until)
        return bool(outcome == kernel.DONE)

    def _pass_time(self, time: int) -> None:
        """Let time go on in the state at hand, as ``Tally.pass_time``."""
        passed, watched = time - self._get("NOW"), len(self.compiled.plan.conditions)
        words = self.arrays.words("BITS", 0, _word_count(watched))
        true = sum(word << 64 * at for at, word in enumerate(words))
        shares = self.arrays.words("SHARES", 0, watched)
        now = (share + passed * (true >> number & 1) for number, share in enumerate(shares))
        self.arrays.fill("SHARES", now)
        self._set("NOW", time)

    def _drain(self) -> None:
        """Take the latencies out of the buffer."""
        count = self._get("SAMPLED")
        words = self.arrays.words("SAMPLES", 0, 2 * count)
        for which, value in zip(words[::2], words[1::2], strict=True):
            self.latencies[which].append(value)
        self._set("SAMPLED", 0)

    def logged(self) -> list[Event]:
        """Return and forget the events since the last call, each with an empty state."""
        count = self._get("LOGGED")
        words = self.arrays.words("LOG", 0, 2 * count)
        self._set("LOGGED", 0)
        firings = self.compiled.firings
        return [Event(t, firings[f], ()) for t, f in zip(words[::2], words[1::2], strict=True)]

    def state(self) -> tuple[int, ...]:
        """Return the state at hand, as the code of each variable."""
        unpacked = self.compiled.unpacked
        return unpacked.unpack(self.arrays.words("STATE", 0, unpacked.count))

    def counted(self) -> Counted:
        """Return what was counted so far."""
        plan = self.compiled.plan
        first = self.arrays.words("FIRST", 0, len(plan.occurrences))
        return Counted(
            self._get("NOW"),
            self._get("EVENTS"),
            self.arrays.words("SHARES", 0, len(plan.conditions)),
            self.arrays.words("COUNTS", 0, len(plan.occurrences)),
            [time - 1 if time else None for time in first],
            [list(values) for values in self.latencies],
        )

    def _failed(self) -> None:
        """Let the reference say what is wrong with the model in the state at hand."""
        stepper, state = Stepper(self.compiled.rules.machine), self.state()
        stepper.successors(state)
        for name in self.compiled.plan.conditions:
            stepper.holds(state, name)
        raise EnginesDisagree("only the compiled simulator fails")


def _firings(machine: Machine) -> list[Firing]:
    """Return what can happen: each instance with each ending that its code comes to."""
    found = []
    for instance in machine.instances:
        ends = [block.end for block in machine.codes[instance.index].blocks]
        found += [
            (instance.index, ending)
            for ending in sorted({end.ending for end in ends if isinstance(end, Emit)})
        ]
    return found


def _number(numbers: Mapping[Firing, int], instance: int, ending: int) -> int:
    return numbers[instance, ending]


def _word_count(bits: int) -> int:
    """Return how many words some bits take."""
    return max(-(-bits // 64), 1)


def _words(numbers: frozenset[int], count: int) -> list[int]:
    """Return some of ``count`` numbers as words of bits."""
    mask = sum(1 << number for number in numbers)
    return [mask >> 64 * at & _NEVER for at in range(_word_count(count))]
