"""Interrupts and NMIs of the host: their handlers touch data that no guest may see.

DEFINE_IDTENTRY_IRQ and its like set the mark for the L1D flush; the handlers of exceptions and
NMIs do not. An NMI comes with IRQs off too. A handler lasts, so that somebody may enter beside
it.

Source: kvm_set_cpu_l1tf_flush_l1d() in arch/x86/include/asm/hardirq.h, idtentry.h; exc_nmi() in
arch/x86/kernel/nmi.c.
"""

from __future__ import annotations

from vmlitmus.lang import KernelFile, World, step, when
from vmlitmus.model.hardware.leftovers import host_touches
from vmlitmus.model.kvm.domain_switch.buffers import INTERRUPT_MARKS
from vmlitmus.model.scheduler.switching.beside import Beside
from vmlitmus.world.domain_switch import Cpu, Mode, Vcpu

IDTENTRY = KernelFile("arch/x86/include/asm/hardirq.h", "kvm_set_cpu_l1tf_flush_l1d()", "7.2.8")
NMI = KernelFile("arch/x86/kernel/nmi.c", "default_do_nmi()", "7.2.8")


def in_guest(w: World, cpu: Cpu) -> bool:
    """Say whether a guest executes on the cpu; it would leave first."""
    return any(v.cpu is cpu and v.mode == Mode.GUEST for v in w.all(Vcpu))


def irqs_off(w: World, cpu: Cpu) -> bool:
    """Say whether the cpu is between local_irq_disable() and VM exit."""
    return any(v.cpu is cpu and v.mode in (Mode.ENTERING, Mode.GUEST) for v in w.all(Vcpu))


@step("{cpu} begins to handle an interrupt of the host", source=IDTENTRY, disturbance="interrupt")
def interrupt(w: World, cpu: Cpu) -> None:
    when(cpu.online and not cpu.busy and not irqs_off(w, cpu))
    when(w.use(Beside).may_interrupt(w, cpu))
    cpu.busy = True
    if w.part(INTERRUPT_MARKS):
        cpu.l1tf_flush = True
    host_touches(w, cpu)


@step("{cpu} has handled the interrupt of the host", source=IDTENTRY)
def handled(w: World, cpu: Cpu) -> None:
    when(cpu.busy)
    cpu.busy = False


@step("{cpu} handles an NMI", source=NMI, disturbance="nmi")
def nmi(w: World, cpu: Cpu) -> None:
    when(cpu.online and not cpu.busy and not in_guest(w, cpu))
    when(w.use(Beside).may_interrupt(w, cpu))
    host_touches(w, cpu)
