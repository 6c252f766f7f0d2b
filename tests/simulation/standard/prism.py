"""Systems of PRISM's benchmark set whose exact values are known, as models of this project.

Rates that grow with a count are steps of so many ``Slot`` entities, each with the rate of one.
"""

from __future__ import annotations

from typing import Annotated, Any

from queues import S

from vmlitmus.lang import Between, Const, Entity, Model, World, condition, step, when

Few = Annotated[int, Between(0, 8)]


class Slot(Entity):
    """Number ``number`` of what there may be several of."""

    number: Const[Few] = 0


# Polling: one server goes round stations that hold one customer each.


class Station(Entity):
    """Place for one customer."""

    number: Const[Few] = 0
    full: bool = False


class Server(Entity):
    """Stands at a station; ``first`` is which of the first two was served first: 1, 2, or 0."""

    at: Few = 0
    serves: bool = False
    first: Few = 0


@step("a customer comes to {station}", source=S)
def fill(w: World, station: Station) -> None:
    when(not station.full)
    station.full = True


@step("the server passes {station}", source=S)
def go_on(w: World, station: Station) -> None:
    server = w.the(Server)
    when(server.at == station.number and not server.serves and not station.full)
    server.at = (server.at + 1) % len(w.all(Station))


@step("the server begins at {station}", source=S)
def start(w: World, station: Station) -> None:
    server = w.the(Server)
    when(server.at == station.number and not server.serves and station.full)
    server.serves = True
    if server.first == 0 and station.number < 2:
        server.first = station.number + 1


@step("the server is done at {station}", source=S)
def done(w: World, station: Station) -> None:
    server = w.the(Server)
    when(server.at == station.number and server.serves)
    server.serves = False
    station.full = False
    server.at = (server.at + 1) % len(w.all(Station))


@condition("first-waits", "the first station waits", source=S)
def first_waits(w: World) -> bool:
    server = w.the(Server)
    return w.all(Station)[0].full and not (server.at == 0 and server.serves)


@condition("first-served", "the first station was served before the second", source=S)
def first_served(w: World) -> bool:
    return w.the(Server).first == 1


def polling(stations: int) -> Model:
    """Return a server that goes round so many stations."""

    def setup(make: Any, settings: Any) -> None:
        make(Server)
        for number in range(stations):
            make(Station, number=number)

    return Model(
        name="polling",
        doc="a server that goes round",
        entities=(Server, Station),
        steps=(fill, go_on, start, done),
        conditions=(first_waits, first_served),
        setup=setup,
    )


# Cluster: two groups of workstations, a switch each, a backbone, and one repair unit.


class Part(Entity):
    """A switch or the backbone."""

    up: bool = True
    in_repair: bool = False


class Group(Entity):
    """Workstations behind one switch."""

    up: Few = 0
    size: Const[Few] = 0
    in_repair: bool = False
    switch: Const[Part]


class RepairUnit(Entity):
    """One, which looks at something, and then repairs it."""

    taken: bool = False


@step("a workstation of {group} fails", source=S)
def fail_station(w: World, group: Group, slot: Slot) -> None:
    when(slot.number < group.up)
    group.up -= 1


@step("{part} fails", source=S)
def fail_part(w: World, part: Part) -> None:
    when(part.up)
    part.up = False


@step("the repair unit begins with {group}", source=S)
def inspect_group(w: World, group: Group) -> None:
    when(not w.the(RepairUnit).taken and not group.in_repair and group.up < group.size)
    w.the(RepairUnit).taken = True
    group.in_repair = True


@step("the repair unit begins with {part}", source=S)
def inspect_part(w: World, part: Part) -> None:
    when(not w.the(RepairUnit).taken and not part.in_repair and not part.up)
    w.the(RepairUnit).taken = True
    part.in_repair = True


@step("a workstation of {group} is repaired", source=S)
def repair_station(w: World, group: Group) -> None:
    when(group.in_repair and group.up < group.size)
    group.in_repair = False
    group.up += 1
    w.the(RepairUnit).taken = False


