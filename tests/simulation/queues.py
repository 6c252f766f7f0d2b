"""Standard stochastic models with known answers, written as models of this project."""

from __future__ import annotations

from typing import Annotated, Any

from vmlitmus.lang import (
    Assumption,
    Between,
    Entity,
    Model,
    World,
    condition,
    step,
    when,
)

S = Assumption("textbook", "a standard model of queueing theory")
MOST = 4000


class Line(Entity):
    """Customers who wait or are served: at most MOST."""

    length: Annotated[int, Between(0, MOST)] = 0


class Server(Entity):
    """One server; ``busy`` is true while it serves."""

    busy: bool = False


@step("a customer comes", source=S)
def arrive(w: World) -> None:
    when(w.the(Line).length < MOST)
    w.the(Line).length += 1


@step("{server} begins to serve", source=S)
def begin(w: World, server: Server) -> None:
    when(not server.busy)
    when(sum(1 for s in w.all(Server) if s.busy) < w.the(Line).length)
    server.busy = True


@step("{server} has served", source=S)
def serve(w: World, server: Server) -> None:
    when(server.busy)
    server.busy = False
    w.the(Line).length -= 1


def _at_least(n: int) -> Any:
    def holds(w: World) -> bool:
        return w.the(Line).length >= 1

    holds.__name__ = f"at_least_{n}"
    return holds


@condition("one-or-more", "there is a customer", source=S)
def one_or_more(w: World) -> bool:
    return w.the(Line).length >= 1


@condition("two-or-more", "there are two customers", source=S)
def two_or_more(w: World) -> bool:
    return w.the(Line).length >= 2


@condition("five-or-more", "there are five customers", source=S)
def five_or_more(w: World) -> bool:
    return w.the(Line).length >= 5


@condition("all-busy", "all servers are busy", source=S)
def all_busy(w: World) -> bool:
    return all(s.busy for s in w.all(Server))


def queue(servers: int) -> Model:
    """Return a queue with one line and some servers."""

    def setup(make: Any, settings: Any) -> None:
        make(Line)
        for _ in range(servers):
            make(Server)

    return Model(
        name="queue",
        doc="customers and servers",
        entities=(Line, Server),
        steps=(arrive, begin, serve),
        conditions=(one_or_more, two_or_more, five_or_more, all_busy),
        setup=setup,
    )
