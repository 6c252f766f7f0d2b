"""switch_mm_irqs_off() of one cpu against flush_tlb_mm_range() of an mm on another.

The cpu has used the mm before, so that its TLB may have the page under the mm's PCID. The switch
writes LOADED_MM_SWITCHING, sets its bit in mm_cpumask, reads tlb_gen to decide whether to flush,
loads CR3 and writes loaded_mm. The flush increments tlb_gen, and sends an IPI to cpus of the mask
of which should_flush_tlb() says so; when they have answered the page is freed. Where the bit is set
already, the write of loaded_mm may pass the read of tlb_gen in a store buffer, unless there is a
barrier: here the read then comes first. 71b3c126e611 put in the first barriers of this kind.

Not modelled: lazy TLB mode, broadcast flushes, global ASIDs; other effects of memory order.
Source: switch_mm_irqs_off(), should_flush_tlb(), flush_tlb_mm_range() in arch/x86/mm/tlb.c.
"""

from __future__ import annotations

from vmlitmus.lang import KernelFile, Sections, World, sequence, step, when
from vmlitmus.model.kvm.tlb_flush.versions import SET_BARRIER, WINDOW, WINDOW_FIRST
from vmlitmus.model.scheduler.switch_mm import SWITCH_MM
from vmlitmus.world.tlb import Cpu, Host, Loaded, Task

TLB = "arch/x86/mm/tlb.c"
SWITCH_6_1 = KernelFile(TLB, "switch_mm_irqs_off()", "6.1.176")
SHOULD = KernelFile(TLB, "should_flush_tlb()", "7.2.8")
RANGE = KernelFile(TLB, "flush_tlb_mm_range()", "7.2.8")
MASK = "set the bit of mm_cpumask before tlb_gen is read"
COMPARE = "compare tlb_gen when the mm is loaded"


def decide(w: World, cpu: Cpu) -> bool:
    """choose_new_asid(): say whether the TLB of the mm is behind."""
    return w.the(Host).mm_gen and not cpu.gen and w.part(COMPARE)


def passes(w: World, cpu: Cpu) -> bool:
    """Say whether the read of tlb_gen may come before the write of LOADED_MM_SWITCHING."""
    early = cpu.in_mask and not w.part(SET_BARRIER.part)
    return early or not w.part(WINDOW_FIRST.part)


@sequence(source=(SWITCH_MM, SWITCH_6_1), disturbance="switch-mm", fair="weak")
def switch_mm(w: World, cpu: Cpu) -> Sections:
    when(cpu.loaded == Loaded.OTHER)
    early = passes(w, cpu)
    if not early:
        cpu.loaded = Loaded.SWITCHING
        yield "{cpu} writes LOADED_MM_SWITCHING"
    if w.part(MASK):
        cpu.in_mask = True
        yield "{cpu} is in mm_cpumask"
    cpu.need_flush = decide(w, cpu)
    yield "{cpu} reads tlb_gen and decides whether to flush"
    if early:
        cpu.loaded = Loaded.SWITCHING
        yield "{cpu} writes LOADED_MM_SWITCHING only now"
    if cpu.need_flush:
        cpu.user_tlb = False
        cpu.gen = True
    cpu.need_flush = False
    cpu.cr3 = True
    yield "{cpu} loads CR3"
    cpu.loaded = Loaded.THIS
    cpu.in_mask = True
    yield "{cpu} writes loaded_mm and turns IRQs on"


@step("{cpu} accesses the page of the mm", source=SWITCH_MM)
def access_user(w: World, cpu: Cpu) -> None:
    when(cpu.idle and cpu.loaded == Loaded.THIS and w.the(Host).mm_mapped)
    cpu.user_tlb = True


@step(
    "{cpu} switches to another mm and stays in mm_cpumask", source=SWITCH_MM, disturbance="leave-mm"
)
def leave_mm(w: World, cpu: Cpu) -> None:
    when(cpu.idle and cpu.loaded == Loaded.THIS)
    cpu.loaded = Loaded.OTHER
    cpu.cr3 = False


@step("{cpu} executes flush_tlb_func()", source=RANGE, fair="weak")
def flush_tlb_func(w: World, cpu: Cpu) -> None:
    when(cpu.ipi and cpu.idle)
    cpu.ipi = False
    if cpu.loaded == Loaded.THIS:
        cpu.user_tlb = False
        cpu.gen = True
    else:
        cpu.in_mask = False
    for task in w.all(Task):
        task.sends.discard(cpu)


def should_flush(w: World, cpu: Cpu) -> bool:
    """should_flush_tlb()."""
    if cpu.loaded == Loaded.SWITCHING:
        return w.part(WINDOW.part)
    return cpu.loaded == Loaded.THIS


@sequence(source=(RANGE, SHOULD), disturbance="flush-mm", fair="weak")
def flush_tlb_mm_range(w: World, task: Task) -> Sections:
    host = w.the(Host)
    when(host.mm_mapped and not host.mm_gen)
    host.mm_mapped = False
    yield "{task} clears the PTE of the mm"
    host.mm_gen = True
    yield "{task} increments tlb_gen"
    for cpu in w.all(Cpu):
        if cpu.in_mask and should_flush(w, cpu):
            cpu.ipi = True
            task.sends.add(cpu)
        yield "{task} has looked at {cpu}, and sends flush IPIs to {task.sends}"
    when(not task.sends)
    host.mm_freed = True
    yield "{task} frees the page of the mm"
