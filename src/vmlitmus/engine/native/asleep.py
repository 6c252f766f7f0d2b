"""The successor function for a search that lasts: it leaves out what was found before.

An instance sleeps in a state whose successor by it was found before that state is expanded. Where
a state c is first reached from p by t, and u is independent of t and was enabled at p, and u comes
before t or slept at p itself, then u sleeps in c: u(p) is before c in the log, and t leads from
there to u(c). So what is left out is never new, and the states, their order and their parents stay
what they are; what sleeps fires all the same, and is counted. Godefroid, "Partial-Order Methods for
the Verification of Concurrent Systems" (1996), ch. 5, has sleep sets for searches in depth.
"""

from __future__ import annotations

from vmlitmus.compiler import Machine
from vmlitmus.compiler.ir.nodes import Code, Emit
from vmlitmus.engine.native.expand import Expand, Position
from vmlitmus.engine.native.ir_text import signed

MOST = 64  # instances that can sleep: the first ones, a bit each


def independent(machine: Machine) -> list[int]:
    """Return for each instance the others that neither it nor they disturb, a bit for each."""
    codes = [machine.codes[index] for index in range(len(machine.instances))]
    reads = [frozenset(code.reads) for code in codes]
    return [
        sum(
            1 << other
            for other, its in enumerate(codes[:MOST])
            if other != index and _apart(code, reads[index], its, reads[other])
        )
        for index, code in enumerate(codes)
    ]


def _apart(one: Code, one_reads: frozenset[int], other: Code, other_reads: frozenset[int]) -> bool:
    """Say whether neither writes what the other reads or writes."""
    return one.writes.isdisjoint(other_reads | other.writes) and other.writes.isdisjoint(one_reads)


class SleepingExpand(Expand):
    """The successor function; ``NativeModel.lasting`` says how it is called."""

    CARRIED = (("k", "i64"), ("e", "i64"))  # how many successors were written; what was enabled

    def text(self) -> str:
        self.independent = independent(self.machine)
        self.called.add(("ctpop", "i64"))
        self.lines.append("define i64 @expand(ptr %state, ptr %out, ptr %coverage) {")
        written, enabled = self.instances(range(len(self.machine.instances)), ("0", "0"))
        left_out, few, fired, place = (self.temporary() for _ in range(4))
        self.line(f"{left_out} = and i64 {enabled}, %asleep")
        self.line(f"{few} = call i64 @llvm.ctpop.i64(i64 {left_out})")
        self.line(f"{fired} = add i64 {written}, {few}")
        self.line(f"{place} = getelementptr i64, ptr %masks, i64 -1")
        self.line(f"store i64 {fired}, ptr {place}")
        self.line(f"ret i64 {written}")
        self.lines.append("}")
        return "\n".join(self.lines)

    def entry(self) -> None:
        super().entry()
        self.line(f"%given = getelementptr i64, ptr %coverage, i64 {len(self.counters)}")
        self.line("%asleep = load i64, ptr %given")
        self.line("%masks = getelementptr i64, ptr %given, i64 2")

    def emit(self, index: int, end: Emit, prefix: str) -> Position:
        at, offset, following = self.temporary(), f"%k{index}", self.temporary()
        if self.layout.words > 1:
            offset = self.temporary()
            self.line(f"{offset} = mul i64 %k{index}, {self.layout.words}")
        self.line(f"{at} = getelementptr i64, ptr %out, i64 {offset}")
        self.write(at, end, prefix)
        self.count(index, end.ending)
        self.mask(index)
        if self.named_steps:
            self.name(index)
        awake, enabled = "1", f"%e{index}"
        if index < MOST:
            shifted, sleeps, awake, enabled = (self.temporary() for _ in range(4))
            self.line(f"{shifted} = lshr i64 %asleep, {index}")
            self.line(f"{sleeps} = and i64 {shifted}, 1")
            self.line(f"{awake} = xor i64 {sleeps}, 1")
            self.line(f"{enabled} = or i64 %e{index}, {signed(1 << index)}")
        self.line(f"{following} = add i64 %k{index}, {awake}")
        self.line(f"br label %x{index + 1}")
        return following, enabled

    def name(self, index: int) -> None:
        names, place = self.temporary(), self.temporary()
        self.line(f"{names} = getelementptr i64, ptr %coverage, i64 {self.names_at}")
        self.line(f"{place} = getelementptr i64, ptr {names}, i64 %k{index}")
        self.line(f"store i64 {index}, ptr {place}")

    def mask(self, index: int) -> None:
        """Write which instances sleep in a successor."""
        known, kept, place = (self.temporary() for _ in range(3))
        self.line(f"{known} = or i64 %e{index}, %asleep")
        self.line(f"{kept} = and i64 {known}, {signed(self.independent[index])}")
        self.line(f"{place} = getelementptr i64, ptr %masks, i64 %k{index}")
        self.line(f"store i64 {kept}, ptr {place}")
