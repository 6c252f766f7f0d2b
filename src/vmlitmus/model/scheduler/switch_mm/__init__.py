"""switch_mm_irqs_off(): what a cpu does when it goes from one mm to another, IRQs off.

First cond_mitigation() decides about IBPB and L1D flush: ``mitigation``. Then the cpu writes
LOADED_MM_SWITCHING, sets its bit in mm_cpumask, reads tlb_gen and loads CR3: ``loaded_mm``, with
the flush that may come meanwhile. The first part touches nothing but the cpu's own state, and the
second none of that, so that each is the same without the other. A topic has the part that it asks
about.
"""

from __future__ import annotations

from vmlitmus.lang import KernelFile

SWITCH_MM = KernelFile("arch/x86/mm/tlb.c", "switch_mm_irqs_off()", "7.2.8")