@step("{part} is repaired", source=S)
def repair_part(w: World, part: Part) -> None:
    when(part.in_repair and not part.up)
    part.in_repair = False
    part.up = True
    w.the(RepairUnit).taken = False


@condition("premium", "as many workstations as one group has are connected", source=S)
def premium(w: World) -> bool:
    size = w.all(Group)[0].size
    whole = any(g.up >= size and g.switch.up for g in w.all(Group))
    return whole or (sum(g.up for g in w.all(Group)) >= size and all(p.up for p in w.all(Part)))


def cluster(size: int) -> Model:
    """Return two groups of so many workstations."""

    def setup(make: Any, settings: Any) -> None:
        make(RepairUnit)
        switches = [make(Part) for _ in range(2)]
        make(Part)  # the backbone
        for switch in switches:
            make(Group, up=size, size=size, switch=switch)
        for number in range(size):
            make(Slot, number=number)

    return Model(
        name="cluster",
        doc="two groups of workstations",
        entities=(RepairUnit, Part, Group, Slot),
        steps=(
            fail_station, fail_part, inspect_group, inspect_part, repair_station, repair_part,
        ),
        conditions=(premium,),
        setup=setup,
    )  # fmt: skip


# Kanban: four cells that work, the second and third side by side.


class Stage(Entity):
    """One cell: its cards, and parts in work, to be done again, and done."""

    cards: Few = 0
    works: Few = 0
    again: Few = 0
    ready: Few = 0


class Cards(Entity):
    """How many cards there are for each cell."""

    most: Const[Few] = 1


def takes(w: World, stage: Stage) -> bool:
    """Say whether a cell has room."""
    return stage.cards < w.the(Cards).most and stage.works < w.the(Cards).most


def gives(stage: Stage) -> bool:
    """Say whether a cell has something to give."""
    return stage.ready > 0 and stage.cards > 0


def take(stage: Stage) -> None:
    """A part comes into a cell."""
    stage.cards += 1
    stage.works += 1


def give(stage: Stage) -> None:
    """A part leaves a cell."""
    stage.cards -= 1
    stage.ready -= 1


@step("a part comes in", source=S)
def into_first(w: World, cards: Cards) -> None:
    when(takes(w, w.all(Stage)[0]))
    take(w.all(Stage)[0])


@step("a part of the first cell goes on to both the second and the third", source=S)
def splits(w: World, cards: Cards) -> None:
    one, two, three, _ = w.all(Stage)
    when(gives(one) and takes(w, two) and takes(w, three))
    give(one)
    take(two)
    take(three)


@step("the parts of the second and third cell are joined in the fourth", source=S)
def joins(w: World, cards: Cards) -> None:
    _, two, three, four = w.all(Stage)
    when(gives(two) and gives(three) and takes(w, four))
    give(two)
    give(three)
    take(four)


@step("a part goes out", source=S)
def out_of_last(w: World, cards: Cards) -> None:
    when(gives(w.all(Stage)[3]))
    give(w.all(Stage)[3])


@step("a part of {stage} has to be done again", source=S)
def redo(w: World, stage: Stage) -> None:
    when(stage.works > 0 and stage.again < w.the(Cards).most)
    stage.works -= 1
    stage.again += 1


@step("a part of {stage} is good", source=S)
def good(w: World, stage: Stage) -> None:
    when(stage.works > 0 and stage.ready < w.the(Cards).most)
    stage.works -= 1
    stage.ready += 1


@step("a part of {stage} is begun again", source=S)
def back(w: World, stage: Stage) -> None:
    when(stage.again > 0 and stage.works < w.the(Cards).most)
    stage.again -= 1
    stage.works += 1


@condition("has-part", "the first cell works on a part", source=S)
def has_part(w: World) -> bool:
    return w.all(Stage)[0].works > 0


def kanban(cards: int) -> Model:
    """Return four cells with so many cards each."""

    def setup(make: Any, settings: Any) -> None:
        make(Cards, most=cards)
        for _ in range(4):
            make(Stage)

    return Model(
        name="kanban",
        doc="four cells",
        entities=(Cards, Stage),
        steps=(into_first, splits, joins, out_of_last, redo, good, back),
        conditions=(has_part,),
        setup=setup,
    )
