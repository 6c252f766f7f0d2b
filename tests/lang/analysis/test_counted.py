"""A bound that a model writes as a guard is a bound that the report says."""

from __future__ import annotations

from typing import Annotated

import pytest

from vmlitmus.cli.main import main
from vmlitmus.compiler import build
from vmlitmus.lang import (
    Assumption,
    Between,
    Entity,
    Model,
    Sections,
    Settings,
    Setup,
    World,
    condition,
    sequence,
    step,
    when,
)

NOBODY = Assumption("nobody-knows", "a machine of these tests")


class Task(Entity):
    sent: Annotated[int, Between(0, 5)] = 0
    first: Annotated[int, Between(1, 4)] = 1


@step("{task} sends", source=NOBODY)
def send(w: World, task: Task) -> None:
    when(task.sent < 2 and task.first == 1)
    task.sent += 1


@step("{task} counts from one", source=NOBODY)
def from_one(w: World, task: Task) -> None:
    when(task.first != 3)
    task.first += 1


@sequence("{task} sends in two sections", source=NOBODY)
def in_two(w: World, task: Task) -> Sections:
    when(task.sent <= 3)
    yield "{task} is about to send"
    when(task.first == 1)
    task.sent = min(task.sent + 1, 4)
    yield "{task} has sent"


@step("{task} sends without end", source=NOBODY)
def without_end(w: World, task: Task) -> None:
    task.sent = min(task.sent + 1, 5)


@step("{task} takes one back", source=NOBODY)
def take_back(w: World, task: Task) -> None:
    when(task.sent > 0)
    task.sent -= 1


@step("{task} begins anew", source=NOBODY)
def begin_anew(w: World, task: Task) -> None:
    when(task.sent == 2)
    task.sent = 0


@step("{task} goes on after the second", source=NOBODY)
def wait(w: World, task: Task) -> None:
    when(task.sent == 2)
    task.sent += 1


@condition("all-sent", "a task has sent twice", source=NOBODY)
def all_sent(w: World) -> bool:
    return any(task.sent == 2 for task in w.all(Task))


def one_task(make: Setup, settings: Settings) -> None:
    make(Task)


@pytest.mark.parametrize(
    ("steps", "guards"),
    [
        ((send,), ["send until task0.sent is 2"]),
        ((from_one,), ["from_one until task0.first is 3"]),
        ((send, from_one), ["send until task0.sent is 2", "from_one until task0.first is 3"]),
        ((in_two,), ["in_two until task0.sent is 4"]),
        ((without_end,), None),
        ((send, take_back), None),  # it may be sent again and again
        ((send, begin_anew), None),
        ((send, wait), ["send until task0.sent is 2"]),  # what waits for a value is not ended
        ((wait,), None),  # it never happens
    ],
)
def test_a_guard_that_ends_a_step_is_a_bound(steps: tuple, guards: list[str] | None) -> None:
    model = Model("tasks", "Tasks that send", (Task,), steps, (all_sent,), setup=one_task)
    assert build(model).bounds.get("guards") == guards


MODEL = '''"""A task that sends twice."""

from __future__ import annotations

from typing import Annotated

from vmlitmus.lang import Assumption, Between, Entity, Model, Settings, Setup, World
from vmlitmus.lang import condition, step, when

NOBODY = Assumption("nobody-knows", "a test")


class Task(Entity):
    sent: Annotated[int, Between(0, 9)] = 0


@step("{task} sends", source=NOBODY)
def send(w: World, task: Task) -> None:
    when(task.sent < 2)
    task.sent += 1


@condition("sent-thrice", "a task has sent three times", source=NOBODY)
def sent_thrice(w: World) -> bool:
    return any(task.sent == 3 for task in w.all(Task))


def one_task(make: Setup, settings: Settings) -> None:
    make(Task)


MODEL = Model("tasks", "Does a task send?", (Task,), (send,), (sent_thrice,), setup=one_task)
'''
TEST = """question = "Does a task send three times?"
topic = "tasks"
[claim]
never = "sent-thrice"
"""


def test_the_report_says_which_guards_a_verdict_is_limited_to(
    tmp_path, monkeypatch, capsys
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tasks.py").write_text(MODEL)
    (tmp_path / "thrice.toml").write_text(TEST)
    assert main(["explain", "thrice.toml", "--model", "tasks.py"]) == 0
    assert "Bounds: 1 task, disturbances: none, guards: send until task0.sent is 2." in (
        capsys.readouterr().out
    )
