"""A part, or a fix of a kernel version, writes no field that only claims read."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from judge import load
from part_writes import Parts

import vmlitmus
from vmlitmus.lang import explained
from vmlitmus.model import TOPICS
from vmlitmus.model.kvm.page_state.fault import prepare
from vmlitmus.model.kvm.page_state.versions import BY_RMP

MODEL = """from __future__ import annotations
from typing import Annotated
from vmlitmus.lang import *

S = Assumption("s", "a test")

class Line(Entity):
    dirty: bool = False
    lost: bool = False
    times: Annotated[int, Between(0, 3)] = 0
    seen: Set[Line]

def mark(line, bad):
    if bad:
        line.lost = True

def lose(line):
    line.lost = True

def settle(line):
    if line.dirty:
        line.lost = True

def bad(w):
    return not w.part("flush")

@step("{line} goes", source=S)
def go(w, line: Line):
    when(not line.dirty)
BODY

@condition("lost", "a line is lost", source=S)
def lost(w):
    return any(x.lost or x.times == 3 or len(x.seen) > 0 for x in w.all(Line))

def setup(make, s):
    make(Line)

MODEL = Model(name="m", doc="", entities=(Line,), steps=(go,), conditions=(lost,), setup=setup)
"""

HINT = (
    "only claims read what these parts write: let a part change what happens (a guard, an order, a "
    "wait), and note the history in the step where it comes about, whether the part is on or not"
)
ASSERTED = {
    "in a branch": ("if w.part('flush'):\n    line.lost = True", "lost"),
    "in the other branch": ("if w.part('flush'):\n    pass\nelse:\n    line.lost = True", "lost"),
    "with another test": ("if line.dirty or not w.part('flush'):\n    line.lost = True", "lost"),
    "in a branch of a branch": (
        "if w.part('flush'):\n    for x in w.all(Line):\n        x.lost = x.dirty",
        "lost",
    ),
    "as a value": ("line.lost = not w.part('flush')", "lost"),
    "through a local": ("off = not w.part('flush')\nif off:\n    line.lost = True", "lost"),
    "through an argument": ("mark(line, not w.part('flush'))", "lost"),
    "through a function's answer": ("if bad(w):\n    line.lost = True", "lost"),
    "a set": ("if not w.part('flush'):\n    line.seen.add(line)", "seen"),
    "a counter": ("if not w.part('flush'):\n    line.times += 1", "times"),
    "a counter with a limit": (
        "if not w.part('flush') and line.times < 3:\n    line.times = line.times + 1",
        "times",
    ),
}
CAUSED = {
    "a field that a guard reads": "if not w.part('flush'):\n    line.dirty = True",
    "a history that is written anyway": "line.lost = line.dirty\nif w.part('flush'):\n    pass",
    "a history after a check": "when(w.part('flush') or line.dirty)\nline.lost = True",
    "a history that a called mechanism writes": "if w.part('flush'):\n    settle(line)",
}


def parts(body: str) -> Parts:
    lines = "\n".join("    " + line for line in body.split("\n"))
    return Parts(load(MODEL.replace("BODY", lines)))


@pytest.mark.parametrize("name", ASSERTED)
def test_a_bug_that_is_asserted_is_seen(name: str) -> None:
    body, field = ASSERTED[name]
    assert set(parts(body).asserted) == {field}


@pytest.mark.parametrize("name", CAUSED)
def test_a_bug_that_is_caused_is_none(name: str) -> None:
    assert not parts(CAUSED[name]).asserted


@pytest.mark.parametrize("topic", TOPICS)
def test_no_part_asserts_a_bug(topic: str) -> None:
    found = Parts(TOPICS[topic])
    assert found.written, "the parts of a topic do something"
    assert not found.asserted, HINT


def test_a_docstring_may_explain_the_part_of_a_fix() -> None:
    assert BY_RMP.part in explained([prepare])


def test_each_explanation_is_a_paragraph_of_its_own() -> None:
    """Otherwise it belongs to the explanation of another part, and explains nothing."""
    for path in (Path(vmlitmus.__file__).parent / "model").rglob("*.py"):
        text = path.read_text()
        alone = re.findall(r'(?:\n\s*\n|""")\s*Not load-bearing: "', text)
        assert len(alone) == text.count("Not load-bearing:"), path
