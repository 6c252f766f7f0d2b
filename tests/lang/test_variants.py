"""A shipped model with something changed: fields, sections, mechanisms, and where an actor is."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from vmlitmus.compiler import build
from vmlitmus.engine import run
from vmlitmus.errors import ModelError, VmlitmusError
from vmlitmus.lang import Hooks, Model, never, possible
from vmlitmus.litmus.user_model.load import load_model
from vmlitmus.model import TOPICS
from vmlitmus.outcome import Verdict

BODY = """
from vmlitmus.lang import *

GUESS = Assumption("guess", "a model for a test")


class Door(Entity):
    open: bool = False


class Guest(Entity):
    tired: bool = False
    inside: bool = False
    door: Door


@sequence(source=GUESS)
def enter(w, guest: Guest):
    when(not guest.inside)
    guest.tired = True
    yield "{guest} knocks"
    guest.door.open = True
    yield "{guest} opens"
    guest.inside = True
    yield "{guest} is in"


@step("{guest} leaves", source=GUESS)
def leave(w, guest: Guest):
    when(guest.inside and guest.idle)
    guest.inside = False
    guest.tired = False
    guest.door.open = False


@condition("inside", "a guest is inside", source=GUESS)
def inside(w):
    return any(guest.inside for guest in w.all(Guest))


@condition("both-open", "both guests stand behind an open door", source=GUESS)
def both_open(w):
    return all(guest.stands_at("{guest} opens") for guest in w.all(Guest))


@condition("waits", "a guest has knocked, and its door is shut", source=GUESS)
def waits(w):
    return any(g.stands_at("{guest} knocks") and not g.door.open for g in w.all(Guest))


def populate(make, s):
    door = make(Door)
    for _ in range(2):
        make(Guest, door=door)


BASE = Model(name="house", doc="", entities=(Door, Guest), steps=(enter, leave),
             conditions=(inside, both_open, waits), setup=populate)
