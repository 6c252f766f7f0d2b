"""A litmus test of herd as a model: processors that execute instructions on Shared locations."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any

from vmlitmus.herd.program import Atom, Clause, Kind, Operation, Program, clauses, shown
from vmlitmus.lang import (
    Between,
    Condition,
    Const,
    Entity,
    Model,
    Sdm,
    Settings,
    Setup,
    Shared,
    World,
    condition,
    step,
    when,
)
from vmlitmus.lang.model import MEMORY

INSTRUCTIONS = Sdm("vol. 3A, 8.2 (memory ordering)")
MOST = 64  # instructions of one processor


class Processor(Entity, runs_on="self"):
    """One processor, and how far it has come."""

    length: Const[Annotated[int, Between(0, MOST)]]
    next: Annotated[int, Between(0, MOST)] = 0
    ended: bool = False

    def __str__(self) -> str:
        return f"P{self.index}"


class Location(Entity):
    """A place in memory. A model adds its name and its value."""

    if TYPE_CHECKING:
        name: Enum
        value: int

    def __str__(self) -> str:
        return str(self.name.value)


class Register(Entity):
    """A register of one processor. A model adds its name and its value."""

    of: Const[Processor]
    if TYPE_CHECKING:
        name: Enum
        value: int


class Instruction(Entity):
    """One instruction; a model adds ``constant``, its operand where that is no register."""

    of: Const[Processor]
    place: Const[Annotated[int, Between(0, MOST)]]
    kind: Const[Kind]
    location: Const[Location]  # some location, and some register, where it uses none
    register: Const[Register]
    source: Const[Register | None] = None
    if TYPE_CHECKING:
        constant: int


class Alternative(Entity):
    """Some atoms that are all so at the end."""


class Asked(Entity):
    """One atom: a register or a location has a value at the end, or (``so`` False) another."""

    within: Const[Alternative]
    register: Const[Register | None] = None
    location: Const[Location]  # some location, where it is about a register
    so: Const[bool] = True
    if TYPE_CHECKING:
        value: int


def _at(processor: Processor, instruction: Instruction, kind: Kind) -> bool:
    return (
        instruction.of is processor
        and instruction.kind == kind
        and processor.next == instruction.place
    )


def _operand(instruction: Instruction) -> int:
    return instruction.source.value if instruction.source is not None else instruction.constant


@step("{processor} stores to {instruction.location.name}", source=INSTRUCTIONS)
def store(w: World, processor: Processor, instruction: Instruction) -> None:
    when(_at(processor, instruction, Kind.STORE))
    instruction.location.value = _operand(instruction)
    processor.next = instruction.place + 1


@step("{processor} loads {instruction.location.name}", source=INSTRUCTIONS)
def load(w: World, processor: Processor, instruction: Instruction) -> None:
    when(_at(processor, instruction, Kind.LOAD))
    instruction.register.value = instruction.location.value
    processor.next = instruction.place + 1


@step("{processor} sets {instruction.register.name}", source=INSTRUCTIONS)
def move(w: World, processor: Processor, instruction: Instruction) -> None:
    when(_at(processor, instruction, Kind.MOVE))
    instruction.register.value = _operand(instruction)
    processor.next = instruction.place + 1


@step("{processor} executes MFENCE", source=INSTRUCTIONS)
def mfence(w: World, processor: Processor, instruction: Instruction) -> None:
    when(_at(processor, instruction, Kind.MFENCE))
    w.barrier(by="MFENCE")
    processor.next = instruction.place + 1


@step("{processor} exchanges {instruction.location.name}", source=INSTRUCTIONS)
def xchg(w: World, processor: Processor, instruction: Instruction) -> None:
    when(_at(processor, instruction, Kind.XCHG))
    with w.locked("XCHG"):
        before = instruction.location.value
        instruction.location.value = instruction.register.value
        instruction.register.value = before
    processor.next = instruction.place + 1


@step("{processor} executes LOCK XADD on {instruction.location.name}", source=INSTRUCTIONS)
def xadd(w: World, processor: Processor, instruction: Instruction) -> None:
    when(_at(processor, instruction, Kind.XADD))
    with w.locked("LOCK XADD"):
        before = instruction.location.value
        instruction.location.value = before + instruction.register.value
        instruction.register.value = before
    processor.next = instruction.place + 1


@step("{processor} executes LOCK CMPXCHG on {instruction.location.name}", source=INSTRUCTIONS)
def cmpxchg(w: World, processor: Processor, instruction: Instruction) -> None:
    when(_at(processor, instruction, Kind.CMPXCHG))
    with w.locked("LOCK CMPXCHG"):
        before = instruction.location.value
        if before == instruction.register.value:
            instruction.location.value = _operand(instruction)
        else:
            instruction.register.value = before
    processor.next = instruction.place + 1


@step("{processor} adds to {instruction.location.name} under LOCK", source=INSTRUCTIONS)
def add(w: World, processor: Processor, instruction: Instruction) -> None:
    when(_at(processor, instruction, Kind.ADD))
    with w.locked("LOCK ADD"):
        instruction.location.value = instruction.location.value + _operand(instruction)
    processor.next = instruction.place + 1


@step("{processor} subtracts from {instruction.location.name} under LOCK", source=INSTRUCTIONS)
def sub(w: World, processor: Processor, instruction: Instruction) -> None:
    when(_at(processor, instruction, Kind.SUB))
    with w.locked("LOCK SUB"):
        instruction.location.value = instruction.location.value - _operand(instruction)
    processor.next = instruction.place + 1


@step("{processor} has ended, and its stores are in memory", source=INSTRUCTIONS)
def end(w: World, processor: Processor) -> None:
    when(processor.next == processor.length and not processor.ended)
    w.barrier(by="the end")
    processor.ended = True


@condition("asked", "all have ended, and it is as asked", source=INSTRUCTIONS)
def asked(w: World) -> bool:
    return all(p.ended for p in w.all(Processor)) and any(
        all(_is_so(asked) for asked in w.all(Asked) if asked.within is alternative)
        for alternative in w.all(Alternative)
    )


@condition("ended", "all processors have ended", source=INSTRUCTIONS)
def ended(w: World) -> bool:
    return all(p.ended for p in w.all(Processor))


def _is_so(asked: Asked) -> bool:
    if asked.register is not None:
        return (asked.register.value == asked.value) is asked.so
    return (asked.location.value == asked.value) is asked.so


STEPS = {
    Kind.STORE: store,
    Kind.LOAD: load,
    Kind.MOVE: move,
    Kind.MFENCE: mfence,
    Kind.XCHG: xchg,
    Kind.XADD: xadd,
    Kind.CMPXCHG: cmpxchg,
    Kind.ADD: add,
    Kind.SUB: sub,
}


def topic_of(program: Program) -> str:
    """Return the name of a program's model: one for each program."""
    return f"herd {hashlib.sha256(repr(program).encode()).hexdigest()[:16]}"


