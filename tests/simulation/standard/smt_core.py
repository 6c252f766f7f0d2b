"""A host whose cores have one or two threads, with jobs that come and go: what SMT is worth."""

from __future__ import annotations

from typing import Annotated, Any

from queues import S

from vmlitmus.lang import Between, Const, Entity, Model, World, step, when

MOST = 64


class Jobs(Entity):
    """The jobs that wait or are at work; beyond ``room`` nobody comes."""

    here: Annotated[int, Between(0, MOST)] = 0
    room: Const[Annotated[int, Between(1, MOST)]] = MOST
    cores: Const[Annotated[int, Between(1, 16)]] = 8
    threads: Const[Annotated[int, Between(1, 2)]] = 2


class Slot(Entity):
    """One thread: the first threads of all cores are taken before the second ones."""

    number: Const[Annotated[int, Between(0, 31)]] = 0


@step("a job comes", source=S)
def come(w: World, jobs: Jobs) -> None:
    when(jobs.here < jobs.room)
    jobs.here += 1


@step("{slot} ends a job, with a core to itself", source=S)
def end_alone(w: World, slot: Slot) -> None:
    jobs = w.the(Jobs)
    when(slot.number < jobs.here and not shares(jobs, slot))
    jobs.here -= 1


@step("{slot} ends a job beside another", source=S)
def end_beside(w: World, slot: Slot) -> None:
    jobs = w.the(Jobs)
    when(slot.number < jobs.here and shares(jobs, slot))
    jobs.here -= 1


def shares(jobs: Jobs, slot: Slot) -> bool:
    """Say whether the other thread of its core is at work as well."""
    if jobs.threads == 1:
        return False
    return slot.number >= jobs.cores or slot.number + jobs.cores < jobs.here


def host(cores: int, threads: int) -> Model:
    """Return a host of so many cores, each with one thread or two."""

    def setup(make: Any, settings: Any) -> None:
        make(Jobs, cores=cores, threads=threads)
        for number in range(cores * threads):
            make(Slot, number=number)

    return Model(
        name="host", doc="jobs on threads", entities=(Jobs, Slot),
        steps=(come, end_alone, end_beside), conditions=(), setup=setup,
    )  # fmt: skip


class Sender(Entity):
    """Sends to one target after the other."""

    sent: Annotated[int, Between(0, 255)] = 0
    targets: Const[Annotated[int, Between(1, 255)]] = 79


@step("the sender sends to the next", source=S)
def send(w: World, sender: Sender) -> None:
    when(sender.sent < sender.targets)
    sender.sent += 1


def broadcast(targets: int) -> Model:
    """Return one that sends to so many targets."""
    from vmlitmus.lang import condition

    @condition("all-sent", "it has sent to all", source=S)
    def all_sent(w: World) -> bool:
        return w.the(Sender).sent == w.the(Sender).targets

    @condition("none-sent", "it has sent to nobody", source=S)
    def none_sent(w: World) -> bool:
        return w.the(Sender).sent == 0

    def setup(make: Any, settings: Any) -> None:
        make(Sender, targets=targets)

    return Model(
        name="broadcast", doc="one after the other", entities=(Sender,), steps=(send,),
        conditions=(all_sent, none_sent), setup=setup,
    )  # fmt: skip
