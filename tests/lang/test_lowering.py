"""Lowered code does what Python does, where the two could easily differ."""

from __future__ import annotations

import dataclasses

import pytest
from judge import load

from vmlitmus.compiler import build
from vmlitmus.compiler.ir.fold import folded
from vmlitmus.compiler.ir.nodes import Branch, Code, Emit, Op
from vmlitmus.engine import run
from vmlitmus.lang import Claim

HEAD = """from __future__ import annotations
from vmlitmus.lang import *

S = Assumption("s", "a test")

class Thing(Entity):
    a: bool = False
    b: bool = False
    c: bool = False
    unwritten: bool = False

def sets(t):
    t.b = True
    return True

def flips(t):
    if t.a:
        t.b = not t.b
    return t.b

@step("{t} goes", source=S)
def go(w, t: Thing):
    t.a = not t.a
"""
TAIL = """
@condition("goal", "b is set and c is not", source=S)
def goal(w):
    return any(t.b and not t.c for t in w.all(Thing))

def populate(make, s):
    make(Thing)
    make(Thing)

MODEL = Model(name="m", doc="", entities=(Thing,), steps=(go, act), conditions=(goal,),
    setup=populate)
"""
EFFECTS = {
    "a function with an effect on the right of 'and'": "t.c = t.a and sets(t)",
    "a function with an effect on the right of 'or'": "t.c = t.a or sets(t)",
    "a function that branches on the right of 'and'": "t.c = t.c and flips(t)",
    "effects within 'and' within 'or'": "t.c = t.c or (t.a and sets(t)) or flips(t)",
    "an effect in a conditional expression": "t.c = sets(t) if t.a else flips(t)",
    "a field that nobody writes": "t.c = t.unwritten and sets(t)",
    "a way that is never taken": "if t.unwritten:\n        t.c = sets(t)\n    t.b = t.a",
}


@pytest.mark.parametrize("body", EFFECTS.values(), ids=EFFECTS)
@pytest.mark.parametrize("kind", ["never", "recoverable"])
def test_both_engines(body: str, kind) -> None:
    act = f'\n@step("{{t}} acts", source=S)\ndef act(w, t: Thing):\n    {body}\n'
    machine = build(load(HEAD + act + TAIL))
    one, two = (run(machine, Claim(kind, "goal"), engine=e) for e in ("reference", "compiled"))
    assert dataclasses.replace(one, engine="", seconds=0) == dataclasses.replace(
        two, engine="", seconds=0
    )
    assert one.states > 1


def test_a_field_that_nobody_writes_costs_no_state() -> None:
    act = '\n@step("{t} acts", source=S)\ndef act(w, t: Thing):\n    t.c = not t.unwritten\n'
    machine = build(load(HEAD + act + TAIL))
    assert [str(v) for v in machine.variables] == ["thing0.a", "thing1.a", "thing0.c", "thing1.c"]


def code_with_a_branch() -> Code:
    """Variable 0 decides between two blocks, which write a value of variable 1 through a phi."""
    code = Code()
    entry, then, other, joined = code.blocks[0], code.block(), code.block(), code.block()
    entry.ops = [Op("%t", "load", "i1", (0,)), Op("%x", "load", "i64", (1,))]
    entry.end = Branch("%t", then.number, other.number)
    then.ops = [Op("%a", "add", "i64", ("%x", 1))]
    then.end = other.end = Branch(1, joined.number, joined.number)
    joined.ops = [Op("%p", "phi", "i64", (("%a", then.number), (7, other.number)))]
    joined.end = Emit(0, {1: "%p"})
    return code


@pytest.mark.parametrize(("known", "value"), [(1, "%a"), (0, 7)])
def test_folding_a_decided_branch_leaves_one_block(known: int, value) -> None:
    done = folded(code_with_a_branch(), {0: known}, {1: 0})
    assert len(done.blocks) == 1
    assert done.blocks[0].end == Emit(0, {0: value})


def test_folding_keeps_what_is_open() -> None:
    done = folded(code_with_a_branch(), {}, {0: 1, 1: 0})
    assert [len(block.ops) for block in done.blocks] == [2, 1, 0, 1]
    assert done.blocks[0].ops[0].args == (1,)
    assert done.blocks[3].ops[0].args == (("%a", 1), (7, 2))