def model_of(program: Program) -> Model:
    """Return the model of a litmus test; its condition "asked" is that of the test."""
    low, high = _range(program)
    value = Annotated[int, Between(low, high)]
    places = _enum("Name", [name for name, _ in _locations(program)])
    kinds = {o.kind for _, _, o in _operations(program)}
    text = f"at the end {shown(program.formula)}"
    registers = _enum("RegisterName", dict.fromkeys(name for _, name in _registers(program)))
    return Model(
        name=topic_of(program),
        doc="litmus tests in the x86 format of herd",
        entities=(Processor, Location, Register, Instruction, Alternative, Asked),
        steps=(*(step for kind, step in STEPS.items() if kind in kinds), end),
        conditions=(
            Condition(asked.function, "asked", text, asked.sources, ("ended",)),
            ended,
        ),
        setup=_Setup(program, places, registers),
        settings={"machine": {**MEMORY}},
        fields={
            Location: _fields(name=_const(places), value=_shared(value)),
            Register: _fields(name=_const(registers), value=value),
            Instruction: _fields(constant=_const(value)),
            Asked: _fields(value=_const(value)),
        },
    )


def _fields(**annotations: Any) -> type:
    return type("Fields", (), {"__annotations__": annotations, "__module__": __name__})


def _const(kind: Any) -> Any:
    return Const[kind]  # type: ignore[misc]


