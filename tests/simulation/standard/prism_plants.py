"""Two more systems of PRISM's benchmark set: an embedded controller, and a plant with machines."""

from __future__ import annotations

from enum import Enum
from typing import Annotated, Any

from prism import Few, Slot
from queues import S

from vmlitmus.lang import Between, Const, Entity, Model, World, condition, step, when


class Health(Enum):
    """How a processor is."""

    FAILED = "failed"
    REBOOTS = "reboots"
    WORKS = "works"


class Devices(Entity):
    """Sensors, or actuators; at ``least`` so many are needed, ``stay`` never fail."""

    working: Few = 0
    least: Const[Few] = 1
    stay: Const[Few] = 0


class Processor(Entity):
    """The input or the output processor."""

    health: Health = Health.WORKS
    devices: Const[Devices]
    is_input: Const[bool] = True


class Controller(Entity):
    """The main processor and the bus; ``skipped`` counts cycles in which nothing was done."""

    works: bool = True
    skipped: Annotated[int, Between(0, 9)] = 0
    most: Const[Few] = 2
    done: bool = True
    input_waits: bool = True
    output_waits: bool = False


def served(processor: Processor) -> bool:
    """Say whether a processor has the devices that it needs."""
    return processor.devices.working >= processor.devices.least


def fine(processor: Processor) -> bool:
    """Say whether a processor does its work."""
    return processor.health == Health.WORKS and served(processor)


def is_down(w: World) -> bool:
    """Say whether the system is down; then nothing happens any more."""
    controller = w.the(Controller)
    lost = any(p.health == Health.WORKS and not served(p) for p in w.all(Processor))
    return lost or controller.skipped > controller.most or not controller.works


@step("one of {devices} fails", source=S)
def fail_device(w: World, devices: Devices, slot: Slot) -> None:
    when(not is_down(w))
    when(devices.working > devices.stay and slot.number < devices.working)
    devices.working -= 1


@step("{processor} fails", source=S)
def fail_processor(w: World, processor: Processor) -> None:
    when(not is_down(w))
    when(processor.health != Health.FAILED and served(processor))
    processor.health = Health.FAILED


@step("{processor} has to reboot", source=S)
def hiccup(w: World, processor: Processor) -> None:
    when(not is_down(w))
    when(fine(processor))
    processor.health = Health.REBOOTS


@step("{processor} has rebooted", source=S)
def reboot(w: World, processor: Processor) -> None:
    when(not is_down(w))
    when(processor.health == Health.REBOOTS and served(processor))
    c = w.the(Controller)
    reads, writes = w.all(Processor)
    out_ready = fine(writes)
    in_ready = fine(reads)
    done, waits, pending = c.done, c.input_waits, c.output_waits
    processor.health = Health.WORKS
    if processor.is_input:
        c.done = done or (c.works and not pending)
        c.input_waits = True
        c.output_waits = not out_ready and (pending or c.works)
    else:
        c.done = done or (waits and c.works)
        c.input_waits = in_ready or (waits and not c.works)
        c.output_waits = False


@step("the main processor fails", source=S)
def fail_main(w: World, controller: Controller) -> None:
    when(not is_down(w))
    when(controller.works)
    controller.works = False


@step("a cycle ends", source=S)
def end_cycle(w: World, controller: Controller) -> None:
    when(not is_down(w))
    c = controller
    reads, writes = w.all(Processor)
    done, waits, pending = c.done, c.input_waits, c.output_waits
    if done:
        c.skipped = 0
    elif c.skipped <= c.most:
        c.skipped += 1
    c.done = waits and not pending and c.works
    c.input_waits = fine(reads) or (waits and (pending or not c.works))
    c.output_waits = not fine(writes) and (pending or (waits and c.works))


@condition("sensors-failed", "there are too few sensors", source=S)
def sensors_failed(w: World) -> bool:
    reads = w.all(Processor)[0]
    return reads.health == Health.WORKS and not served(reads)


@condition("actuators-failed", "there are too few actuators", source=S)
def actuators_failed(w: World) -> bool:
    writes = w.all(Processor)[1]
    return writes.health == Health.WORKS and not served(writes)


@condition("io-failed", "too many cycles in a row were skipped", source=S)
def io_failed(w: World) -> bool:
    return w.the(Controller).skipped > w.the(Controller).most


@condition("main-failed", "the main processor has failed", source=S)
def main_failed(w: World) -> bool:
    return not w.the(Controller).works


@condition("running", "the system is not down", source=S)
def running(w: World) -> bool:
    return not is_down(w)


@condition("in-danger", "a processor reboots, and the system is not down", source=S)
def in_danger(w: World) -> bool:
    return not is_down(w) and any(p.health == Health.REBOOTS for p in w.all(Processor))


def embedded(most: int) -> Model:
    """Return the controller, which is down once more than so many cycles in a row are skipped."""

    def setup(make: Any, settings: Any) -> None:
        make(Controller, most=most)
        sensors = make(Devices, working=3, least=2, stay=1)
        actuators = make(Devices, working=2, least=1, stay=0)
        make(Processor, devices=sensors, is_input=True)
        make(Processor, devices=actuators, is_input=False)
        for number in range(3):
            make(Slot, number=number)

    return Model(
        name="embedded",
        doc="a controller with sensors and actuators",
        entities=(Controller, Devices, Processor, Slot),
        steps=(fail_device, fail_processor, hiccup, reboot, fail_main, end_cycle),
        conditions=(
            sensors_failed, actuators_failed, io_failed, main_failed, running, in_danger,
        ),
        setup=setup,
    )  # fmt: skip


