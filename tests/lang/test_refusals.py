"""Faulty models are refused when they are built, with file, line and reason."""

from __future__ import annotations

import pytest
from judge import load

from vmlitmus.compiler import build
from vmlitmus.engine import run
from vmlitmus.errors import ModelError, ScenarioError
from vmlitmus.lang import Claim
from vmlitmus.model import TOPICS

GOOD = """from __future__ import annotations
from enum import Enum
from typing import Annotated
from vmlitmus.lang import *

S = Assumption("s", "a test")

class Thing(Entity):
    flag: bool = False
    count: Annotated[int, Between(0, 2)] = 0
    other: Thing | None = None
    few: Set[Thing]

def helper(t):
    t.flag = True
    return True

def more(w, t):
    yield "{t} goes on"

@step("{t} goes", source=S)
def go(w, t: Thing):
    when(not t.flag)
    t.flag = True

@sequence("{t} ends", source=S)
def walk(w, t: Thing):
    when(t.flag)
    yield "{t} begins"
    t.flag = False

@condition("flagged", "a flag", source=S)
def flagged(w):
    return any(t.flag for t in w.all(Thing))

def setup(make, s):
    make(Thing)
    make(Thing)

MODEL = Model(
    name="m", doc="", entities=(Thing,), steps=(go, walk), conditions=(flagged,), setup=setup
)
"""

REFUSED = [
    ("flag: bool = False", "flag: int = 0", "an int needs bounds"),
    ("flag: bool = False", "flag: str = ''", "unbounded"),
    ("flag: bool = False", "flag: bool = 3", "3 is not a bool"),
    ("few: Set[Thing]", "few: Set[Page]", "Page"),
    ("    t.flag = True\n\n@sequence", "    t.count = 3\n\n@sequence", "3 is not in 0..2"),
    ("    t.flag = True\n\n@sequence", "    t.colour = 3\n\n@sequence", "'colour'"),
    ("when(not t.flag)", "when(not t.flog)", "did you mean 'flag'"),
    ("when(not t.flag)", "when(helper(t))", "a guard or a condition changes nothing"),
    (
        "    when(not t.flag)\n    t.flag = True",
        "    t.flag = True\n    when(not t.flag)",
        "after an effect",
    ),
    ('@step("{t} goes", source=S)', '@step("{t} goes")', "neither a source nor an assumption"),
    ('"{t} begins"', '"{t} goes"', "used twice"),
    ('"{t} begins"', '"{u} begins"', "unknown name 'u'"),
    ('@sequence("{t} ends", source=S)', "@sequence(source=S)", "has no label"),
    ("    when(not t.flag)", "    while True:\n        t.flag = True", "while"),
    ("    when(not t.flag)", "    try:\n        pass\n    finally:\n        pass", "try"),
    ("    when(not t.flag)", "    print(t)", "'print' cannot be called"),
    ("    when(not t.flag)", "    when((lambda: True)())", "lambda"),
    (
        "    when(not t.flag)",
        "    when(nothing)",
        "unknown name 'nothing'; did you mean 'Thing', or is an import missing?",
    ),
    ("    when(t.flag)\n    yield", "    more(w, t)\n    yield", "write 'yield from more(...)'"),
    ("    when(t.flag)\n    yield", "    while t.flag:\n        t.count = 0\n    yield", "yield"),
    ("    when(t.flag)\n    yield", "    x = yield\n    yield", "yield"),
    ("def go(w, t: Thing)", "def go(w, t)", "needs an entity or an enum"),
    ("return any(t.flag for t in w.all(Thing))", "return w.all(Thing)[5].flag", "constant index"),
    ("make(Thing)\n    make", "make(Thing, flog=True)\n    make", "did you mean 'flag'"),
    (
        "t.flag = False\n\n@cond",
        "n = 0\n    yield 'x'\n    n = n + 1\n    yield 'y'\n    t.count = n\n\n@cond",
        None,
    ),
]


@pytest.mark.parametrize(("old", "new", "message"), REFUSED)
def test_refused(old: str, new: str, message: str | None) -> None:
    assert GOOD.count(old) >= 1
    text = GOOD.replace(old, new, 1)
    if message is None:
        build(load(text))
        return
    with pytest.raises(ModelError) as caught:
        build(load(text))
    assert message in str(caught.value)


def test_a_label_is_wrong_where_it_stands() -> None:
    with pytest.raises(ModelError) as caught:
        build(load(GOOD.replace('"{t} begins"', '"{u} begins"')))
    line = GOOD[: GOOD.index('"{t} begins"')].count("\n") + 1
    assert str(caught.value).endswith(f":{line}: unknown name 'u'")


