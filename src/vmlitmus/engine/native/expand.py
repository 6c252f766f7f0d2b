"""The successor function as LLVM IR."""

from __future__ import annotations

from vmlitmus.compiler import Machine
from vmlitmus.compiler.ir.nodes import DISABLED, Bits, Branch, Emit, Operand, width
from vmlitmus.engine.native.ir_text import Writer, signed, targets
from vmlitmus.engine.native.layout import Layout, Place
from vmlitmus.engine.native.symmetry.orbits import Orbits

WHOLE = 400  # instances that expand() may have in it; LLVM takes too long for more
_TOGETHER = 100  # instances in each of the functions that it calls instead


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


Position = tuple[str, ...]  # a value for each name of CARRIED


class Expand(Writer):
    """The successor function."""

    # what each instance hands to the next: where its successor goes
    CARRIED: tuple[tuple[str, str], ...] = (("p", "ptr"),)

    def __init__(
        self,
        machine: Machine,
        layout: Layout,
        counters: dict[str, int],
        *,
        named: bool,
        orbits: Orbits | None,
    ) -> None:
        super().__init__(layout)
        self.machine = machine
        self.counters = counters
        self.named_steps = named
        self.names_at = len(counters) + fanout(machine) + 2
        self.orbits = orbits

    def text(self) -> str:
        count = len(self.machine.instances)
        if count <= WHOLE:
            self.lines.append("define i64 @expand(ptr %state, ptr %out, ptr %coverage) {")
            self.finish(self.instances(range(count), ("%out",))[0])
            return "\n".join(self.lines)
        some = [range(at, min(at + _TOGETHER, count)) for at in range(0, count, _TOGETHER)]
        for number, indices in enumerate(some):
            given = "ptr %state, ptr %from, ptr %out, ptr %coverage"
            self.lines.append(f"define internal i64 @expand.{number}({given}) noinline {{")
            [end] = self.instances(indices, ("%from",))
            self.line(f"%end = ptrtoint ptr {end} to i64")
            self.line("ret i64 %end")
            self.lines.append("}")
        self.one_after_another(len(some))
        return "\n".join(self.lines)

    def instances(self, indices: range, first: Position) -> Position:
        """Write some instances; return what they hand on: where the next successor goes."""
        self.entry()
        self.line(f"br label %x{indices.start}")
        arrivals: list[tuple[str, Position]] = [("entry", first)]
        for index in indices:
            arrivals = self.instance(index, arrivals)
        self.start(indices.stop, arrivals)
        return self.here(indices.stop)

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

    def start(self, index: int, arrivals: list[tuple[str, Position]]) -> None:
        """Begin an instance: where the next successor goes depends on how control came here."""
        self.lines.append(f"x{index}:")
        for number, (name, kind) in enumerate(self.CARRIED):
            arms = ", ".join(f"[ {position[number]}, %{label} ]" for label, position in arrivals)
            self.line(f"%{name}{index} = phi {kind} {arms}")

    def here(self, index: int) -> Position:
        """Return what an instance was handed."""
        return tuple(f"%{name}{index}" for name, _ in self.CARRIED)

    def instance(
        self, index: int, arrivals: list[tuple[str, Position]]
    ) -> list[tuple[str, Position]]:
        code = self.machine.codes[index]
        prefix = f"i{index}"
        self.start(index, arrivals)
        self.line(f"br label %{prefix}b0")
        found: list[tuple[str, Position]] = []
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
    ) -> list[tuple[str, Position]]:
        found: list[tuple[str, Position]] = []
        names = []
        for number in targets(end):
            if number == DISABLED:
                names.append(f"x{index + 1}")
                found.append((label, self.here(index)))
            elif number < 0:
                names.append(f"{prefix}fault")
                faulty.append(label)
            else:
                names.append(f"{prefix}b{number}")
        if len(names) == 1:
            self.line(f"br label %{names[0]}")
        else:
            test = self.named(end.condition, prefix)
            self.line(f"br i1 {test}, label %{names[0]}, label %{names[1]}")
        return found

    def emit(self, index: int, end: Emit, prefix: str) -> Position:
        """Write one successor; return where the next one goes."""
        self.write(f"%p{index}", end, prefix)
        self.count(index, end.ending)
        if self.named_steps:
            self.name(index)
        following = self.temporary()
        self.line(f"{following} = getelementptr i64, ptr %p{index}, i64 {self.layout.words}")
        self.line(f"br label %x{index + 1}")
        return (following,)

    def write(self, at: str, end: Emit, prefix: str) -> None:
        """Write the words of a successor."""
        for word in range(self.layout.words):
            pointer = self.temporary()
            self.line(f"{pointer} = getelementptr i64, ptr {at}, i64 {word}")
            self.line(f"store i64 {self.word(word, end, prefix)}, ptr {pointer}")

    def name(self, index: int) -> None:
        """Write which instance leads to this successor; ``NativeModel`` says where."""
        names, here, start, offset, number, pointer = (self.temporary() for _ in range(6))
        self.line(f"{names} = getelementptr i64, ptr %coverage, i64 {self.names_at}")
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
        self.line(f"{result} = and i64 %w{word}, {signed(kept)}")
        for part in [*parts, *([str(signed(constant))] if constant else [])]:
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
