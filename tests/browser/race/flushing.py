"""Two tasks flush the same cpu: the second may find the mask empty while the flush is under way."""

from __future__ import annotations

from enum import Enum

from vmlitmus.lang import (
    Assumption,
    Entity,
    Hooks,
    KernelFile,
    Model,
    Sections,
    Set,
    Settings,
    Setup,
    World,
    condition,
    flag,
    mechanism,
    number,
    sequence,
    step,
    when,
)

MADE = Assumption("made", "made for a test")
FLUSH = KernelFile("arch/x86/kvm/made.c", "made_flush()", "7.2.13")


class Owner(Enum):
    GUEST = "guest"
    FREE = "free"
    HOST = "host"


class Cpu(Entity, runs_on="self"):
    dirty: bool = False


class Page(Entity):
    owner: Owner = Owner.GUEST
    mapped: bool = True
    mask: Set[Cpu]
    intact: bool = True


class Task(Entity):
    targets: Set[Cpu]


class Mask(Hooks):
    def taken(self, w: World, task: Task) -> None:
        """Keep the mask."""


class Cleared(Mask):
    def taken(self, w: World, task: Task) -> None:
        w.the(Page).mask.clear()


class Kept(Mask):
    """Keeps the mask, so that every flusher has targets."""


@step("{cpu} writes {page}", source=MADE)
def write(w: World, cpu: Cpu, page: Page) -> None:
    when(page.mapped and not cpu.dirty)
    cpu.dirty = True
    page.mask.add(cpu)


@step("{cpu} evicts a dirty line of {page}", source=MADE, disturbance="eviction")
def evict(w: World, cpu: Cpu, page: Page) -> None:
    when(cpu.dirty)
    cpu.dirty = False
    if page.owner == Owner.HOST:
        page.intact = False


@sequence("{task} frees {page}", source=(FLUSH, MADE))
def flush(w: World, task: Task, page: Page) -> Sections:
    when(page.owner == Owner.GUEST)
    page.mapped = False
    yield "{task} unmaps {page}"
    if w.part("flush"):
        task.targets = page.mask
        w.use(Mask).taken(w, task)
        yield "{task} sends IPIs to {task.targets}"
        for cpu in w.all(Cpu):
            if cpu in task.targets:
                cpu.dirty = False
        task.targets.clear()
        yield "{task} sees its IPIs handled"
    when(page.owner == Owner.GUEST)
    page.owner = Owner.FREE


@step("the host reuses {page}", source=MADE, disturbance="reuse")
def reuse(w: World, page: Page) -> None:
    when(page.owner == Owner.FREE)
    page.owner = Owner.HOST


@condition("overwritten", "a line of the guest went over the host's data", source=MADE,
           backed_by=("reused",))  # fmt: skip
def overwritten(w: World) -> bool:
    return not w.the(Page).intact


@condition("reused", "the host has the page", source=MADE)
def reused(w: World) -> bool:
    return w.the(Page).owner == Owner.HOST


@condition("never-here", "the page has no owner at all", source=MADE)
def never_here(w: World) -> bool:
    return w.the(Page).owner == Owner.FREE and w.the(Page).mapped


def populate(make: Setup, s: Settings) -> None:
    for _ in range(s["machine"]["cpus"]):
        make(Cpu)
    make(Page)
    for _ in range(s["machine"]["tasks"]):
        make(Task)


MODEL = Model(
    name="flushing",
    doc="Does a flush protect the next owner of a page?",
    entities=(Cpu, Page, Task),
    steps=(write, flush, evict, reuse),
    conditions=(overwritten, reused, never_here),
    hooks={Mask: {"cleared": Cleared, "kept": Kept}},
    assumptions=(MADE,),
    setup=populate,
    settings={
        "machine": {
            "cpus": number(1, 12, default=1),
            "tasks": number(1, 8, default=2),
            "odd": flag(default=False),
        },
        "kvm": {"mask": mechanism(Mask, default="cleared")},
    },
)
