"""What reports say of memory order: pairs, drains, "no pair", and which LOCK covers a barrier."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from dekker import Thread, model, nothing, other, through

from vmlitmus.cli.main import main
from vmlitmus.compiler import build
from vmlitmus.compiler.machine.memory_order import drains
from vmlitmus.engine import run
from vmlitmus.errors import ModelError
from vmlitmus.lang import Model, World, eventually, possible

MODEL = """
from dekker import *
from dekker import model, through

@sequence(source=SOURCE)
def look(w: World, thread: Thread) -> Sections:
    when(not thread.looked)
    thread.looked = True
    thread.flag = True
    yield "{thread} sets its flag"
    if w.part("smp_mb"):
        w.barrier()
    if w.part("set_bit"):
        w.barrier(by="set_bit()")
    yield "{thread} goes on"
    if not other(w, thread).flag:
        thread.went_on = True
    yield "{thread} has looked"

MODEL = model(look)
"""
TEST = """
question = "Can both go on?"
source = "this test"
topic = "dekker"

[claim]
never = "both-went-on"

[machine]
memory = "{memory}"

[kvm]
without = [{without}]
"""


@pytest.fixture
def ask(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    """Return a function that runs a command on the model's test."""
    (tmp_path / "barriers.py").write_text(MODEL)

    def call(*words: str, memory: str = "tso", without: str = "") -> str:
        path = tmp_path / "asked.toml"
        path.write_text(TEST.format(memory=memory, without=without))
        command, *more = words
        main([command, str(path), "--model", str(tmp_path / "barriers.py"), *more])
        return capsys.readouterr().out

    return call


def test_pairs_are_listed(ask: Any) -> None:
    """By field, function and line; without -v they are counted; JSON has them too."""
    both = '"smp_mb", "set_bit"'
    shown = " ".join(ask("explain", "-v", without=both).split())
    assert "Pairs of a store and what may be seen before it, with no drain between:" in shown
    assert "look() stores Thread.flag (" in shown
    assert "reads Thread.flag (" in shown
    assert "2 pairs of a store and what may pass it" in " ".join(
        ask("explain", without=both).split()
    )
    (entry,) = json.loads(ask("explain", "--json", without=both))["tests"]
    found = [(p["store"], p["then"], p["is_load"]) for p in entry["memory_order"]["pairs"]]
    assert found == [
        ("Thread.flag", "Thread.flag", True),
        ("Thread.flag", "Thread.went_on", False),
    ]


def test_no_pair_is_said(ask: Any) -> None:
    """With a barrier there is no pair, and the drains are listed; under sc nothing is said."""
    shown = " ".join(ask("explain", "-v").split())
    assert "no pair of a store and a load behind it: the sc answer is the tso answer" in shown
    assert "Drains between other stores and what follows them: - smp_mb() (" in shown
    assert "set_bit() (" not in shown
    assert "Pairs" not in shown
    assert "x86-TSO" not in ask("explain", "-v", memory="sc")
    (entry,) = json.loads(ask("explain", "--json", memory="sc"))["tests"]
    assert entry["memory_order"] is None


def test_which_lock_covers_a_barrier(ask: Any) -> None:
    """Each of two barriers covers the other; alone it is load-bearing."""
    shown = " ".join(ask("ablate").split())
    assert "covered by set_bit() (" in shown
    said = "not needed under TSO; the compiler and other architectures are not modelled"
    assert said in shown
    (entry,) = json.loads(ask("ablate", "--json"))["results"]
    covers = {part["name"]: part["covered_by"] for part in entry["parts"]}
    assert [text.partition(" ")[0] for text in covers["smp_mb"]] == ["set_bit()"]
    assert [text.partition(" ")[0] for text in covers["set_bit"]] == ["smp_mb()"]
    alone = " ".join(ask("ablate", without='"set_bit"').split())
    assert "load-bearing: violated" in alone


def test_under_sc_ablate_says_nothing_of_tso(ask: Any) -> None:
    """There every barrier is redundant, and the report does not say why."""
    assert "TSO" not in ask("ablate", memory="sc")


def test_stores_become_visible_in_finite_time() -> None:
    """A store does not wait in its buffer for ever, with buffers and without, in both engines."""
    for memory in ("sc", "tso"):
        machine = build(_looking_once(), {"machine": {"memory": memory}}, selective=False)
        for engine in ("reference", "compiled"):
            assert run(machine, possible("a-flag-seen"), engine=engine).verdict.value == "holds"
            found = run(machine, eventually("a-flag-seen"), engine=engine)
            assert found.verdict.value == "holds", (memory, engine)


def test_without_fairness_it_could_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """The promise is what makes it so."""

    unfair = drains.reaching
    monkeypatch.setattr(
        sys.modules["vmlitmus.compiler.build"],
        "reaching",
        lambda *given: [replace(step, fair=None) for step in unfair(*given)],
    )
    machine = build(_looking_once(), {"machine": {"memory": "tso"}}, selective=False)
    for engine in ("reference", "compiled"):
        assert run(machine, eventually("a-flag-seen"), engine=engine).verdict.value == "violated"


def _looking_once() -> Model:

    return model(replace(through(nothing), fair="weak"))


def two_reads(w: World, thread: Thread) -> None:
    thread.went_on = thread.flag and other(w, thread).flag


def store_and_read(w: World, thread: Thread) -> None:
    thread.flag = False
    thread.went_on = other(w, thread).flag


def read_and_store(w: World, thread: Thread) -> None:
    thread.flag = not thread.flag


def then_locked(w: World, thread: Thread) -> None:
    thread.went_on = other(w, thread).flag
    with w.locked("set_bit()"):
        thread.flag = True


@pytest.mark.parametrize(
    ("between", "said"),
    [
        (two_reads, "reads Thread.flag (LINE) and then reads Thread.flag"),
        (store_and_read, "stores Thread.flag (LINE) and then reads Thread.flag"),
        (read_and_store, "reads Thread.flag (LINE) and then stores Thread.flag"),
        (then_locked, "reads Thread.flag (LINE) and then does set_bit()"),
    ],
)
def test_two_accesses_in_one_section_are_refused(between: Any, said: str) -> None:
    """Another cpu may look between them; the message says where, and what can be written."""

    with pytest.raises(ModelError) as raised:
        build(model(through(between)))

    text = re.sub(r"\([^()]*test_order_in_reports\.py:\d+\)", "(LINE)", str(raised.value))
    assert said in text
    assert "another cpu may look between the two" in text
    assert 'w.unobserved("why nobody can look")' in text
    locked = 'with w.locked("...")' in text
    assert locked is (between is read_and_store)
