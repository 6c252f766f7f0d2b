"""Code with store buffers serves another machine only where that has the same of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from judge import load, tidy

from vmlitmus.compiler import Machine, build
from vmlitmus.compiler.ir.nodes import Code, Emit
from vmlitmus.compiler.lowering.read_set import RecordedReads
from vmlitmus.compiler.machine import lowering_cache, prune
from vmlitmus.compiler.machine.machine import Instance
from vmlitmus.lang import Model

MODEL = """from __future__ import annotations
from vmlitmus.lang import *
from vmlitmus.lang.model import MEMORY
S = Assumption("s", "a test")

class Cpu(Entity, runs_on="self"):
    on: bool = True

class Memory(Entity):
    x: Shared[bool] = False
    y: Shared[bool] = False
    z: Shared[bool] = False
    mirrored: bool = False

class Task(Entity, runs_on="cpu"):
    cpu: Cpu
    second: bool = False
    fenced: bool = False
    done: bool = False
    seen: bool = False
    asleep: bool = False

@sequence("{t} stores x or z, and loads y", source=S)
def left(w, t: Task):
    m = w.the(Memory)
    when(not t.second and not t.done)
    if m.mirrored:
        m.z = True
    else:
        m.x = True
    yield "{t} stores on the left"
    if t.fenced:
        w.barrier()
    yield "{t} goes on"
    t.seen = m.y
    t.done = True

@sequence("{t} stores y, and loads x and z", source=S)
def right(w, t: Task):
    m = w.the(Memory)
    when(t.second and not t.done)
    m.y = True
    yield "{t} stores on the right"
    t.seen = m.x
    yield "{t} loads x"
    t.seen = m.z
    t.done = True

@step("{t} goes to sleep", source=S)
def rest(w, t: Task):
    t.asleep = True

@condition("blind", "none saw anything", source=S)
def blind(w):
    return all(t.done and not t.seen for t in w.all(Task))

def setup(make, s):
    make(Memory, mirrored=s["machine"]["mirrored"])
    for number in range(3):
        make(Task, cpu=make(Cpu), second=number == 2, fenced=number == s["machine"]["fenced"])

MODEL = Model(name="kept", doc="", entities=(Cpu, Memory, Task), steps=(left, right, rest),
              conditions=(blind,), setup=setup,
              settings={"machine": {**MEMORY, "fenced": number(0, 1, default=0),
                                    "mirrored": flag(default=False)}})
"""
OTHERS: dict[str, dict[str, Any]] = {  # what is asked, with a machine that says something else
    "depth": {"store_buffer": 2},
    "entry": {"mirrored": True},
    "buffered": {"fenced": 1},
    "shared": {"mirrored": True},
}


@pytest.fixture
def model() -> Iterator[Model]:
    lowering_cache._FAMILIES.clear()
    yield load(MODEL)
    tidy()
    lowering_cache._FAMILIES.clear()


def made(model: Model, memory: str = "tso", **settings: Any) -> Machine:
    return build(model, {"machine": {"memory": memory, "store_buffer": 1, **settings}})


def code(machine: Machine) -> list[object]:
    """What a machine is made of, without the order in which its code was written."""
    return [
        [(str(v), v.domain.size) for v in machine.variables],
        [_code(machine, i.index) for i in machine.instances],
        machine.passing,
    ]


def _code(machine: Machine, index: int) -> list[object]:
    blocks = machine.codes[index].blocks
    return [
        (b.number, b.ops, sorted(b.end.writes.items()) if isinstance(b.end, Emit) else b.end)
        for b in blocks
    ]


def after_another(model: Model, other: dict[str, Any]) -> list[object]:
    """Return the code of a machine that is made after one of the same model."""
    lowering_cache._FAMILIES.clear()
    made(model)
    return code(made(model, **other))


@pytest.mark.parametrize("asked", OTHERS)
def test_what_is_asked_of_store_buffers_tells_machines_apart(
    model: Model, asked: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where one of the questions is not noted, a machine has some code of another."""
    alone = code(made(model, **OTHERS[asked]))
    assert after_another(model, OTHERS[asked]) == alone
    found = RecordedReads.found

    def forgetful(self: RecordedReads, question: str, about: object, answer: Any) -> Any:
        return answer if question == asked else found(self, question, about, answer)

    monkeypatch.setattr(RecordedReads, "found", forgetful)
    assert after_another(model, OTHERS[asked]) != alone


def test_what_asks_for_no_store_buffer_is_lowered_once(
    model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One family of machines has them all, with buffers or without."""
    made(model, "sc")
    lowered: list[str] = []
    lower = prune.lower_instance

    def lower_instance(machine: Machine, instance: Instance, reads: RecordedReads) -> Code:
        lowered.append(instance.step.name)
        return lower(machine, instance, reads)

    monkeypatch.setattr(prune, "lower_instance", lower_instance)
    made(model, "tso", store_buffer=3)
    assert "left" in lowered
    assert "rest" not in lowered
