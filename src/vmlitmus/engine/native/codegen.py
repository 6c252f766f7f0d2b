"""Turn a machine into LLVM IR: one successor function and one function for all conditions.

``expand`` runs every instance on a packed state, in canonical order; ``conditions`` returns one bit
for each of the first conditions. See ``store`` for how the two are called.
"""

from __future__ import annotations

from collections.abc import Iterable

from vmlitmus.compiler import Machine
from vmlitmus.compiler.ir.nodes import (
    DISABLED,
    Bits,
    Branch,
    Emit,
    Operand,
    Value,
    width,
)
from vmlitmus.engine.native.ir_text import Writer, called
from vmlitmus.engine.native.layout import Layout, Place
from vmlitmus.engine.native.storage.store import NativeModel
from vmlitmus.engine.native.symmetry.canonical import canonical_text
from vmlitmus.engine.native.symmetry.orbits import Orbits

FAULTY_CONDITION = 1 << 63  # set by a condition that is a model error in the state
RETURNED = 63  # conditions whose bits are returned; those of the others are noted in memory
_WHOLE = 400  # instances that expand() may have in it; LLVM takes too long for more
_TOGETHER = 100  # instances in each of the functions that it calls instead


def compile_machine(
    machine: Machine,
    conditions: Iterable[str],
    *,
    named: bool = False,
    orbits: Orbits | None = None,
) -> NativeModel:
    """Return the native form of a machine, with some of its conditions in the given order.

    With ``named``, ``expand`` also writes which instance leads to each successor. With ``orbits``,
    states are searched by their orbits, and what fires is counted by the orbits of instances.
    """
    layout = Layout(machine)
    counters: dict[str, int] = {name: index for index, name in enumerate(machine.step_ids)}
    if orbits is not None:
        counters = {name: index for index, name in enumerate(orbits.names)}
    asked = tuple(conditions)
    writers = (
        _Expand(machine, layout, counters, named, orbits),
        _Conditions(machine, layout, asked),
    )
    texts = [writer.text() for writer in writers]
    functions = sorted(writers[0].called | writers[1].called)
    canonical = [canonical_text(orbits.plan, layout)] if orbits is not None else []
    return NativeModel(
        ir="\n".join([called(name, bits) for name, bits in functions] + texts + canonical),
        words=layout.words,
        bits=layout.bits,
        fanout=fanout(machine),
        counters=len(counters),
        named=named,
        symmetric=orbits is not None,
        initial=layout.pack(machine.initial),
        further=max(len(asked) - RETURNED, 0),
    )


def condition_bit(index: int) -> int:
    """Return the bit of ``Found.observed`` for a condition, by its place among those compiled."""
    return index if index < RETURNED else index + 1


def fanout(machine: Machine) -> int:
    """Return an upper bound on the successors of a state: an actor is in one place at a time."""
    per_actor: dict[int, dict[int, int]] = {}
    plain = 0
    for instance in machine.instances:
        if not instance.guards:
            plain += 1
            continue
        at, place = instance.guards[0]
        places = per_actor.setdefault(at, {})
        places[place] = places.get(place, 0) + 1
    return plain + sum(max(places.values()) for places in per_actor.values()) or 1