def _shared(kind: Any) -> Any:
    return Shared[kind]  # type: ignore[misc]


def _enum(name: str, words: Iterable[str]) -> Any:
    return Enum(name, {f"n{i}": word for i, word in enumerate(words)} or {"n0": "none"})


def _operations(program: Program) -> list[tuple[int, int, Operation]]:
    return [(p, i, o) for p, thread in enumerate(program.threads) for i, o in enumerate(thread)]


def _locations(program: Program) -> list[tuple[str, int]]:
    """Return the names of all locations, with their values at the start."""
    named = [o.location for _, _, o in _operations(program) if o.location is not None]
    asked_for = [a.name for a in _atoms(program) if a.processor is None]
    names = dict.fromkeys([*program.locations, *named, *asked_for])
    return [(name, program.locations.get(name, 0)) for name in names or ["none"]]


def _registers(program: Program) -> list[tuple[int, str]]:
    found: dict[tuple[int, str], None] = dict.fromkeys(program.registers)
    for p, _, o in _operations(program):
        names = (o.register, o.operand if isinstance(o.operand, str) else None)
        found |= {(p, name): None for name in names if name is not None}
    found |= {(a.processor, a.name): None for a in _atoms(program) if a.processor is not None}
    return sorted(found) or [(0, "none")]


def _held(registers: dict[tuple[int, str], Register], atom: Atom) -> Register | None:
    return registers[atom.processor, atom.name] if atom.processor is not None else None


def _clauses(program: Program) -> list[Clause]:
    """Return what is looked for at the end: for "forall", that it is not so."""
    return clauses(program.formula, program.quantifier != "forall")


def _atoms(program: Program) -> list[Atom]:
    found = dict.fromkeys(atom for clause in _clauses(program) for atom, _ in clause)
    return sorted(found, key=str)


def _range(program: Program) -> tuple[int, int]:
    """Return the least and the largest value that a location or a register can have."""
    known = [0, *program.locations.values(), *program.registers.values()]
    known += [o.operand for _, _, o in _operations(program) if isinstance(o.operand, int)]
    known += [atom.value for atom in _atoms(program)]
    low, high = min(known), max(known)
    for _, _, o in _operations(program):
        if o.kind in (Kind.ADD, Kind.SUB, Kind.XADD):
            most = max(abs(low), abs(high)) if not isinstance(o.operand, int) else abs(o.operand)
            low, high = low - most, high + most
    return low, high


class _Setup:
    """Makes the entities of a program."""

    def __init__(self, program: Program, places: Any, registers: Any) -> None:
        self.program = program
        self.places = {member.value: member for member in places}
        self.registers = {member.value: member for member in registers}

    def __call__(self, make: Setup, settings: Settings) -> None:
        program = self.program
        processors = [make(Processor, length=len(thread)) for thread in program.threads]
        locations = {
            name: make(Location, name=self.places[name], value=value)
            for name, value in _locations(program)
        }
        registers = {
            (p, name): make(
                Register,
                of=processors[p],
                name=self.registers[name],
                value=program.registers.get((p, name), 0),
            )
            for p, name in _registers(program)
        }
        location, register = next(iter(locations.values())), next(iter(registers.values()))
        for p, place, o in _operations(program):
            make(
                Instruction,
                of=processors[p],
                place=place,
                kind=o.kind,
                location=locations[o.location] if o.location is not None else location,
                register=registers[p, o.register] if o.register is not None else register,
                source=registers[p, o.operand] if isinstance(o.operand, str) else None,
                constant=o.operand if isinstance(o.operand, int) else 0,
            )
        for clause in _clauses(program):
            within = make(Alternative)
            for atom, so in sorted(clause, key=str):
                make(
                    Asked,
                    within=within,
                    register=_held(registers, atom),
                    location=location if atom.processor is not None else locations[atom.name],
                    value=atom.value,
                    so=so,
                )
