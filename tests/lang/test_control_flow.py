"""Control flow around yields: sections do what the untransformed generator does.

Each body of a sequence is given with the labels that it says, in order, when it runs alone from the
world below. It is also compared with its generator in every state of that run, and on random walks
where another step changes the world between its sections; and both engines must agree on it.
"""

from __future__ import annotations

import random

import pytest
from generators import generator_differs
from judge import disagreement, load

from vmlitmus.compiler import Machine, build
from vmlitmus.engine.reference.search import Stepper
from vmlitmus.errors import ModelError
from vmlitmus.lang import Claim

MODEL = """from __future__ import annotations
from typing import Annotated
from vmlitmus.lang import *
from small_world import *

def pair(w, a, c):
    yield "pair one"
    c.count = 0
    yield "pair two"

def early(w, a, c):
    if c.flag:
        yield "early leaves"
        return
    yield "early stays"
    c.flag = True

def at_once(w, a, c):
    if c.flag:
        return
    yield "late"

def nested(w, a, c):
    kept = c.flag
    yield from pair(w, a, a.home)
    if kept:
        yield "nested kept"

class Mine(Policy):
    def before(self, w, a):
        a.count = 1

    def during(self, w, a, c):
        for d in w.all(Cell):
            if d is c:
                continue
            yield "hook at {d}"
        a.count = -1
        yield "hook done"

@step("{c} changes", source=S, disturbance="storm")
def change(w, c: Cell):
    c.flag = not c.flag
    c.count = (c.count + 1) % 3

@sequence("end", source=S)
def walk(w, a: Actor):
    c = w.all(Cell)[0]
BODY

@condition("goal", "a goal", source=S)
def goal(w):
    return all(c.flag for c in w.all(Cell))

def setup(make, s):
    cells = [make(Cell, flag=i != 1, count=(2, 0, 1)[i]) for i in range(3)]
    make(Actor, home=cells[1], seen=(cells[0], cells[2]))

MODEL = Model(name="m", doc="", entities=(Cell, Actor), steps=(change, walk),
    conditions=(goal,), setup=setup, hooks={Policy: {"mine": Mine}})
"""

