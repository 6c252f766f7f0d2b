"""Time liveness claims on more than a million states: python benchmarks/liveness.py [--cpus N].

Cpus go round, take a lock on the way, and are interrupted. cpu0 gets the lock whenever it wants it
where the lock is strongly fair, and may starve where it is weakly fair. Prints a line for each, and
one for `recoverable` on the same graph, which needs no fairness.
"""

from __future__ import annotations

import argparse
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


class Cpu(Entity):
    pending: bool = False
    at: Annotated[int, Between(0, LAST)] = 0


class Host(Entity):
    holder: Cpu | None = None


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


def lock(fair: Fairness) -> object:
    """Return the step that takes the lock, with some fairness."""

    @step("{cpu} takes the lock", source=S, fair=fair)
    def take(w: World, cpu: Cpu) -> None:
        when(cpu.at == WANTS and w.the(Host).holder is None)
        w.the(Host).holder = cpu
        cpu.at = HOLDS

    return take


@condition("wants", "cpu0 wants the lock", source=S)
def wants(w: World) -> bool:
    return w.all(Cpu)[0].at == WANTS


@condition("has", "cpu0 has the lock", source=S)
def has(w: World) -> bool:
    return w.all(Cpu)[0].at == HOLDS


def populate(make: Setup, s: Settings) -> None:
    make(Host)
    for _ in range(s["machine"]["cpus"]):
        make(Cpu)


def model(fair: Fairness) -> Model:
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cpus", type=int, default=8)
    cpus = parser.parse_args().cpus
    claims: tuple[tuple[Fairness, Claim], ...] = (
        ("strong", recoverable("has")),
        ("strong", leads_to("wants", "has")),
        ("weak", leads_to("wants", "has")),
    )
    for fair, claim in claims:
        machine = build(model(fair), {"machine": {"cpus": cpus}}, allow=["interrupt"])
        wall, cpu = time.monotonic(), time.process_time()
        r = run(machine, claim, engine="compiled")
        wall, cpu = time.monotonic() - wall, time.process_time() - cpu
        steps = len(r.trace or ())
        lasso = f", lasso of {steps} steps, the loop after {r.loop_start}" if steps else ""
        print(
            f"{claim} ({fair}): {r.verdict.value}, {r.states} states, {r.transitions} transitions,"
            f" {wall:.2f} s ({cpu:.2f} s of cpu){lasso}"
        )


if __name__ == "__main__":
    main()
