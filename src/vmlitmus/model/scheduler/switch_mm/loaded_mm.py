"""switch_mm_irqs_off() of one cpu against flush_tlb_mm_range() of an mm on another.

The cpu has used the mm before, so that its TLB may have the page under the mm's PCID. The switch
writes LOADED_MM_SWITCHING, sets its bit in mm_cpumask, reads tlb_gen to decide whether to flush,
loads CR3 and writes loaded_mm. The flush increments tlb_gen, and sends an IPI to cpus of the mask
of which should_flush_tlb() says so; when they have answered the page is freed.

Mark and tlb_gen are store buffering: each side writes one and reads the other. The switch has the
LOCK of set_bit() between, or a barrier where the bit is set already; the flush has the LOCK of
atomic64_inc_return(). 71b3c126e611 put in the first barriers of this kind. 6.1.176 and 6.12.107 set
the bit without testing it, so that they have the LOCK always, and clear it when they leave the mm.
The PTE is in memory at once: until its LOCK the flush does nothing else. With IRQs on CR3 has the
mm that loaded_mm says, so that a cpu looks at its CR3.

Not modelled: lazy TLB mode, broadcast flushes, global ASIDs.
Source: switch_mm_irqs_off(), should_flush_tlb(), flush_tlb_mm_range() in arch/x86/mm/tlb.c;
inc_mm_tlb_gen() in arch/x86/include/asm/tlbflush.h.
"""

from __future__ import annotations

from vmlitmus.lang import CpuEvent, KernelFile, Sections, World, sequence, step, when
from vmlitmus.model.kvm.tlb_flush.versions import SET_BARRIER, WINDOW, WINDOW_FIRST
from vmlitmus.model.scheduler.switch_mm import SWITCH_MM
from vmlitmus.world.tlb import Cpu, Host, Loaded, Task

TLB = "arch/x86/mm/tlb.c"
SWITCH_6_1 = KernelFile(TLB, "switch_mm_irqs_off()", "6.1.176")
SHOULD = KernelFile(TLB, "should_flush_tlb()", "7.2.8")
RANGE = KernelFile(TLB, "flush_tlb_mm_range()", "7.2.8")
INC = KernelFile("arch/x86/include/asm/tlbflush.h", "inc_mm_tlb_gen()", "7.2.8")
MASK = "set the bit of mm_cpumask before tlb_gen is read"
COMPARE = "compare tlb_gen when the mm is loaded"
SET_LOCK = "the LOCK of set_bit() in cpumask_set_cpu()"
INC_LOCK = "the LOCK of atomic64_inc_return() in inc_mm_tlb_gen()"


def decide(w: World, cpu: Cpu) -> bool:
    """choose_new_asid(): say whether the TLB of the mm is behind."""
    return w.the(Host).mm_gen and not cpu.gen and w.part(COMPARE)


def set_in_mask(w: World, cpu: Cpu) -> None:
    """cpumask_test_cpu(), and cpumask_set_cpu() or a barrier."""
    with w.unobserved("the bit of a cpu is written by that cpu only, and IRQs are off"):
        if not cpu.in_mask:
            with w.locked("set_bit()", w.part(SET_LOCK)):
                cpu.in_mask = True
        elif w.part(SET_BARRIER.part):
            w.barrier(by="smp_mb() where the bit is set already")


@sequence(source=(SWITCH_MM, SWITCH_6_1), disturbance="switch-mm", fair="weak")
def switch_mm(w: World, cpu: Cpu) -> Sections:
    when(not cpu.cr3)
    if w.part(WINDOW_FIRST.part):
        cpu.loaded = Loaded.SWITCHING
        yield "{cpu} writes LOADED_MM_SWITCHING"
    if w.part(MASK):
        set_in_mask(w, cpu)
        yield "{cpu} is in mm_cpumask"
    cpu.need_flush = decide(w, cpu)
    yield "{cpu} reads tlb_gen and decides whether to flush"
    if not w.part(WINDOW_FIRST.part):
        cpu.loaded = Loaded.SWITCHING
        yield "{cpu} writes LOADED_MM_SWITCHING after it has read tlb_gen"
    if cpu.need_flush:
        cpu.user_tlb = False
        cpu.gen = True
    cpu.need_flush = False
    cpu.cr3 = True
    w.happens(CpuEvent.CR3_WRITE)
    yield "{cpu} loads CR3"
    with w.unobserved("a flush looks at the bit first, and at loaded_mm only where it is set"):
        cpu.loaded = Loaded.THIS
        if not w.part(MASK):
            set_in_mask(w, cpu)
    yield "{cpu} writes loaded_mm and turns IRQs on"


@step("{cpu} accesses the page of the mm", source=SWITCH_MM)
def access_user(w: World, cpu: Cpu) -> None:
    when(cpu.idle and cpu.cr3 and w.the(Host).mm_mapped)
    cpu.user_tlb = True


@step(
    "{cpu} switches to another mm and stays in mm_cpumask", source=SWITCH_MM, disturbance="leave-mm"
)
def leave_mm(w: World, cpu: Cpu) -> None:
    when(cpu.idle and cpu.cr3)
    w.happens(CpuEvent.CR3_WRITE)
    cpu.loaded = Loaded.OTHER
    cpu.cr3 = False


@step("{cpu} executes flush_tlb_func()", source=RANGE, fair="weak")
def flush_tlb_func(w: World, cpu: Cpu) -> None:
    when(cpu.ipi and cpu.idle)
    w.happens(CpuEvent.INTERRUPT)
    cpu.ipi = False
    if cpu.cr3:
        cpu.user_tlb = False
        cpu.gen = True
    else:
        with w.locked("clear_bit()"):
            cpu.in_mask = False
    for task in w.all(Task):
        task.sends.discard(cpu)


def should_flush(w: World, cpu: Cpu) -> bool:
    """should_flush_tlb() of a cpu that is in the mask."""
    with w.unobserved("a bit that is set stays set until its cpu answers this flush"):
        if not cpu.in_mask:
            return False
        found = cpu.loaded
    return w.part(WINDOW.part) if found == Loaded.SWITCHING else found == Loaded.THIS


@sequence(source=(RANGE, SHOULD, INC), disturbance="flush-mm", fair="weak")
def flush_tlb_mm_range(w: World, task: Task) -> Sections:
    host = w.the(Host)
    when(host.mm_mapped)
    host.mm_mapped = False
    yield "{task} clears the PTE of the mm"
    with w.locked("atomic64_inc_return()", w.part(INC_LOCK)):
        host.mm_gen = True
    yield "{task} increments tlb_gen"
    for cpu in w.all(Cpu):
        if should_flush(w, cpu):
            cpu.ipi = True
            task.sends.add(cpu)
        yield "{task} has looked at {cpu}, and sends flush IPIs to {task.sends}"
    when(not task.sends)
    host.mm_freed = True
    yield "{task} frees the page of the mm"