CASES = {
    "a yield in each arm": (
        "if c.flag:\n    yield 'a'\nelse:\n    yield 'b'\nc.count = 1\nyield 'c'",
        "a c",
    ),
    "a yield in one arm, not taken": (
        "if not c.flag:\n    yield 'a'\nelse:\n    c.count = 0\nc.flag = False\nyield 'b'\n"
        "if c.count == 0:\n    yield 'c'",
        "b c",
    ),
    "branches in branches": (
        "if c.flag:\n    if c.count == 2:\n        yield 'a'\n        c.flag = False\n"
        "    else:\n        yield 'b'\nelse:\n    yield 'c'\nif c.flag:\n    yield 'd'\nyield 'e'",
        "a e",
    ),
    "elif": (
        "if c.count == 0:\n    yield 'a'\nelif c.count == 2:\n    yield 'b'\nelse:\n    yield 'c'\n"
        "c.flag = False\nyield 'd'",
        "b d",
    ),
    "a loop over all": (
        "for d in w.all(Cell):\n    d.count = 1\n    yield 'at {d}'\nyield 'b'",
        "at_cell0 at_cell1 at_cell2 b",
    ),
    "a loop over a set that changes": (
        "for d in a.seen:\n    a.seen.clear()\n    yield 'at {d}'\nyield 'b'",
        "at_cell0 at_cell2 b",
    ),
    "a loop over what a test selects": (
        "for d in {x for x in w.all(Cell) if x.count > 0}:\n    d.count = 0\n    yield 'at {d}'",
        "at_cell0 at_cell2 end",
    ),
    "a loop over an empty set": ("for d in a.home.friends:\n    yield 'at {d}'\nyield 'b'", "b"),
    "a loop over an enum": (
        "for k in Colour:\n    c.colour = k\n    yield 'paint {k}'\nc.flag = False",
        "paint_red paint_green paint_blue end",
    ),
    "a break before the yield": (
        "for d in w.all(Cell):\n    if not d.flag:\n        break\n    yield 'at {d}'\nyield 'b'",
        "at_cell0 b",
    ),
    "a break after the yield": (
        "for d in w.all(Cell):\n    yield 'at {d}'\n    if not d.flag:\n        break\n"
        "    d.count = 0\nyield 'b'",
        "at_cell0 at_cell1 b",
    ),
    "a continue before the yield": (
        "for d in w.all(Cell):\n    if d.flag:\n        continue\n    yield 'at {d}'\nyield 'b'",
        "at_cell1 b",
    ),
    "a continue after the yield": (
        "for d in w.all(Cell):\n    yield 'at {d}'\n    if d.flag:\n        continue\n"
        "    yield 'down {d}'\nyield 'b'",
        "at_cell0 at_cell1 down_cell1 at_cell2 b",
    ),
    "a yield in one arm within a loop": (
        "for d in w.all(Cell):\n    if d.flag:\n        yield 'at {d}'\n    d.count = 1\nyield 'b'",
        "at_cell0 at_cell2 b",
    ),
    "loops in loops": (
        "for d in w.all(Cell):\n    for e in a.seen:\n        if e is d:\n            break\n"
        "        yield '{d} to {e}'\n    d.count = 0\nyield 'b'",
        "cell1_to_cell0 cell1_to_cell2 cell2_to_cell0 b",
    ),
    "a continue of the outer loop after an inner one": (
        "for d in w.all(Cell):\n    for e in a.seen:\n        yield '{d} to {e}'\n"
        "        if d.flag:\n            break\n    if d.flag:\n        continue\n"
        "    yield 'done {d}'\nyield 'b'",
        "cell0_to_cell0 cell1_to_cell0 cell1_to_cell2 done_cell1 cell2_to_cell0 b",
    ),
    "a while loop": (
        "while c.count > 0:\n    c.count -= 1\n    yield 'a'\nyield 'b'",
        "a a b",
    ),
    "a while loop that is never entered": (
        "while c.count > 2:\n    yield 'a'\nc.flag = False\nyield 'b'",
        "b",
    ),
    "a while loop that a break ends": (
        "while True:\n    if c.count == 0:\n        break\n    yield 'a'\n    c.count -= 1\n"
        "yield 'b'",
        "a a b",
    ),
    "continue in a while loop": (
        "while c.count > 0:\n    c.count -= 1\n    yield 'a'\n    if c.count == 1:\n"
        "        continue\n    yield 'b'\nyield 'c'",
        "a a b c",
    ),
    "a while loop in a for loop": (
        "for d in w.all(Cell):\n    while d.count > 0:\n        d.count -= 1\n"
        "        yield 'down {d}'\n    d.flag = False\nyield 'b'",
        "down_cell0 down_cell0 down_cell2 b",
    ),
    "a for loop in a while loop": (
        "while c.count > 0:\n    c.count -= 1\n    for d in a.seen:\n        yield 'at {d}'\n"
        "    yield 'round'\nyield 'b'",
        "at_cell0 at_cell2 round at_cell0 at_cell2 round b",
    ),
    "a return after a yield": (
        "if c.flag:\n    yield 'a'\n    return\nyield 'b'",
        "a",
    ),
    "a return that is not taken": (
        "if not c.flag:\n    yield 'a'\n    return\nyield 'b'\nc.count = 0\nyield 'c'",
        "b c",
    ),
    "a return from loops": (
        "for d in w.all(Cell):\n    for e in w.all(Cell):\n        yield '{d} to {e}'\n"
        "        if not e.flag:\n            return\nyield 'b'",
        "cell0_to_cell0 cell0_to_cell1 end",
    ),
    "a local that is set in a block": (
        "with w.locked('xchg'):\n    found = c.count\n    if found > 0:\n        c.count = 0\n"
        "yield 'a'\n"
        "if found == 2:\n    yield 'b'\n    c.flag = False",
        "a b end",
    ),
    "a sub-sequence": (
        "yield from pair(w, a, c)\nc.flag = False\nyield 'b'",
        "pair_one pair_two b",
    ),
    "a sub-sequence twice": (
        "yield from pair(w, a, c)\nyield from pair(w, a, a.home)",
        "pair_one pair_two pair_one pair_two",
    ),
    "a sub-sequence in a loop": (
        "for d in w.all(Cell):\n    yield from pair(w, a, d)\n    d.flag = True\nyield 'b'",
        "pair_one pair_two " * 3 + "b",
    ),
    "a sub-sequence that returns early": (
        "yield from early(w, a, c)\nc.count = 0\nyield 'b'",
        "early_leaves b",
    ),
    "a sub-sequence that does not return early": (
        "yield from early(w, a, a.home)\nyield 'b'",
        "early_stays b",
    ),
    "a sub-sequence that returns, in a loop": (
        "for d in w.all(Cell):\n    yield from early(w, a, d)\nyield 'b'",
        "early_leaves early_stays early_leaves b",
    ),
    "a sub-sequence that returns at once": (
        "yield from at_once(w, a, c)\nc.flag = False\nyield 'b'\nyield from at_once(w, a, c)",
        "b late",
    ),
    "a sub-sequence of a sub-sequence": (
        "yield from nested(w, a, c)\nyield 'b'",
        "pair_one pair_two nested_kept b",
    ),
    "a hook with yields": (
        "w.use(Policy).before(w, a)\nyield from w.use(Policy).during(w, a, c)\nyield 'b'",
        "hook_at_cell1 hook_at_cell2 hook_done b",
    ),
    "a local across yields": (
        "old = c.flag\nyield 'a'\nc.flag = False\nyield 'b'\nif old:\n    yield 'c'\n"
        "c.flag = old\nyield 'd'",
        "a b c d",
    ),
    "a local set anew between yields": (
        "old = c.count > 5\nyield 'a'\nold = c.flag\nyield 'b'\nif old:\n    yield 'c'",
        "a b c",
    ),
    "a local set in one arm": (
        "old = False\nif c.flag:\n    old = True\n    yield 'a'\nyield 'b'\nif old:\n    yield 'c'",
        "a b c",
    ),
    "an int that counts": (
        "n: Annotated[int, Between(0, 6)] = 0\nfor d in w.all(Cell):\n    n += d.count\n"
        "    yield 'at {d}'\nif n == 3:\n    yield 'three'",
        "at_cell0 at_cell1 at_cell2 three",
    ),
    "a set across yields": (
        "old = a.seen\na.seen.clear()\nyield 'a'\na.seen = old - {c}\nyield 'b'\n"
        "for d in a.seen:\n    yield 'at {d}'",
        "a b at_cell2 end",
    ),
    "a parameter set anew": (
        "c = a.home\nyield 'a'\nif not c.flag:\n    c.flag = True\n    yield 'b'",
        "a b",
    ),
    "nothing after the last yield": ("c.flag = False\nyield 'a'", "a"),
    "effects after the last yield": ("yield 'a'\nc.flag = False", "a end"),
    "a guard that waits for itself": ("yield 'a'\nwhen(not c.flag)\nyield 'b'", "a"),
}