class _Expand(Writer):
    """The successor function."""

    def __init__(
        self,
        machine: Machine,
        layout: Layout,
        counters: dict[str, int],
        named: bool,
        orbits: Orbits | None,
    ) -> None:
        super().__init__(layout)
        self.machine = machine
        self.counters = counters
        self.named_steps = named
        self.orbits = orbits

    def text(self) -> str:
        count = len(self.machine.instances)
        if count <= _WHOLE:
            self.lines.append("define i64 @expand(ptr %state, ptr %out, ptr %coverage) {")
            self.finish(self.instances(range(count), "%out"))
            return "\n".join(self.lines)
        some = [range(at, min(at + _TOGETHER, count)) for at in range(0, count, _TOGETHER)]
        for number, indices in enumerate(some):
            given = "ptr %state, ptr %from, ptr %out, ptr %coverage"
            self.lines.append(f"define internal i64 @expand.{number}({given}) noinline {{")
            self.line(f"%end = ptrtoint ptr {self.instances(indices, '%from')} to i64")
            self.line("ret i64 %end")
            self.lines.append("}")
        self.one_after_another(len(some))
        return "\n".join(self.lines)

    def instances(self, indices: range, first: str) -> str:
        """Write some instances; return where the successor after theirs goes."""
        self.entry()
        self.line(f"br label %x{indices.start}")
        arrivals = [("entry", first)]
        for index in indices:
            arrivals = self.instance(index, arrivals)
        self.start(indices.stop, arrivals)
        return f"%p{indices.stop}"

    def one_after_another(self, count: int) -> None:
        """Write the function that calls those of some instances each, until one is faulty."""
        self.lines.append("define i64 @expand(ptr %state, ptr %out, ptr %coverage) {")
        here = "%out"
        for number in range(count):
            given = f"ptr %state, ptr {here}, ptr %out, ptr %coverage"
            self.line(f"%r{number} = call i64 @expand.{number}({given})")
            self.line(f"%f{number} = icmp slt i64 %r{number}, 0")
            self.line(f"br i1 %f{number}, label %fault{number}, label %go{number}")
            self.lines.append(f"fault{number}:")
            self.line(f"ret i64 %r{number}")
            self.lines.append(f"go{number}:")
            here = f"%at{number}"
            self.line(f"{here} = inttoptr i64 %r{number} to ptr")
        self.finish(here)

    def finish(self, pointer: str) -> None:
        self.line(f"%end = ptrtoint ptr {pointer} to i64")
        self.line("%begin = ptrtoint ptr %out to i64")
        self.line("%bytes = sub i64 %end, %begin")
        self.line(f"%count = udiv exact i64 %bytes, {8 * self.layout.words}")
        self.line("ret i64 %count")
        self.lines.append("}")

    def start(self, index: int, arrivals: list[tuple[str, str]]) -> None:
        """Begin an instance: where the next successor goes depends on how control came here."""
        self.lines.append(f"x{index}:")
        arms = ", ".join(f"[ {pointer}, %{label} ]" for label, pointer in arrivals)
        self.line(f"%p{index} = phi ptr {arms}")

    def instance(self, index: int, arrivals: list[tuple[str, str]]) -> list[tuple[str, str]]:
        code = self.machine.codes[index]
        prefix = f"i{index}"
        self.start(index, arrivals)
        self.line(f"br label %{prefix}b0")
        found: list[tuple[str, str]] = []
        faulty: list[str] = []
        for block in code.blocks:
            label = f"{prefix}b{block.number}"
            self.lines.append(f"{label}:")
            self.ops(block, prefix)
            if isinstance(block.end, Emit):
                found.append((label, self.emit(index, block.end, prefix)))
            else:
                assert isinstance(block.end, Branch)
                found += self.branch(index, block.end, label, prefix, faulty)
        if faulty:
            self.lines.append(f"{prefix}fault:")
            self.line(f"ret i64 {-1 - index}")
        return found

    def branch(
        self, index: int, end: Branch, label: str, prefix: str, faulty: list[str]
    ) -> list[tuple[str, str]]:
        found: list[tuple[str, str]] = []
        targets = []
        for number in dict.fromkeys(_targets(end)):
            if number == DISABLED:
                targets.append(f"x{index + 1}")
                found.append((label, f"%p{index}"))
            elif number < 0:
                targets.append(f"{prefix}fault")
                faulty.append(label)
            else:
                targets.append(f"{prefix}b{number}")
        if len(targets) == 1:
            self.line(f"br label %{targets[0]}")
        else:
            test = self.named(end.condition, prefix)
            self.line(f"br i1 {test}, label %{targets[0]}, label %{targets[1]}")
        return found

    def emit(self, index: int, end: Emit, prefix: str) -> str:
        """Write one successor; return the pointer behind it."""
        for word in range(self.layout.words):
            pointer = self.temporary()
            self.line(f"{pointer} = getelementptr i64, ptr %p{index}, i64 {word}")
            self.line(f"store i64 {self.word(word, end, prefix)}, ptr {pointer}")
        self.count(index, end.ending)
        if self.named_steps:
            self.name(index)
        following = self.temporary()
        self.line(f"{following} = getelementptr i64, ptr %p{index}, i64 {self.layout.words}")
        self.line(f"br label %x{index + 1}")
        return following

    def name(self, index: int) -> None:
        """Write which instance leads to this successor, behind the counters."""
        names, here, start, offset, number, pointer = (self.temporary() for _ in range(6))
        self.line(f"{names} = getelementptr i64, ptr %coverage, i64 {len(self.counters)}")
        self.line(f"{here} = ptrtoint ptr %p{index} to i64")
        self.line(f"{start} = ptrtoint ptr %out to i64")
        self.line(f"{offset} = sub i64 {here}, {start}")
        self.line(f"{number} = udiv exact i64 {offset}, {8 * self.layout.words}")
        self.line(f"{pointer} = getelementptr i64, ptr {names}, i64 {number}")
        self.line(f"store i64 {index}, ptr {pointer}")

    def word(self, word: int, end: Emit, prefix: str) -> str:
        """Return the new value of one word: what was not written, and what was."""
        cleared = constant = 0
        parts: list[str] = []
        for index, operand in end.writes.items():
            for place in self.layout.places[index]:
                if place.word != word:
                    continue
                cleared |= place.mask << place.shift
                if isinstance(operand, int):
                    constant |= (operand >> place.start & place.mask) << place.shift
                else:
                    parts.append(self.placed(index, place, operand, prefix))
        if not cleared:
            return f"%w{word}"
        kept = ~cleared & (1 << 64) - 1
        result = self.temporary()
        self.line(f"{result} = and i64 %w{word}, {_signed(kept)}")
        for part in [*parts, *([str(_signed(constant))] if constant else [])]:
            joined = self.temporary()
            self.line(f"{joined} = or i64 {result}, {part}")
            result = joined
        return result

    def placed(self, index: int, place: Place, operand: Operand, prefix: str) -> str:
        """Return a computed code, or a piece of it, shifted to its place."""
        value = self.named(operand, prefix)
        bits = width(self.machine.variables[index].domain)
        if bits == "i1":
            wide = self.temporary()
            self.line(f"{wide} = zext i1 {value} to i64")
            value = wide
        elif bits != "i64" or len(self.layout.places[index]) > 1:
            value = self.piece(value, bits, place)
        shifted = self.temporary()
        self.line(f"{shifted} = shl i64 {value}, {place.shift}")
        return shifted

    def piece(self, value: str, bits: Bits, place: Place) -> str:
        """Return the bits of a code that have one place."""
        shifted, masked = self.temporary(), self.temporary()
        self.line(f"{shifted} = lshr {bits} {value}, {place.start}")
        if bits != "i64":
            narrow = self.temporary()
            self.line(f"{narrow} = trunc {bits} {shifted} to i64")
            shifted = narrow
        self.line(f"{masked} = and i64 {shifted}, {place.mask}")
        return masked

    def count(self, index: int, ending: int) -> None:
        instance = self.machine.instances[index]
        name = instance.step_id(ending)
        if self.orbits is not None:
            name = self.orbits.name(index, ending)
        pointer, before, after = self.temporary(), self.temporary(), self.temporary()
        self.line(f"{pointer} = getelementptr i64, ptr %coverage, i64 {self.counters[name]}")
        self.line(f"{before} = load i64, ptr {pointer}")
        self.line(f"{after} = add i64 {before}, 1")
        self.line(f"store i64 {after}, ptr {pointer}")


