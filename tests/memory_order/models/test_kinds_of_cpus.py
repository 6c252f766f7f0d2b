"""Two classes of actors that are each a cpu of their own: each has a store buffer."""

from __future__ import annotations

from typing import Annotated

import pytest

from vmlitmus.compiler import build
from vmlitmus.engine import run
from vmlitmus.lang import (
    Assumption,
    Between,
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

SOURCE = Assumption("kinds-of-cpus", "two classes of cpus")


class Place(Entity):
    """What both write and read."""

    x: Shared[Annotated[int, Between(0, 2)]] = 0
    y: Shared[bool] = False


class Reader(Entity, runs_on="self"):
    """Writes y, and reads x."""

    saw: Annotated[int, Between(0, 2)] = 0
    done: bool = False


class Writer(Entity, runs_on="self"):
    """Writes x twice, and reads y."""

    saw: bool = False
    done: bool = False


@sequence(source=SOURCE)
def read(w: World, reader: Reader) -> Sections:
    when(not reader.done)
    w.the(Place).y = True
    yield "{reader} writes y"
    reader.saw = w.the(Place).x
    reader.done = True
    yield "{reader} reads x"


@sequence(source=SOURCE)
def write(w: World, writer: Writer) -> Sections:
    when(not writer.done)
    w.the(Place).x = 1
    yield "{writer} writes 1 to x"
    w.the(Place).x = 2
    yield "{writer} writes 2 to x"
    writer.saw = w.the(Place).y
    writer.done = True
    yield "{writer} reads y"


@condition("neither-saw", "neither saw what the other wrote", source=SOURCE)
def neither_saw(w: World) -> bool:
    reader, writer = w.the(Reader), w.the(Writer)
    return reader.done and writer.done and reader.saw == 0 and not writer.saw


@condition("saw-three", "the reader saw what nobody wrote", source=SOURCE)
def saw_three(w: World) -> bool:
    return w.the(Reader).saw > 2


def setup(make: Setup, settings: Settings) -> None:
    make(Place)
    make(Reader)
    make(Writer)


def model(*cpus: type[Entity]) -> Model:
    """Return the model, with the classes of cpus in this order."""
    return Model(
        name="kinds-of-cpus",
        doc="two classes of cpus",
        entities=(Place, *cpus),
        steps=(read, write),
        conditions=(neither_saw, saw_three),
        setup=setup,
        settings={"machine": {"cores": choice("two", default="two")}},
    )


@pytest.mark.parametrize("engine", ["reference", "compiled"])
@pytest.mark.parametrize("cpus", [(Reader, Writer), (Writer, Reader)])
def test_both_have_a_store_buffer(cpus: tuple[type[Entity], ...], engine: str) -> None:
    """Each may read before its store is in memory; without store buffers one sees the other."""
    for memory, found in (("sc", "holds"), ("tso", "violated")):
        machine = build(model(*cpus), {"machine": {"memory": memory}})
        assert run(machine, never("neither-saw"), engine=engine).verdict.value == found


@pytest.mark.parametrize("engine", ["reference", "compiled"])
@pytest.mark.parametrize("cpus", [(Reader, Writer), (Writer, Reader)])
def test_a_full_buffer_of_either_is_told(cpus: tuple[type[Entity], ...], engine: str) -> None:
    """Only the writer has two stores under way, whichever class comes first."""
    for depth, full in ((2, True), (3, False)):
        settings = {"machine": {"memory": "tso", "store_buffer": depth}}
        result = run(build(model(*cpus), settings), never("saw-three"), engine=engine)
        assert result.verdict.value == "holds"
        assert any("store buffer was full" in w for w in result.warnings) is full
