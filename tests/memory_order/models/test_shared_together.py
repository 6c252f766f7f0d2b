"""What is Shared: a message with its flag, and no arrays."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from dekker import SOURCE
from test_what_drains import TSO

from vmlitmus.compiler import build
from vmlitmus.engine import run
from vmlitmus.errors import ModelError
from vmlitmus.lang import (
    Entity,
    Model,
    Sections,
    Settings,
    Setup,
    Shared,
    World,
    choice,
    condition,
    never,
    sequence,
    when,
)


class Cpu(Entity, runs_on="self"):
    """A cpu: the first one writes, the second one reads."""

    sent: bool = False
    looked: bool = False
    missed: bool = False


class Memory(Entity):
    """What the first cpu writes, in this order."""

    message: Shared[bool] = False
    flag: Shared[bool] = False
    ghost_flag: bool = False


@sequence(source=SOURCE)
def sends(w: World, cpu: Cpu) -> Sections:
    when(cpu is w.all(Cpu)[0] and not cpu.sent)
    cpu.sent = True
    w.the(Memory).message = True
    yield "{cpu} writes its message"
    if w.part("the flag is Shared"):
        w.the(Memory).flag = True
    else:
        w.the(Memory).ghost_flag = True
    yield "{cpu} writes its flag"


@sequence(source=SOURCE)
def receives(w: World, cpu: Cpu) -> Sections:
    when(cpu is w.all(Cpu)[1] and not cpu.looked)
    cpu.looked = True
    there = w.the(Memory).ghost_flag
    if w.part("the flag is Shared"):
        there = w.the(Memory).flag
    yield "{cpu} reads the flag"
    cpu.missed = there and not w.the(Memory).message
    yield "{cpu} reads the message"


@condition("message-missed", "the flag was seen and the message was not", source=SOURCE)
def message_missed(w: World) -> bool:
    return any(cpu.missed for cpu in w.all(Cpu))


def setup(make: Setup, settings: Settings) -> None:
    make(Cpu)
    make(Cpu)
    make(Memory)


MODEL = Model(
    name="message",
    doc="a message and its flag",
    entities=(Cpu, Memory),
    steps=(sends, receives),
    conditions=(message_missed,),
    setup=setup,
    settings={"machine": {"cores": choice("two", default="two")}, "kvm": {}},
)


@pytest.mark.parametrize("engine", ["reference", "compiled"])
def test_a_message_and_its_flag(engine: str) -> None:
    """x86 keeps the order of stores; a flag that changes at once passes the message."""
    together, apart = (
        run(build(MODEL, TSO, without=off), never("message-missed"), engine=engine)
        for off in ((), ("the flag is Shared",))
    )
    assert together.verdict.value == "holds"
    assert apart.verdict.value == "violated"


@pytest.mark.parametrize("kind", [list[bool], tuple[bool, bool], dict[int, bool]])
def test_an_array_is_refused(kind: Any) -> None:
    """Shared or not; the message says what to write: a field of each of those that have a value."""
    for annotation in (kind, Shared[kind]):
        more = type("More", (), {"__annotations__": {"marks": annotation}, "__module__": __name__})
        with pytest.raises(ModelError, match=r"'marks': \w+ is no kind of field; .* of Cpu, for"):
            build(replace(MODEL, fields={Memory: more}))
