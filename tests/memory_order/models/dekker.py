"""Two threads that each set a flag and look at the other's, with something between the two."""

from __future__ import annotations

from collections.abc import Callable

from vmlitmus.lang import (
    Assumption,
    Entity,
    Model,
    Sections,
    Settings,
    Setup,
    Shared,
    Step,
    World,
    choice,
    condition,
    sequence,
    when,
)

SOURCE = Assumption("dekker", "written for these tests")


class Cpu(Entity, runs_on="self"):
    """A cpu."""


class Thread(Entity, runs_on="cpu"):
    """A thread; it sets its flag once, and looks once."""

    cpu: Cpu | None = None
    flag: Shared[bool] = False
    looked: bool = False
    went_on: bool = False


Between = Callable[[World, Thread], None]


def other(w: World, thread: Thread) -> Thread:
    """Return the other thread."""
    return w.all(Thread)[1] if thread is w.all(Thread)[0] else w.all(Thread)[0]


def nothing(w: World, thread: Thread) -> None:
    """Nothing happens."""


def through(between: Between) -> Step:
    """Return what a thread does, with something between its store and its load."""

    @sequence(source=SOURCE)
    def look(w: World, thread: Thread) -> Sections:
        when(not thread.looked)
        thread.looked = True
        thread.flag = True
        yield "{thread} sets its flag"
        between(w, thread)
        yield "{thread} goes on"
        if not other(w, thread).flag:
            thread.went_on = True
        yield "{thread} has looked"

    return look


@condition("both-went-on", "neither saw the flag of the other", source=SOURCE)
def both_went_on(w: World) -> bool:
    return all(thread.went_on for thread in w.all(Thread))


@condition("a-flag-seen", "a flag is in memory", source=SOURCE)
def a_flag_seen(w: World) -> bool:
    return any(thread.flag for thread in w.all(Thread))


def setup(make: Setup, settings: Settings) -> None:
    cpus = [make(Cpu), make(Cpu), make(Cpu)]
    for number in (0, 1):
        make(Thread, cpu=cpus[number])


def model(*steps: Step) -> Model:
    """Return a model with some steps, in which memory order may be chosen."""
    return Model(
        name="dekker",
        doc="two threads that each set a flag and look at the other's",
        entities=(Cpu, Thread),
        steps=steps,
        conditions=(both_went_on, a_flag_seen),
        setup=setup,
        settings={"machine": {"cores": choice("three", default="three")}, "kvm": {}},
    )
