"""switch_mm() against a flush under x86-TSO: the topic tlb-flush, and a model of these steps alone.

The small model has sections of its own, one access in each. Its verdicts are those of the topic.
"""

from __future__ import annotations

from enum import Enum
from typing import Any

import pytest

from vmlitmus.compiler import build
from vmlitmus.engine import run
from vmlitmus.lang import (
    Assumption,
    CpuEvent,
    Entity,
    Model,
    Sections,
    Settings,
    Setup,
    Shared,
    World,
    condition,
    flag,
    never,
    sequence,
    step,
    when,
)
from vmlitmus.model import TOPICS
from vmlitmus.model.kvm.tlb_flush.versions import SET_BARRIER

SOURCE = Assumption("switch-mm", "arch/x86/mm/tlb.c, with store buffers")


class Loaded(Enum):
    """Which mm a cpu has loaded."""

    OTHER = "other"
    SWITCHING = "switching"
    THIS = "this"


class Host(Entity):
    """The mm."""

    tlb_gen: Shared[bool] = False
    freed: bool = False


class Cpu(Entity, runs_on="self"):
    """A cpu that has used the mm before."""

    loaded: Shared[Loaded] = Loaded.OTHER
    in_mask: Shared[bool] = False
    gen: bool = False
    in_tlb: bool = True
    cr3: bool = False
    ipi: bool = False


class Task(Entity, runs_on="cpu"):
    """Who flushes, on a cpu of its own."""

    cpu: Cpu
    started: bool = False


@sequence(source=SOURCE)
def switch_mm(w: World, cpu: Cpu) -> Sections:
    when(cpu.index == 0 and not cpu.cr3)
    cpu.loaded = Loaded.SWITCHING
    yield "{cpu} writes LOADED_MM_SWITCHING"
    there = cpu.in_mask
    yield "{cpu} looks at its bit in mm_cpumask"
    if not there:
        with w.locked("set_bit()"):
            cpu.in_mask = True
    elif w.part("barrier"):
        w.barrier()
    yield "{cpu} is in mm_cpumask"
    behind = w.the(Host).tlb_gen and not cpu.gen
    yield "{cpu} reads tlb_gen"
    if behind:
        cpu.in_tlb = False
        cpu.gen = True
    cpu.cr3 = True
    w.happens(CpuEvent.CR3_WRITE)
    yield "{cpu} loads CR3"
    cpu.loaded = Loaded.THIS
    yield "{cpu} writes loaded_mm and turns IRQs on"


@step("{cpu} executes flush_tlb_func()", source=SOURCE)
def flush_tlb_func(w: World, cpu: Cpu) -> None:
    when(cpu.ipi and cpu.idle)
    w.happens(CpuEvent.INTERRUPT)
    cpu.ipi = False
    cpu.in_tlb = False


@sequence(source=SOURCE)
def flush(w: World, task: Task) -> Sections:
    when(not task.started)
    task.started = True
    with w.locked("atomic64_inc_return()"):
        w.the(Host).tlb_gen = True
    yield "{task} increments tlb_gen"
    target = w.all(Cpu)[0]
    there = target.in_mask
    yield "{task} looks at the mask"
    if there:
        found = target.loaded
        if found != Loaded.OTHER:
            target.ipi = True
    yield "{task} sends an IPI if should_flush_tlb() says so"
    when(not w.all(Cpu)[0].ipi)
    w.the(Host).freed = True
    yield "{task} frees the page"


@condition("freed-page-reachable", "a cpu reaches a freed page of the mm it has", source=SOURCE)
def freed_page_reachable(w: World) -> bool:
    return w.the(Host).freed and any(cpu.cr3 and cpu.in_tlb for cpu in w.all(Cpu))


def setup(make: Setup, settings: Settings) -> None:
    make(Host)
    cpus = [make(Cpu, in_mask=settings["machine"]["in_mask"]), make(Cpu)]
    make(Task, cpu=cpus[1])


MODEL = Model(
    name="switch-mm",
    doc="switch_mm() against a flush",
    entities=(Host, Cpu, Task),
    steps=(switch_mm, flush_tlb_func, flush),
    conditions=(freed_page_reachable,),
    setup=setup,
    settings={"machine": {"in_mask": flag(default=False)}},
)


def alone(memory: str, in_mask: bool, barrier: bool) -> str:
    """Return the verdict of the model above."""
    without = () if barrier else ("barrier",)
    settings = {"machine": {"memory": memory, "in_mask": in_mask}}
    return verdict(MODEL, settings, without, (), "freed-page-reachable")


def of_topic(memory: str, in_mask: bool, barrier: bool) -> str:
    """Return the verdict of the topic."""
    settings: dict[str, dict[str, Any]] = {
        "machine": {"cpus": 2, "translations": "process", "memory": memory},
        "mm": {"used_before": True, "in_mask": in_mask},
    }
    without = () if barrier else (SET_BARRIER.part,)
    allow = ("switch-mm", "flush-mm")
    return verdict(TOPICS["tlb-flush"], settings, without, allow, "freed-mm-page-reachable")


def verdict(
    model: Model,
    settings: dict[str, dict[str, Any]],
    without: tuple[str, ...],
    allow: tuple[str, ...],
    claim: str,
) -> str:
    """Return what both engines say, with every store buffered and with those that matter."""
    found = set()
    for selective in (True, False):
        machine = build(model, settings, allow=allow, without=without, selective=selective)
        for engine in ("reference", "compiled"):
            found.add(run(machine, never(claim), engine=engine).verdict.value)
    (only,) = found
    return only


@pytest.mark.parametrize("memory", ["sc", "tso"])
@pytest.mark.parametrize("in_mask", [False, True])
@pytest.mark.parametrize("barrier", [False, True])
def test_the_topic_says_what_these_steps_alone_say(
    memory: str, in_mask: bool, barrier: bool
) -> None:
    """Only with the bit set, no barrier and store buffers a freed page is reached."""
    expected = "violated" if memory == "tso" and in_mask and not barrier else "holds"
    assert alone(memory, in_mask, barrier) == expected
    assert of_topic(memory, in_mask, barrier) == expected
