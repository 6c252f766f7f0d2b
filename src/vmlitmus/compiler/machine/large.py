"""Which instances of a large world may ever be enabled, made and lowered as they are reached.

``reachable`` lowers every binding for every state, and finds then what is dead. In a world of 512
vcpus most bindings are dead, and code for any of 1024 pages is as long as that. So an instance that
goes on with a sequence is made here once some other one leads to it, for the locals that it leads
there with; and it is lowered for what its variables may hold as far as is known, and again when
more is known. What a variable may hold only grows, so this ends, with code that is right for all
that it may hold.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from vmlitmus.compiler.ir.nodes import Code, Operand
from vmlitmus.compiler.lowering.read_set import Answers, Numbered, RecordedReads
from vmlitmus.compiler.machine.bindings import Bindings
from vmlitmus.compiler.machine.instance_code import lower_instance
from vmlitmus.compiler.machine.machine import Instance, Machine
from vmlitmus.compiler.machine.program import Program
from vmlitmus.compiler.machine.reachable import Reach, ends
from vmlitmus.errors import ModelError
from vmlitmus.lang.domain import EnumOf, RefTo
from vmlitmus.lang.entity import Entity
from vmlitmus.lang.step import Step

_MOST_BINDINGS = 2048  # of the locals of one actor at one place; beyond, they are read


@dataclass(frozen=True)
class Copied:
    """What a variable held when the step began."""

    variable: int


Sources = frozenset[int | Copied]  # of which one is what is written
Arrival = Mapping[int, Sources]  # what is known of what was written together with a place


def reached(
    machine: Machine, bindings: Bindings, variables: Numbered, answers: Answers
) -> tuple[list[tuple[Instance, Code]], set[int]]:
    """Return the instances that may be enabled, in order, and the variables that they may change.

    ``machine`` has the instances that begin something.
    """
    found = _Large(machine, bindings, variables, answers)
    return [(i, found.codes[i.index]) for i in found.run(machine.instances)], found.changing()


class _Reads(RecordedReads):
    """What lowering reads, and what it was told that variables may hold: ``rests_on``."""

    def __init__(
        self, variables: Numbered, answers: Answers, codes: Mapping[int, set[int] | None]
    ) -> None:
        super().__init__(variables, answers)
        self.codes = codes
        self.rests_on: dict[int, int] = {}

    def possible(self, index: int) -> Collection[int] | None:
        codes = self.codes[index]
        if codes is not None:
            self.rests_on[index] = len(codes)
        return codes


class _Large(Reach):
    """``rests_on`` says how much each variable could hold when an instance was lowered."""

    def __init__(
        self, machine: Machine, bindings: Bindings, variables: Numbered, answers: Answers
    ) -> None:
        super().__init__(self.lower, machine.variables, ())
        self.machine = machine
        self.bindings = bindings
        self.reads = variables
        self.answers = answers
        self.rests_on: dict[int, dict[int, int]] = {}
        self.led: dict[tuple[int, Operand], dict[frozenset[tuple[int, object]], Arrival]] = {}
        self.made: dict[object, Instance] = {}
        self.entity = {v.index: v.entity for v in machine.variables if v.name == "_at"}
        self.order = {step: at for at, step in enumerate(bindings.steps)}
        self.at: dict[tuple[type[Entity], int], tuple[Step, Program, int]] = {
            (made.actor, made.first_place + start - 1): (step, made, start)
            for step, made in bindings.programs.items()
            for start in made.sections
            if start
        }

    def lower(self, instance: Instance) -> Code:
        reads = _Reads(self.reads, self.answers, self.possible)
        code = lower_instance(self.machine, instance, reads)
        self.rests_on[instance.index] = reads.rests_on
        return code

    def candidates(self, instances: Sequence[Instance]) -> list[Instance]:
        """Return the instances that begin something, and those that something leads to."""
        later = [i for where in list(self.led) for i in self.instances_at(*where)]
        return sorted([*instances, *later], key=self.rank)

    def rank(self, instance: Instance) -> tuple[int, int, tuple[int, ...]]:
        """Say where an instance comes in the canonical order."""
        if not instance.start:
            return self.order[instance.step], 0, (instance.index,)
        codes = [code for _, code in instance.guards[1:]]
        return self.order[instance.step], instance.start, (instance.actor.index, *codes)

    def instances_at(self, variable: int, code: Operand) -> Iterator[Instance]:
        """Yield an instance for each way in which an actor may be at a place."""
        actor = self.entity[variable]
        if (type(actor), code) not in self.at:
            raise ModelError(f"{actor} gets to a place that none of its kind was seen to get to")
        step, made, start = self.at[type(actor), int(code)]
        arrivals = self.led[variable, code].values()
        slots = {n: self.bindings.where[actor, made.slots[n]].index for n in made.live[start]}
        bound = [n for n in slots if self.is_known(made, n, slots[n], arrivals)]
        found = self.combinations([(slots[n], made.domains[n].size) for n in bound], arrivals)
        if len(found) > _MOST_BINDINGS:
            bound, found = [], [()]
        for codes in found:
            key = step, start, actor, tuple(bound), codes
            if key not in self.made:
                self.made[key] = self.bindings.resumed(step, made, start, actor, bound, codes)
            yield self.made[key]

    def is_known(self, made: Program, name: str, slot: int, arrivals: Collection[Arrival]) -> bool:
        """Say whether a local is a reference of which it is known what it can be."""
        if not isinstance(made.domains[name], (RefTo, EnumOf)):
            return False
        return all(self.values(arrival, slot) is not None for arrival in arrivals)

    def values(self, arrival: Arrival, slot: int) -> Collection[int] | None:
        """Return the codes that a slot may have; None where that is not known."""
        return self.codes_of(arrival[slot]) if slot in arrival else None

    def codes_of(self, sources: Sources) -> set[int] | None:
        found: set[int] = set()
        for source in sources:
            codes = self.possible[source.variable] if isinstance(source, Copied) else {source}
            if codes is None:
                return None
            found |= codes
        return found

    def combinations(
        self, slots: Sequence[tuple[int, int]], arrivals: Collection[Arrival]
    ) -> list[tuple[int, ...]]:
        """Return the codes that some slots may have together, each with its domain's size."""
        found: set[tuple[int, ...]] = set()
        for arrival in arrivals:
            each = [
                [code for code in self.values(arrival, slot) or () if code < size]
                for slot, size in slots
            ]
            found.update(itertools.product(*each))
            if len(found) > _MOST_BINDINGS:
                break
        return sorted(found)

    def passes(self, instance: Instance) -> bool:
        """Say whether an actor may be where an instance begins: it was made where one may be."""
        return True

    def runs(self, instance: Instance, constants: Mapping[int, int]) -> bool:
        """Say whether some way through the code ends, or is faulty; note what it writes."""
        if not self.is_fresh(instance):
            self.codes[instance.index] = self.lower(instance)
        code = self.codes[instance.index]
        faulty, writes = ends(code, constants)
        for written in writes:
            self.take(code, written)
        return faulty or bool(writes)

    def is_fresh(self, instance: Instance) -> bool:
        """Say whether the code of an instance is right for all that is possible now."""
        rests_on = self.rests_on.get(instance.index)
        if rests_on is None:
            return False
        now = self.possible
        return all(len(now[v] or ()) == number for v, number in rests_on.items())

    def take(self, code: Code, written: Mapping[int, Operand]) -> None:
        """Note what is written, and where that leads."""
        known: dict[int, Sources] = {}
        for variable, operand in written.items():
            sources = sources_of(code, operand)
            codes = None if sources is None else self.codes_of(sources)
            if sources is not None:
                known[variable] = sources
            for value in [""] if codes is None else sorted(codes):
                self.write(variable, value)
        for at in self.places & written.keys():
            if written[at] != 0:
                led = self.led.setdefault((at, written[at]), {})
                key = frozenset(known.items())
                self.changed |= key not in led
                led[key] = known


def sources_of(code: Code, operand: Operand) -> Sources | None:
    """Return of what a value is one; None where it is computed."""
    if isinstance(operand, int):
        return frozenset([operand])
    op = code.made.get(operand)
    if op is not None and op.op == "load":
        return frozenset([Copied(op.args[0])])
    if op is None or op.op not in ("phi", "select"):
        return None
    arms = [arm for arm, _ in op.args] if op.op == "phi" else op.args[1:]
    found = [sources_of(code, arm) for arm in arms]
    if any(sources is None for sources in found):
        return None
    return frozenset(source for sources in found for source in sources or ())