class _Conditions(Writer):
    """The function that evaluates all conditions of a state."""

    def __init__(self, machine: Machine, layout: Layout, names: tuple[str, ...]) -> None:
        super().__init__(layout)
        self.machine = machine
        self.names = names

    def text(self) -> str:
        self.lines.append("define i64 @conditions(ptr %state, ptr %more) {")
        self.entry()
        self.line("br label %y0")
        arrivals = [("entry", "0")]
        for index, name in enumerate(self.names):
            arrivals = self.condition(index, name, arrivals)
        self.start(len(self.names), arrivals)
        self.line(f"ret i64 %m{len(self.names)}")
        self.lines.append("}")
        return "\n".join(self.lines)

    def start(self, index: int, arrivals: list[tuple[str, str]]) -> None:
        self.lines.append(f"y{index}:")
        arms = ", ".join(f"[ {mask}, %{label} ]" for label, mask in arrivals)
        self.line(f"%m{index} = phi i64 {arms}")

    def condition(
        self, index: int, name: str, arrivals: list[tuple[str, str]]
    ) -> list[tuple[str, str]]:
        code = self.machine.codes[name]
        prefix = f"c{index}"
        self.start(index, arrivals)
        self.line(f"br label %{prefix}b0")
        found: list[tuple[str, str]] = []
        for block in code.blocks:
            label = f"{prefix}b{block.number}"
            self.lines.append(f"{label}:")
            self.ops(block, prefix)
            if isinstance(block.end, Value):
                found.append((label, self.value(index, block.end, prefix)))
            else:
                assert isinstance(block.end, Branch)
                found += self.branch(index, block.end, prefix, label)
        return found

    def value(self, index: int, end: Value, prefix: str) -> str:
        test = self.named(end.operand, prefix)
        wide, shifted, result = self.temporary(), self.temporary(), self.temporary()
        self.line(f"{wide} = zext i1 {test} to i64")
        if index >= RETURNED:
            self.note(wide, index - RETURNED)
            self.line(f"br label %y{index + 1}")
            return f"%m{index}"
        self.line(f"{shifted} = shl i64 {wide}, {index}")
        self.line(f"{result} = or i64 %m{index}, {shifted}")
        self.line(f"br label %y{index + 1}")
        return result

    def note(self, wide: str, bit: int) -> None:
        """Note in memory what a condition is that has no bit in the result."""
        shifted, pointer, before, after = (self.temporary() for _ in range(4))
        self.line(f"{shifted} = shl i64 {wide}, {bit % 64}")
        self.line(f"{pointer} = getelementptr i64, ptr %more, i64 {bit // 64}")
        self.line(f"{before} = load i64, ptr {pointer}")
        self.line(f"{after} = or i64 {before}, {shifted}")
        self.line(f"store i64 {after}, ptr {pointer}")

    def branch(self, index: int, end: Branch, prefix: str, label: str) -> list[tuple[str, str]]:
        """Follow a branch; a condition that is a model error sets the bit FAULTY_CONDITION."""
        targets = dict.fromkeys(_targets(end))
        names = [f"{prefix}b{n}" if n >= 0 else f"y{index + 1}" for n in targets]
        faulty = self.temporary()
        self.line(f"{faulty} = or i64 %m{index}, {_signed(FAULTY_CONDITION)}")
        if len(names) == 1:
            self.line(f"br label %{names[0]}")
        else:
            test = self.named(end.condition, prefix)
            self.line(f"br i1 {test}, label %{names[0]}, label %{names[1]}")
        return [(label, faulty)] if any(n < 0 for n in targets) else []


def _targets(end: Branch) -> list[int]:
    return list(dict.fromkeys((end.then, end.other)))


def _signed(value: int) -> int:
    return value - (1 << 64) if value >> 63 else value
