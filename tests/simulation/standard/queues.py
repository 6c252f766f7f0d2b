"""Standard stochastic models with known answers, written as models of this project."""

from __future__ import annotations

from typing import Annotated, Any

from vmlitmus.lang import Assumption, Between, Entity, Model, World, condition, step, when

S = Assumption("textbook", "a standard stochastic model")
MOST = 4000


class Line(Entity):
    """Customers who wait or are served; ``room`` is how many there is place for."""

    length: Annotated[int, Between(0, MOST)] = 0
    room: Annotated[int, Between(0, MOST)] = MOST


class Server(Entity):
    """One server."""

    busy: bool = False


@step("a customer comes", source=S)
def arrive(w: World, line: Line) -> None:
    when(line.length < line.room)
    line.length += 1


@step("a customer comes and finds no room", source=S)
def lose(w: World, line: Line) -> None:
    when(line.length == line.room)


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


def queue(servers: int, room: int = MOST) -> Model:
    """Return a queue with one line and some servers."""

    def setup(make: Any, settings: Any) -> None:
        make(Line, room=room)
        for _ in range(servers):
            make(Server)

    return Model(
        name="queue",
        doc="customers and servers",
        entities=(Line, Server),
        steps=(arrive, lose, begin, serve),
        conditions=(one_or_more, two_or_more, five_or_more, all_busy),
        setup=setup,
    )


class Machine(Entity):
    """Something that works, or is down, or is being repaired."""

    down: bool = False
    in_repair: bool = False


class Shop(Entity):
    """Repairmen: how many are free."""

    free: Annotated[int, Between(0, 64)] = 1


@step("{machine} fails", source=S)
def fail(w: World, machine: Machine) -> None:
    when(not machine.down)
    machine.down = True


@step("a repairman takes up {machine}", source=S)
def take_up(w: World, machine: Machine) -> None:
    when(machine.down and not machine.in_repair and w.the(Shop).free > 0)
    machine.in_repair = True
    w.the(Shop).free -= 1


@step("{machine} is repaired", source=S)
def repair(w: World, machine: Machine) -> None:
    when(machine.in_repair)
    machine.down = False
    machine.in_repair = False
    w.the(Shop).free += 1


@condition("first-up", "machine0 works", source=S)
def first_up(w: World) -> bool:
    return not w.all(Machine)[0].down


@condition("all-up", "all machines work", source=S)
def all_up(w: World) -> bool:
    return not any(m.down for m in w.all(Machine))


@condition("all-down", "no machine works", source=S)
def all_down(w: World) -> bool:
    return all(m.down for m in w.all(Machine))


def workshop(machines: int, repairmen: int) -> Model:
    """Return machines that fail, and repairmen: M/M/R//N with exponential times."""

    def setup(make: Any, settings: Any) -> None:
        make(Shop, free=repairmen)
        for _ in range(machines):
            make(Machine)

    return Model(
        name="workshop",
        doc="machines and repairmen",
        entities=(Shop, Machine),
        steps=(fail, take_up, repair),
        conditions=(first_up, all_up, all_down),
        setup=setup,
    )


class Coupon(Entity):
    """A kind of coupon."""

    found: bool = False


@step("a coupon of kind {coupon} comes", source=S)
def collect(w: World, coupon: Coupon) -> None:
    coupon.found = True


@condition("collected", "there is a coupon of each kind", source=S)
def collected(w: World) -> bool:
    return all(c.found for c in w.all(Coupon))


@condition("none-collected", "there is no coupon yet", source=S)
def none_collected(w: World) -> bool:
    return not any(c.found for c in w.all(Coupon))


@step("the first of all is {coupon}", source=S)
def win(w: World, coupon: Coupon) -> None:
    when(not any(c.found for c in w.all(Coupon)))
    coupon.found = True


@condition("third-won", "it is the third", source=S)
def third_won(w: World) -> bool:
    return len(w.all(Coupon)) > 2 and w.all(Coupon)[2].found


def race(runners: int) -> Model:
    """Return a race: the first of some is the last thing that happens."""

    def setup(make: Any, settings: Any) -> None:
        for _ in range(runners):
            make(Coupon)

    return Model(
        name="race",
        doc="a race",
        entities=(Coupon,),
        steps=(win,),
        conditions=(none_collected, third_won),
        setup=setup,
    )


