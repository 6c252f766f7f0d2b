"""What tells machines apart is found in the code before it runs; what is not found is refused."""

from __future__ import annotations

import pytest
from judge import load

from vmlitmus.compiler import Machine, build
from vmlitmus.engine import run
from vmlitmus.errors import ModelError
from vmlitmus.lang import Claim, Model

MODEL = """from __future__ import annotations
from vmlitmus.lang import *

S = Assumption("s", "a test")
LAZY = Assumption("lazy", "a test", default=False)
ONE = Fix("one", KernelFile("a.c", "a()", "1"), "1")
TWO = Fix("two", KernelFile("a.c", "a()", "1"), "1")

class Names:
    ONE = "one"
    LAZY = LAZY

class Thing(Entity):
    amd: Const[bool] = False
    flag: bool = False

def asks(w, name):
    return w.part(name)

@step("{t} goes", source=S)
def go(w, t: Thing):
    fix = TWO if t.amd else ONE
    when(CONDITION)
    t.flag = True

@condition("flagged", "a flag", source=S)
def flagged(w):
    return any(t.flag for t in w.all(Thing))

def setup(make, s):
    make(Thing)

MODEL = Model(
    name="m", doc="", entities=(Thing,), steps=(go,), conditions=(flagged,), setup=setup,
    assumptions=(LAZY,), fixes=(ONE, TWO),
)
"""
HIDDEN = [
    "w.part(fix.part)",
    'all(w.part(name) for name in ("one", "two"))',
    'asks(w, "one")',
]
FOUND = ["w.part(ONE.part)", "w.part(Names.ONE)", 'w.part("one")']


def model(condition: str) -> Model:
    return load(MODEL.replace("CONDITION", condition))


@pytest.mark.parametrize("condition", HIDDEN)
def test_a_part_that_is_not_written_out_is_refused(condition: str) -> None:
    with pytest.raises(ModelError, match=r"part '(one|two)' .* w\.part\(NAME\)"):
        build(model(condition))


@pytest.mark.parametrize("condition", FOUND)
def test_machines_with_and_without_a_part_are_two(condition: str) -> None:
    known: dict[object, Machine] = {}
    found = model(condition)
    for without in ((), ("one",)):
        machine = build(found, without=without, known=known)
        known[machine.content] = machine
        holds = run(machine, Claim("never", "flagged")).verdict.value == "holds"
        assert holds is bool(without)
    assert len(known) == 2


@pytest.mark.parametrize("name", ["LAZY", "Names.LAZY"])
def test_machines_with_two_values_of_an_assumption_are_two(name: str) -> None:
    known: dict[object, Machine] = {}
    found = model(f"not w.assume({name})")
    for lazy in (False, True):
        machine = build(found, assume={"lazy": lazy}, known=known)
        known[machine.content] = machine
        holds = run(machine, Claim("never", "flagged")).verdict.value == "holds"
        assert holds is lazy