def test_a_condition_that_nobody_asks_for_can_be_left_alone() -> None:
    old, new, message = next(row for row in REFUSED if row[2] == "constant index")
    machine = build(load(GOOD.replace(old, new, 1)), conditions=False)
    with pytest.raises(ModelError, match=message):
        machine.codes["flagged"]


LATE = {
    "after a field": "t.flag = True\n    when(t.other is None)",
    "after a set": "t.few.add(t)\n    when(not t.flag)",
    "after a branch": "if t.flag:\n        t.count = 1\n    when(not t.flag)",
    "in a branch": "t.count = 1\n    if t.flag:\n        when(t.other is None)",
}
IN_TIME = {
    "in both branches": "if t.flag:\n        when(t.count == 0)\n        t.count = 1\n"
    "    else:\n        when(t.count == 1)\n        t.count = 0",
    "after a branch that returns": "if t.flag:\n        t.count = 1\n        return\n"
    "    when(t.count == 0)",
}


@pytest.mark.parametrize("body", LATE.values(), ids=list(LATE))
def test_a_late_guard_is_refused_before_a_scenario_is_built(body: str) -> None:
    model = load(GOOD.replace("    when(not t.flag)\n    t.flag = True", f"    {body}"))
    with pytest.raises(ModelError, match=r"go\(\): a guard after an effect"):
        model.check()


@pytest.mark.parametrize("body", IN_TIME.values(), ids=list(IN_TIME))
def test_a_guard_in_time_is_not_refused(body: str) -> None:
    load(GOOD.replace("    when(not t.flag)\n    t.flag = True", f"    {body}")).check()


BRANCHES = {
    "a yield in both branches": (
        "if t.flag:\n        yield '{t} 1'\n    else:\n        yield '{t} 2'",
        False,
    ),
    "a yield in one branch": (
        "if t.flag:\n        yield '{t} 1'\n    else:\n        t.count = 2",
        True,
    ),
    "a yield in the only branch": ("if t.flag:\n        yield '{t} 1'", True),
    "a yield in a loop": ("for u in w.all(Thing):\n        yield '{u} 1'", True),
    "a yield in a with": ("with w.locked('lock'):\n        yield '{t} 1'", False),
}


@pytest.mark.parametrize(("block", "late"), BRANCHES.values(), ids=list(BRANCHES))
def test_whether_a_yield_comes_on_every_way(block: str, late: bool) -> None:
    body = f"    t.count = 1\n    {block}\n    when(t.count == 1)\n    yield"
    model = load(GOOD.replace("    when(t.flag)\n    yield", body, 1))
    if not late:
        model.check()
        return
    with pytest.raises(ModelError, match=r"walk\(\): a guard after an effect"):
        model.check()


def test_a_yield_comes_between_an_effect_and_a_guard() -> None:
    late = GOOD.replace("    t.flag = False\n", "    t.flag = False\n    when(t.count == 0)\n")
    with pytest.raises(ModelError, match="walk"):
        load(late).check()
    guard = "    when(t.count == 0)"
    split = late.replace(guard, f'    yield "{{t}} goes on"\n{guard}')
    load(split).check()


@pytest.mark.parametrize("topic", TOPICS)
def test_no_shipped_model_has_a_late_guard(topic: str) -> None:
    TOPICS[topic].check()


def test_the_good_model_is_good() -> None:
    result = run(build(load(GOOD)), Claim("possible", "flagged"), engine="reference")
    assert result.verdict == "holds"


@pytest.mark.parametrize("engine", ["reference", "compiled"])
@pytest.mark.parametrize(
    "effect", ["t.count = t.count + 1", "t.few.remove(t)", "t.flag = t.other.flag"]
)
def test_faults_while_running_name_the_step(engine: str, effect: str) -> None:
    text = GOOD.replace(
        "    when(not t.flag)\n    t.flag = True", f"    {effect}\n    t.flag = True"
    )
    text = text.replace("    t.flag = False\n", "    t.other = None\n    t.flag = False\n")
    machine = build(load(text))
    with pytest.raises(ModelError, match=r"go\(thing0\)"):
        run(machine, Claim("never", "flagged"), engine=engine) and run(
            machine, Claim("recoverable", "flagged"), engine=engine
        )


def test_unknown_names_of_a_scenario() -> None:
    model = load(GOOD)
    for arguments in ({"allow": ["x"]}, {"without": ["x"]}, {"assume": {"x": True}}):
        with pytest.raises(ScenarioError, match="'x'"):
            build(model, **arguments)
