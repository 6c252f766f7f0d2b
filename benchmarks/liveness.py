"""Time liveness claims on more than a million states: python benchmarks/liveness.py [--cpus N].

In the first model cpus go round, take a lock on the way, and are interrupted. cpu0 gets the lock
whenever it wants it where the lock is strongly fair, and may starve where it is weakly fair. In the
second model they draw tickets for a lock and get it in that order, so that weak fairness is enough.
Prints a line for each claim; ``recoverable`` needs no fairness.
"""

from __future__ import annotations

import argparse
import resource
import time
from typing import Annotated

from vmlitmus.compiler import build
from vmlitmus.engine import run
from vmlitmus.lang import (
    Assumption,
    Between,
    Claim,
    Entity,
    Fairness,
    Model,
    Settings,
    Setup,
    World,
    condition,
    leads_to,
    number,
    recoverable,
    step,
    when,
)

S = Assumption("benchmark", "a model made to be timed")
WANTS, HOLDS, LAST = 1, 2, 5  # places on the way round
TICKETS = 13  # one more than there may be cpus


class Cpu(Entity):
    pending: bool = False
    at: Annotated[int, Between(0, LAST)] = 0


class Host(Entity):
    holder: Cpu | None = None


class Thread(Entity):
    ticket: Annotated[int, Between(0, TICKETS)] = 0
    inside: bool = False


class Lock(Entity):
    following: Annotated[int, Between(1, TICKETS)] = 1
    serving: Annotated[int, Between(1, TICKETS)] = 1
    tickets: Annotated[int, Between(1, TICKETS)] = TICKETS


@step("an interrupt arrives at {cpu}", source=S, disturbance="interrupt")
def interrupt(w: World, cpu: Cpu) -> None:
    when(not cpu.pending)
    cpu.pending = True


@step("{cpu} serves the interrupt", source=S, fair="weak")
def serve(w: World, cpu: Cpu) -> None:
    when(cpu.pending)
    cpu.pending = False


@step("{cpu} goes on", source=S, fair="weak")
def go(w: World, cpu: Cpu) -> None:
    when(cpu.at != WANTS and cpu.at != LAST)
    cpu.at += 1


@step("{cpu} drops the lock", source=S, fair="weak")
def drop(w: World, cpu: Cpu) -> None:
    when(cpu.at == LAST)
    w.the(Host).holder = None
    cpu.at = 0


def lock(fair: Fairness | None) -> object:
    """Return the step that takes the lock, with some fairness."""

    @step("{cpu} takes the lock", source=S, fair=fair)
    def take(w: World, cpu: Cpu) -> None:
        when(cpu.at == WANTS and w.the(Host).holder is None)
        w.the(Host).holder = cpu
        cpu.at = HOLDS

    return take


@step("{thread} draws a ticket", source=S)
def draw(w: World, thread: Thread) -> None:
    lock = w.the(Lock)
    when(thread.ticket == 0)
    thread.ticket = lock.following
    lock.following = 1 if lock.following == lock.tickets else lock.following + 1


@step("{thread} lets the next one in", source=S, fair="weak")
def pass_on(w: World, thread: Thread) -> None:
    lock = w.the(Lock)
    when(thread.inside)
    thread.inside = False
    thread.ticket = 0
    lock.serving = 1 if lock.serving == lock.tickets else lock.serving + 1


def entering(fair: Fairness | None) -> object:
    """Return the step that goes in with a ticket, with some fairness."""

    @step("{thread} goes in", source=S, fair=fair)
    def enter(w: World, thread: Thread) -> None:
        when(thread.ticket == w.the(Lock).serving and not thread.inside)
        thread.inside = True

    return enter


@condition("wants", "cpu0 wants the lock", source=S)
def wants(w: World) -> bool:
    return w.all(Cpu)[0].at == WANTS


@condition("has", "cpu0 has the lock", source=S)
def has(w: World) -> bool:
    return w.all(Cpu)[0].at == HOLDS


@condition("waits", "the first thread has a ticket", source=S)
def waits(w: World) -> bool:
    return w.all(Thread)[0].ticket != 0


@condition("in", "the first thread is inside", source=S)
def inside(w: World) -> bool:
    return w.all(Thread)[0].inside


def populate(make: Setup, s: Settings) -> None:
    make(Host)
    for _ in range(s["machine"]["cpus"]):
        make(Cpu)


def populate_threads(make: Setup, s: Settings) -> None:
    make(Lock, tickets=s["machine"]["cpus"] + 1)
    for _ in range(s["machine"]["cpus"]):
        make(Thread)


def model(fair: Fairness | None) -> Model:
    """Return the model with a lock of some fairness."""
    return Model(
        name="lock",
        doc="A lock among interrupts.",
        entities=(Host, Cpu),
        steps=(interrupt, serve, go, drop, lock(fair)),
        conditions=(wants, has),
        setup=populate,
        settings={"machine": {"cpus": number(1, 12, default=8)}},
    )


def tickets(fair: Fairness | None) -> Model:
    """Return the model with tickets, where going in has some fairness."""
    return Model(
        name="tickets",
        doc="A lock that is handed over in order.",
        entities=(Lock, Thread),
        steps=(draw, entering(fair), pass_on),
        conditions=(waits, inside),
        setup=populate_threads,
        settings={"machine": {"cpus": number(1, TICKETS - 1, default=8)}},
    )


FAIR: tuple[Fairness | None, ...] = ("strong", "weak", None)


def seconds() -> float:
    """Return the cpu seconds of this process, those of the system included."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def timed(made: Model, fair: Fairness | None, claim: Claim, cpus: int) -> None:
    """Decide a claim and print how long that took."""
    machine = build(made, {"machine": {"cpus": cpus}}, allow=list(made.disturbances))
    wall, cpu = time.monotonic(), seconds()
    r = run(machine, claim, engine="compiled")
    wall, cpu = time.monotonic() - wall, seconds() - cpu
    steps = len(r.trace or ())
    lasso = f", lasso of {steps} steps, the loop after {r.loop_start}" if steps else ""
    print(
        f"{made.name}: {claim} ({fair}): {r.verdict.value}, {r.states} states,"
        f" {r.transitions} transitions, {wall:.2f} s ({cpu:.2f} s of cpu){lasso}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cpus", type=int, default=8)
    cpus = parser.parse_args().cpus
    for make, waiting, done in ((model, "wants", "has"), (tickets, "waits", "in")):
        timed(make("strong"), "strong", recoverable(done), cpus)
        for fair in FAIR:
            timed(make(fair), fair, leads_to(waiting, done), cpus)


if __name__ == "__main__":
    main()