def machine(body: str, *, storm: bool) -> Machine:
    lines = "\n".join("    " + line for line in body.split("\n"))
    return build(load(MODEL.replace("BODY", lines)), allow=("storm",) if storm else ())


@pytest.mark.parametrize("name", CASES)
def test_alone(name: str) -> None:
    body, said = CASES[name]
    made = machine(body, storm=False)
    stepper = Stepper(made)
    state, labels = made.initial, []
    at = next((v.index for v in made.variables if v.name == "_at"), None)
    while len(labels) < 20:
        options = stepper.successors(state)
        if labels and (not options or at is None or not state[at]):
            break
        (instance, _, after) = options[0]
        assert len(options) == 1, "alone, a sequence has one way to go"
        stepper.load(state)
        fired = made.describe(instance, *made.fire(instance))
        made.back(state)
        labels.append(fired.label.replace(" ", "_"))
        state = after
    assert labels == said.split()
    assert generator_differs(made, lambda n: 0) is None


@pytest.mark.parametrize("name", CASES)
def test_with_a_world_that_changes(name: str) -> None:
    made = machine(CASES[name][0], storm=True)
    for seed in range(8):
        assert generator_differs(made, random.Random(seed).randrange, steps=15) is None


@pytest.mark.parametrize("name", CASES)
def test_both_engines(name: str) -> None:
    found = disagreement(machine(CASES[name][0], storm=False), [Claim("recoverable", "goal")], ())
    assert found.kind == "compared"
    assert found.differs is None


def test_a_return_before_any_yield_in_a_loop_around_the_call_is_refused() -> None:
    with pytest.raises(ModelError, match="within a loop around its call"):
        machine("for d in w.all(Cell):\n    yield from at_once(w, a, d)\nyield 'b'", storm=False)