class Plant(Entity):
    """Parts of kinds 1, 2, 3, and of 1 and 2 joined; carriers move those that are free.

    ``free``, ``wait``, ``work`` and ``done`` are numbers of parts; ``for_other`` those of a kind
    that wait to be joined with one of the other.
    """

    most: Const[Few] = 1
    moving: bool = False
    free1: Few = 0
    wait1: Few = 0
    work1: Few = 0
    done1: Few = 0
    for_other1: Few = 0
    free2: Few = 0
    wait2: Few = 0
    work2: Few = 0
    done2: Few = 0
    for_other2: Few = 0
    free3: Few = 0
    work3: Few = 0
    done3: Few = 0
    free12: Few = 0
    wait12: Few = 0
    work12: Few = 0
    done12: Few = 0


@step("a carrier takes a part", source=S)
def carry(w: World, plant: Plant, slot: Slot) -> None:
    when(not plant.moving)
    when(slot.number < plant.free1 + plant.free2 + plant.free3 + plant.free12)
    when(slot.number < 3 * plant.most // 2)
    plant.moving = True


@step("the part is of kind 1", source=S)
def move1(w: World, plant: Plant, slot: Slot) -> None:
    when(plant.moving and slot.number < plant.free1)
    plant.moving = False
    plant.free1 -= 1
    if plant.work1 < 3:
        plant.work1 += 1
    else:
        plant.wait1 += 1


@step("the part is of kind 2", source=S)
def move2(w: World, plant: Plant, slot: Slot) -> None:
    when(plant.moving and slot.number < plant.free2)
    plant.moving = False
    plant.free2 -= 1
    if plant.work2 < 1:
        plant.work2 += 1
    else:
        plant.wait2 += 1


@step("the part is of kind 3", source=S)
def move3(w: World, plant: Plant, slot: Slot) -> None:
    when(plant.moving and slot.number < plant.free3)
    plant.moving = False
    plant.free3 -= 1
    plant.work3 += 1


@step("the part is joined", source=S)
def move12(w: World, plant: Plant, slot: Slot) -> None:
    when(plant.moving and slot.number < plant.free12)
    plant.moving = False
    plant.free12 -= 1
    if plant.work12 < 2:
        plant.work12 += 1
    else:
        plant.wait12 += 1


def leaves1(plant: Plant) -> None:
    """A part of kind 1 leaves its machine; one that waits takes its place."""
    if plant.wait1 > 0:
        plant.wait1 -= 1
    else:
        plant.work1 -= 1


def leaves2(plant: Plant) -> None:
    """A part of kind 2 leaves its machine."""
    if plant.wait2 > 0:
        plant.wait2 -= 1
    else:
        plant.work2 -= 1


@step("a part of kind 1 is finished", source=S)
def finish1(w: World, plant: Plant, slot: Slot) -> None:
    when(slot.number < plant.work1)
    leaves1(plant)
    plant.done1 += 1


@step("a part of kind 1 is to be joined", source=S)
def to_join1(w: World, plant: Plant, slot: Slot) -> None:
    when(slot.number < plant.work1)
    leaves1(plant)
    if plant.for_other2 > 0:
        plant.for_other2 -= 1
        plant.free12 += 1
    else:
        plant.for_other1 += 1


@step("a part of kind 2 is finished", source=S)
def finish2(w: World, plant: Plant) -> None:
    when(plant.work2 > 0)
    leaves2(plant)
    plant.done2 += 1


@step("a part of kind 2 is to be joined", source=S)
def to_join2(w: World, plant: Plant) -> None:
    when(plant.work2 > 0)
    leaves2(plant)
    if plant.for_other1 > 0:
        plant.for_other1 -= 1
        plant.free12 += 1
    else:
        plant.for_other2 += 1


@step("the second machine finishes a part of kind 3", source=S)
def finish3(w: World, plant: Plant) -> None:
    when(plant.work3 > 0 and plant.work2 == 0)
    plant.work3 -= 1
    plant.done3 += 1


@step("a joined part is finished", source=S)
def finish12(w: World, plant: Plant, slot: Slot) -> None:
    when(slot.number < plant.work12)
    if plant.wait12 > 0:
        plant.wait12 -= 1
    else:
        plant.work12 -= 1
    plant.done12 += 1


@step("finished parts of kind 1 are shipped", source=S)
def ship1(w: World, plant: Plant) -> None:
    when(plant.done1 > 0)
    plant.free1 += plant.done1
    plant.done1 = 0


@step("finished parts of kind 2 are shipped", source=S)
def ship2(w: World, plant: Plant) -> None:
    when(plant.done2 > 0)
    plant.free2 += plant.done2
    plant.done2 = 0


@step("finished parts of kind 3 are shipped", source=S)
def ship3(w: World, plant: Plant) -> None:
    when(plant.done3 > 0)
    plant.free3 += plant.done3
    plant.done3 = 0


@step("finished joined parts are shipped", source=S)
def ship12(w: World, plant: Plant) -> None:
    when(plant.done12 > 0)
    plant.free1 += plant.done12
    plant.free2 += plant.done12
    plant.done12 = 0


@condition("one-is-free", "a part of kind 1 is free", source=S)
def one_is_free(w: World) -> bool:
    return w.the(Plant).free1 > 0


MOVES = (move1, move2, move3, move12)
FINISHES = (finish1, to_join1, finish2, to_join2, finish3, finish12)


def plant(parts: int) -> Model:
    """Return the plant, with so many parts of each kind."""

    def setup(make: Any, settings: Any) -> None:
        make(Plant, most=parts, free1=parts, free2=parts, free3=parts)
        for number in range(max(3, 4 * parts)):
            make(Slot, number=number)

    return Model(
        name="plant",
        doc="machines and parts",
        entities=(Plant, Slot),
        steps=(carry, *MOVES, *FINISHES, ship1, ship2, ship3, ship12),
        conditions=(one_is_free,),
        setup=setup,
    )
