"""Small worlds in which fairness decides: a lock, interrupts, a queue of tasks, a handshake."""

from __future__ import annotations

from enum import Enum

from vmlitmus.lang import (
    Assumption,
    Entity,
    Model,
    Sections,
    World,
    condition,
    sequence,
    step,
    when,
)

S = Assumption("small", "a small world")


class Lock(Entity):
    """A lock that one task holds at a time."""

    holder: Task | None = None


class Task(Entity):
    """A task that wants the lock again and again."""

    waits: bool = True
    served: bool = False


@step("{task} takes the lock", source=S)
def take(w: World, task: Task) -> None:
    when(w.the(Lock).holder is None)
    w.the(Lock).holder = task
    task.served = True


@step("{task} drops the lock", source=S, fair="weak")
def drop(w: World, task: Task) -> None:
    when(w.the(Lock).holder is task)
    w.the(Lock).holder = None
    task.served = False


@condition("first-waits", "task0 waits for the lock", source=S)
def first_waits(w: World) -> bool:
    return not w.all(Task)[0].served


@condition("first-served", "task0 has the lock", source=S)
def first_served(w: World) -> bool:
    return w.all(Task)[0].served


def two_tasks(make, settings) -> None:
    make(Lock)
    make(Task)
    make(Task)


LOCK = Model(
    name="lock",
    doc="a lock",
    entities=(Lock, Task),
    steps=(take, drop),
    conditions=(first_waits, first_served),
    setup=two_tasks,
)


class Cpu(Entity):
    """A cpu with interrupts, and a vcpu that wants to run on it."""

    pending: bool = False
    ran: bool = False


@step("an interrupt arrives at {cpu}", source=S, disturbance="interrupt")
def interrupt(w: World, cpu: Cpu) -> None:
    when(not cpu.pending)
    cpu.pending = True


@step("{cpu} serves the interrupt", source=S, fair="weak")
def serve(w: World, cpu: Cpu) -> None:
    when(cpu.pending)
    cpu.pending = False


@step("the vcpu runs on {cpu}", source=S, fair="weak")
def run_vcpu(w: World, cpu: Cpu) -> None:
    when(not cpu.pending)
    cpu.ran = True


@condition("ran", "the vcpu has run", source=S)
def ran(w: World) -> bool:
    return all(cpu.ran for cpu in w.all(Cpu))


@condition("pending", "an interrupt is pending", source=S)
def pending(w: World) -> bool:
    return any(cpu.pending for cpu in w.all(Cpu))


@condition("not-pending", "no interrupt is pending", source=S)
def not_pending(w: World) -> bool:
    return not any(cpu.pending for cpu in w.all(Cpu))


def one_cpu(make, settings) -> None:
    make(Cpu)


INTERRUPTS = Model(
    name="interrupts",
    doc="interrupts",
    entities=(Cpu,),
    steps=(interrupt, serve, run_vcpu),
    conditions=(ran, pending, not_pending),
    setup=one_cpu,
)


class Light(Enum):
    RED = "red"
    GREEN = "green"


class Vcpu(Entity):
    """Asks for a kick, and waits in a sequence until it is there."""

    light: Light = Light.RED
    done: bool = False


@sequence(source=S, fair="weak")
def handshake(w: World, vcpu: Vcpu) -> Sections:
    when(not vcpu.done)
    yield "{vcpu} asks"
    when(vcpu.light == Light.GREEN)
    vcpu.done = True
    yield "{vcpu} is kicked"


@step("{vcpu} gets {light}", source=S)
def signal(w: World, vcpu: Vcpu, light: Light) -> None:
    when(vcpu.light != light)
    vcpu.light = light


@condition("done", "every vcpu is done", source=S)
def done(w: World) -> bool:
    return all(vcpu.done for vcpu in w.all(Vcpu))


def two_vcpus(make, settings) -> None:
    make(Vcpu)
    make(Vcpu)


HANDSHAKE = Model(
    name="handshake",
    doc="a handshake",
    entities=(Vcpu,),
    steps=(handshake, signal),
    conditions=(done,),
    setup=two_vcpus,
)
