"""Customers who are served in the order in which they came: what each of them waits is measured.

They sit in a ring: the next to come is that of number ``tail``, the next to be served ``head``.
"""

from __future__ import annotations

from typing import Annotated, Any

from queues import S

from vmlitmus.lang import Between, Const, Entity, Model, World, condition, step, when

RING = 48  # places; so many hardly ever wait at a load of 0.8


class Customer(Entity):
    """One place of the ring."""

    number: Const[Annotated[int, Between(0, RING - 1)]] = 0


class Desk(Entity):
    """One server. ``away`` is on vacation, ``down`` is interrupted while it serves."""

    head: Annotated[int, Between(0, RING - 1)] = 0
    tail: Annotated[int, Between(0, RING - 1)] = 0
    busy: bool = False
    away: bool = False
    down: bool = False
    takes_vacations: Const[bool] = False


class Second(Entity):
    """A server behind the first one, with a queue of its own."""

    head: Annotated[int, Between(0, RING - 1)] = 0
    busy: bool = False


def last(w: World) -> int:
    """Return the oldest customer who is still there."""
    return w.the(Second).head if w.all(Second) else w.the(Desk).head


@step("{customer} comes", source=S)
def join(w: World, customer: Customer) -> None:
    desk = w.the(Desk)
    when(customer.number == desk.tail and (desk.tail + 1) % RING != last(w))
    desk.tail = (desk.tail + 1) % RING


@step("the desk begins with {customer}", source=S)
def begin(w: World, customer: Customer) -> None:
    desk = w.the(Desk)
    when(customer.number == desk.head and desk.head != desk.tail)
    when(not desk.busy and not desk.away)
    desk.busy = True


@step("the desk is done with {customer}", source=S)
def serve(w: World, customer: Customer) -> None:
    desk = w.the(Desk)
    when(customer.number == desk.head and desk.busy and not desk.down)
    desk.busy = False
    desk.head = (desk.head + 1) % RING


@step("the desk goes on vacation", source=S)
def leave(w: World, desk: Desk) -> None:
    when(desk.takes_vacations and not desk.busy and not desk.away and desk.head == desk.tail)
    desk.away = True


@step("the desk is back", source=S)
def come_back(w: World, desk: Desk) -> None:
    when(desk.away)
    desk.away = False


@step("the desk is interrupted", source=S)
def interrupt(w: World, desk: Desk) -> None:
    when(desk.busy and not desk.down)
    desk.down = True


@step("the desk goes on", source=S)
def resume(w: World, desk: Desk) -> None:
    when(desk.down)
    desk.down = False


@step("the second desk begins with {customer}", source=S)
def begin_second(w: World, second: Second, customer: Customer) -> None:
    when(customer.number == second.head and second.head != w.the(Desk).head and not second.busy)
    second.busy = True


@step("{customer} leaves", source=S)
def depart(w: World, customer: Customer, second: Second) -> None:
    when(customer.number == second.head and second.busy)
    second.busy = False
    second.head = (second.head + 1) % RING


@condition("busy", "the desk serves", source=S)
def busy(w: World) -> bool:
    return w.the(Desk).busy


def line(*, vacations: bool = False, two: bool = False) -> Model:
    """Return customers before a desk, or before one and then another."""

    def setup(make: Any, settings: Any) -> None:
        make(Desk, takes_vacations=vacations)
        if two:
            make(Second)
        for number in range(RING):
            make(Customer, number=number)

    steps = [join, begin, serve, leave, come_back, interrupt, resume]
    return Model(
        name="line",
        doc="customers in a line",
        entities=(Desk, Second, Customer),
        steps=(*steps, begin_second, depart) if two else tuple(steps),
        conditions=(busy,),
        setup=setup,
    )


class Clock(Entity):
    """Something that rings, and somebody who looks at it now and then."""

    looked: bool = False


@step("{clock} rings", source=S)
def ring(w: World, clock: Clock) -> None:
    clock.looked = False


@step("somebody looks at {clock}", source=S)
def look(w: World, clock: Clock) -> None:
    when(not clock.looked)
    clock.looked = True


@condition("looked-at", "somebody has looked since it rang", source=S)
def looked_at(w: World) -> bool:
    return any(c.looked for c in w.all(Clock))


def clocks(count: int = 1) -> Model:
    """Return clocks that ring, each by itself."""

    def setup(make: Any, settings: Any) -> None:
        for _ in range(count):
            make(Clock)

    return Model(
        name="clocks",
        doc="clocks that ring",
        entities=(Clock,),
        steps=(ring, look),
        conditions=(looked_at,),
        setup=setup,
    )