def coupons(kinds: int) -> Model:
    """Return a collector of coupons."""

    def setup(make: Any, settings: Any) -> None:
        for _ in range(kinds):
            make(Coupon)

    return Model(
        name="coupons",
        doc="coupons",
        entities=(Coupon,),
        steps=(collect,),
        conditions=(collected, none_collected),
        setup=setup,
    )


class Walker(Entity):
    """Something that goes up and down by one; at ``top`` it stops, at 0 it may."""

    height: Annotated[int, Between(0, 64)] = 0
    top: Annotated[int, Between(0, 64)] = 5
    stops_below: bool = False


@step("{walker} goes up", source=S)
def up(w: World, walker: Walker) -> None:
    when(walker.height < walker.top and not (walker.stops_below and walker.height == 0))
    walker.height += 1


@step("{walker} goes down", source=S)
def down(w: World, walker: Walker) -> None:
    when(0 < walker.height < walker.top)
    walker.height -= 1


@condition("at-top", "the walker is at the top", source=S)
def at_top(w: World) -> bool:
    return w.the(Walker).height == w.the(Walker).top


@condition("at-bottom", "the walker is at the bottom", source=S)
def at_bottom(w: World) -> bool:
    return w.the(Walker).height == 0


@condition("inside", "the walker is between", source=S)
def inside(w: World) -> bool:
    return 0 < w.the(Walker).height < w.the(Walker).top


def walk(start: int, top: int, *, ruin: bool) -> Model:
    """Return a birth-death chain that ends at the top; with ``ruin`` at the bottom as well."""

    def setup(make: Any, settings: Any) -> None:
        make(Walker, height=start, top=top, stops_below=ruin)

    return Model(
        name="walk",
        doc="a walker",
        entities=(Walker,),
        steps=(up, down),
        conditions=(at_top, at_bottom, inside),
        setup=setup,
    )


class Tandem(Entity):
    """Two queues behind one another, the first with two phases."""

    first: Annotated[int, Between(0, 64)] = 0
    second: Annotated[int, Between(0, 64)] = 0
    phase: Annotated[int, Between(1, 2)] = 1
    room: Annotated[int, Between(0, 64)] = 5


@step("a job comes to the first queue", source=S)
def come(w: World, t: Tandem) -> None:
    when(t.first < t.room)
    t.first += 1


@step("the first queue goes to its second phase", source=S)
def second_phase(w: World, t: Tandem) -> None:
    when(t.first > 0 and t.phase == 1)
    t.phase = 2


@step("a job passes after the first phase", source=S)
def pass_early(w: World, t: Tandem) -> None:
    when(t.first > 0 and t.phase == 1 and t.second < t.room)
    t.first -= 1
    t.second += 1


@step("a job passes after the second phase", source=S)
def pass_late(w: World, t: Tandem) -> None:
    when(t.first > 0 and t.phase == 2 and t.second < t.room)
    t.phase = 1
    t.first -= 1
    t.second += 1


@step("a job leaves the second queue", source=S)
def depart(w: World, t: Tandem) -> None:
    when(t.second > 0)
    t.second -= 1


@condition("first-full", "the first queue is full", source=S)
def first_full(w: World) -> bool:
    return w.the(Tandem).first == w.the(Tandem).room


def _holds(n: int, which: str) -> Any:
    def first_has(w: World) -> bool:
        return w.the(Tandem).first >= n

    def second_has(w: World) -> bool:
        return w.the(Tandem).second >= n

    made = first_has if which == "first" else second_has
    return condition(f"{which}-has-{n}", f"the {which} queue has {n} jobs", source=S)(made)


def tandem(room: int) -> Model:
    """Return PRISM's tandem: M/Cox2/1 into M/M/1, both with so much room."""

    def setup(make: Any, settings: Any) -> None:
        make(Tandem, room=room)

    counts = tuple(_holds(n, q) for q in ("first", "second") for n in range(1, room + 1))
    return Model(
        name="tandem",
        doc="two queues",
        entities=(Tandem,),
        steps=(come, second_phase, pass_early, pass_late, depart),
        conditions=(first_full, *counts),
        setup=setup,
    )
