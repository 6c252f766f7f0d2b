"""Turn a machine into LLVM IR: one successor function and one function for all conditions.

``expand`` runs every instance on a packed state, in canonical order; ``conditions`` returns one bit
for each of the first conditions. See ``store`` for how the two are called.
"""

from __future__ import annotations

from collections.abc import Iterable

from vmlitmus.compiler import Machine
from vmlitmus.compiler.ir.nodes import Branch, Value
from vmlitmus.engine.native.asleep import SleepingExpand, independent
from vmlitmus.engine.native.expand import WHOLE, Expand, fanout
from vmlitmus.engine.native.ir_text import Writer, called, signed, targets
from vmlitmus.engine.native.layout import Layout
from vmlitmus.engine.native.storage.store import NativeModel
from vmlitmus.engine.native.symmetry.canonical import canonical_text
from vmlitmus.engine.native.symmetry.orbits import Orbits

FAULTY_CONDITION = 1 << 63  # set by a condition that is a model error in the state
RETURNED = 63  # conditions whose bits are returned; those of the others are noted in memory


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
    expand = Expand(machine, layout, counters, named=named, orbits=orbits)
    plain = _joined(expand, _Conditions(machine, layout, asked))
    canonical = [canonical_text(orbits.plan, layout)] if orbits is not None else []

    def lasting() -> str | None:
        if not any(independent(machine)):
            return None
        expand = SleepingExpand(machine, layout, counters, named=named, orbits=None)
        return _joined(expand, _Conditions(machine, layout, asked))

    sleeps = orbits is None and len(machine.instances) <= WHOLE
    return NativeModel(
        ir="\n".join([plain, *canonical]),
        words=layout.words,
        bits=layout.bits,
        fanout=fanout(machine),
        counters=len(counters),
        named=named,
        symmetric=orbits is not None,
        initial=layout.pack(machine.initial),
        further=max(len(asked) - RETURNED, 0),
        lasting=lasting if sleeps else None,
    )


def _joined(expand: Expand, conditions: _Conditions) -> str:
    """Return what both write, with the functions that it calls."""
    texts = [expand.text(), conditions.text()]
    functions = sorted(expand.called | conditions.called)
    return "\n".join([called(name, bits) for name, bits in functions] + texts)


def condition_bit(index: int) -> int:
    """Return the bit of ``Found.observed`` for a condition, by its place among those compiled."""
    return index if index < RETURNED else index + 1


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
        numbers = targets(end)
        names = [f"{prefix}b{n}" if n >= 0 else f"y{index + 1}" for n in numbers]
        faulty = self.temporary()
        self.line(f"{faulty} = or i64 %m{index}, {signed(FAULTY_CONDITION)}")
        if len(names) == 1:
            self.line(f"br label %{names[0]}")
        else:
            test = self.named(end.condition, prefix)
            self.line(f"br i1 {test}, label %{names[0]}, label %{names[1]}")
        return [(label, faulty)] if any(n < 0 for n in numbers) else []