MODEL = BASE
"""


def model(tmp_path: Path, more: str = "") -> Model:
    path = tmp_path / "house.py"
    path.write_text(BODY + textwrap.dedent(more))
    return load_model(str(path))


def verdicts(made: Model, claim) -> set[tuple[Verdict, int, int]]:
    """Return what both engines find: verdict, states, depth."""
    found = set()
    for engine in ("reference", "compiled"):
        result = run(build(made), claim, engine=engine)
        found.add((result.verdict, result.states, result.depth))
    return found


def test_a_condition_asks_where_an_actor_is(tmp_path: Path) -> None:
    made = model(tmp_path)
    [(verdict, _, depth)] = verdicts(made, possible("both-open"))
    assert (verdict, depth) == (Verdict.HOLDS, 4)
    [(verdict, _, depth)] = verdicts(made, possible("waits"))
    assert (verdict, depth) == (Verdict.HOLDS, 1)


def test_a_label_that_no_sequence_has(tmp_path: Path) -> None:
    made = model(
        tmp_path,
        """
        @condition("bad", "asks for a label that is not there", source=GUESS)
        def bad(w):
            return any(guest.stands_at("{guest} knock") for guest in w.all(Guest))
        MODEL = BASE.variant(conditions=(bad,))
        """,
    )
    with pytest.raises(ModelError, match="knocks"):
        build(made)


def test_a_label_of_a_sequence_that_is_not_in_play(tmp_path: Path) -> None:
    made = model(
        tmp_path,
        """
        @sequence(source=GUESS, disturbance="fire")
        def flee(w, guest: Guest):
            when(guest.inside)
            guest.tired = True
            yield "{guest} runs"
            guest.inside = False
            yield "{guest} is out"

        @condition("runs", "a guest runs", source=GUESS)
        def runs(w):
            return any(guest.stands_at("{guest} runs") for guest in w.all(Guest))
        MODEL = BASE.variant(steps=(flee,), conditions=(runs,))
        """,
    )
    assert {v for v, _, _ in verdicts(made, possible("runs"))} == {Verdict.VIOLATED}
    for engine in ("reference", "compiled"):
        machine = build(made, allow=("fire",))
        assert run(machine, possible("runs"), engine=engine).verdict is Verdict.HOLDS


AMENDED = """
    def ring(w, guest):
        when(not guest.door.open)
        yield "{guest} rings"

    MODEL = BASE.variant(instead={enter: amended(enter, WHERE("{guest} opens", ring))})
    """


@pytest.mark.parametrize(
    ("where", "ever_both"),
    [("before", Verdict.HOLDS), ("after", Verdict.VIOLATED), ("instead", Verdict.VIOLATED)],
)
def test_amended_sections(tmp_path: Path, where: str, ever_both: Verdict) -> None:
    """Before: who rang earlier still opens. After: nobody passes. Instead: nobody opens."""
    made = model(tmp_path, AMENDED.replace("WHERE", where))
    if where == "instead":
        with pytest.raises(ModelError, match="opens"):
            build(made)  # the condition asks for a label that is gone
        return
    found = verdicts(made, possible("inside"))
    assert {v for v, _, _ in found} == {ever_both}, found
    assert len(found) == 1


def test_an_amendment_needs_its_label(tmp_path: Path) -> None:
    made = model(tmp_path, AMENDED.replace("WHERE", "after").replace("opens", "openz"))
    with pytest.raises(ModelError, match="opens"):
        build(made)


def test_an_amendment_takes_only_names_of_the_sequence(tmp_path: Path) -> None:
    text = AMENDED.replace("WHERE", "after").replace("(w, guest)", "(w, gast)")
    made = model(tmp_path, text.replace("guest.door", "gast.door"))
    with pytest.raises(ModelError, match="gast"):
        build(made)


EXTENDED = """
    class Count:
        visits: Annotated[int, Between(0, 2)] = 0

    @step("{guest} is counted", source=GUESS)
    def counted(w, guest: Guest):
        when(guest.inside and guest.visits < 2)
        guest.visits += 1

    @condition("twice", "a guest was counted twice", source=GUESS)
    def twice(w):
        return any(guest.visits == 2 for guest in w.all(Guest))

    MODEL = BASE.variant(fields={Guest: Count}, steps=(counted,), conditions=(twice,))
    """


def test_an_entity_gets_a_field(tmp_path: Path) -> None:
    made = model(tmp_path, "\nfrom typing import Annotated\n" + textwrap.dedent(EXTENDED))
    assert {v for v, _, _ in verdicts(made, possible("twice"))} == {Verdict.HOLDS}
    assert len(verdicts(made, never("twice"))) == 1


def test_a_field_is_not_declared_twice(tmp_path: Path) -> None:
    text = textwrap.dedent(EXTENDED).replace(
        "visits: Annotated[int, Between(0, 2)] = 0", "tired: bool = False"
    )
    made = model(tmp_path, "\nfrom typing import Annotated\n" + text)
    with pytest.raises(ModelError, match="already"):
        build(made)


@pytest.mark.parametrize("topic", TOPICS)
def test_every_topic_takes_a_mechanism(topic: str) -> None:
    """Each mechanism under another name too: the same machine, whatever the topic."""
    base = TOPICS[topic]
    for table, settings in base.settings.items():
        for key, setting in settings.items():
            if setting.hooks is None:
                continue
            name = setting.default
            copied: type[Hooks] = type("Copied", (base.hooks[setting.hooks][name],), {})
            made = base.variant(mechanisms={setting.hooks: {"copied": copied}})
            other = build(made, {table: {key: "copied"}})
            own = build(base, {table: {key: name}})
            assert len(other.instances) == len(own.instances)
            assert other.initial == own.initial


def test_a_variant_replaces_nothing_silently() -> None:
    base = TOPICS["cache-flush"]
    kind, known = next(iter(base.hooks.items()))
    name, mechanism = next(iter(known.items()))
    with pytest.raises(VmlitmusError, match=name):
        base.variant(mechanisms={kind: {name: mechanism}})


@pytest.mark.parametrize(
    ("instead", "said"),
    [
        ("{other: enter}", "this enter() is not that of {name}, which is in "),
        ("{helper: enter}", "helper is no step of {name}: it has no @step"),
        ("{enter: helper}", "is no step: it has no @step or @sequence"),
        ("{strange: enter}", "unknown step 'strange'"),
    ],
)
def test_what_is_put_in_place_of_a_step(tmp_path: Path, instead: str, said: str) -> None:
    """The line of the file is named, and what is wrong with the pair."""
    text = f"""
    other = amended(enter)
    strange = step("{{guest}} stays", source=GUESS)(lambda w, guest: None)
    strange.function.__name__ = "strange"
    def helper(w, guest): ...
    MODEL = BASE.variant(instead={instead})
    """
    with pytest.raises(ModelError) as caught:
        model(tmp_path, text)
    line = (tmp_path / "house.py").read_text().split("MODEL = BASE.v")[0].count("\n") + 1
    assert f"house.py:{line}: instead: " in str(caught.value)
    assert said.format(name="house") in str(caught.value)


def test_a_section_is_left_out(tmp_path: Path) -> None:
    """Without the last section nobody gets in."""
    made = model(
        tmp_path,
        """
        def nothing(w):
            yield from ()

        MODEL = BASE.variant(instead={enter: amended(enter, instead("{guest} is in", nothing))})
        """,
    )
    assert {v for v, _, _ in verdicts(made, possible("inside"))} == {Verdict.VIOLATED}
    assert {v for v, _, _ in verdicts(model(tmp_path), possible("inside"))} == {Verdict.HOLDS}


def test_a_section_that_begins_in_an_if_above_cannot_be_left_out(tmp_path: Path) -> None:
    made = model(
        tmp_path,
        """
        def nothing(w):
            yield from ()

        @sequence(source=GUESS)
        def visit(w, guest: Guest):
            when(not guest.inside)
            if guest.tired:
                yield "{guest} rests"
            guest.inside = True
            yield "{guest} is here"

        MODEL = BASE.variant(steps=(amended(visit, instead("{guest} is here", nothing)),))
        """,
    )
    told = "begins in an 'if' or a loop of visit\\(\\) that stands above; switch a part of it off"
    with pytest.raises(ModelError, match=told):
        build(made)
