"""A field that a step changes and changes back is no variable, in either engine."""

from __future__ import annotations

import dataclasses

from judge import load

from vmlitmus.compiler import build
from vmlitmus.engine import run
from vmlitmus.lang import possible

MODEL = """from __future__ import annotations
from vmlitmus.lang import *
S = Assumption("s", "a test")

class Thing(Entity):
    busy: bool = False
    done: bool = False

@step("{t} works", source=S)
def work(w, t: Thing):
    t.busy = True
    t.done = t.busy
    t.busy = False

@condition("done", "it is done", source=S)
def done(w):
    return any(t.done and not t.busy for t in w.all(Thing))

def setup(make, s):
    make(Thing)

MODEL = Model(name="settled", doc="", entities=(Thing,), steps=(work,), conditions=(done,),
              setup=setup)
"""


def test_both_engines_pass_through_the_value() -> None:
    machine = build(load(MODEL))
    assert [str(v) for v in machine.variables] == ["thing0.done"]
    one, two = (run(machine, possible("done"), engine=e) for e in ("reference", "compiled"))
    assert one.verdict == "holds"
    assert one.states == 2
    same = {"engine": "", "seconds": 0}
    assert dataclasses.replace(one, **same) == dataclasses.replace(two, **same)
