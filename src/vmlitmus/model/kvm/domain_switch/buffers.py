"""What VM entry clears: L1D (L1TF) and the buffers of the cpu (MDS, TSA, MMIO stale data).

vmx_l1d_flush() is in C, with IRQs off; with "cond" it flushes only when the mark of the cpu is
set: by vcpu_load(), by interrupts, and by exit handlers that may touch secrets. VERW is the last
thing before VM entry since 6.8. Before that it was executed in C instead of the flush, where L1D
is not flushed at all; for MMIO stale data so until 6.18.

vmentry_l1d_flush has no effect where the cpu has no L1TF, nor under SVM: that is "never". What
guests flush for themselves is in guest/processes.py.

Not modelled: the flush in software, FB_CLEAR_DIS. Source:
vmx_vcpu_enter_exit() and vmx_l1d_flush() in arch/x86/kvm/vmx/vmx.c.
"""

from __future__ import annotations

from vmlitmus.lang import Hooks, KernelFile, World
from vmlitmus.model.hardware.leftovers import flush_l1d, verw
from vmlitmus.model.kvm.domain_switch.versions import MDS_FIRST, MDS_LATE, MMIO_LATE
from vmlitmus.world.domain_switch import Cpu, Host, Vcpu

ENTER_EXIT = KernelFile("arch/x86/kvm/vmx/vmx.c", "vmx_vcpu_enter_exit()", "7.2.8")
ENTER_EXIT_6_12 = KernelFile("arch/x86/kvm/vmx/vmx.c", "vmx_vcpu_enter_exit()", "6.12.107")
L1D_FLUSH = KernelFile("arch/x86/kvm/vmx/vmx.c", "vmx_l1d_flush()", "7.2.8")
REQUEST = KernelFile("arch/x86/kvm/x86.h", "kvm_request_l1tf_flush_l1d()", "7.2.8")
VCPU_LOAD_MARKS = "vcpu_load() sets kvm_cpu_l1tf_flush_l1d"
HANDLER_MARKS = "exit handlers that may touch secrets set kvm_cpu_l1tf_flush_l1d"
INTERRUPT_MARKS = "interrupts set kvm_cpu_l1tf_flush_l1d"
NESTED_MARKS = "nested VM entry sets kvm_cpu_l1tf_flush_l1d"


class L1dFlush(Hooks):
    """kvm-intel.vmentry_l1d_flush=never."""

    def should_flush(self) -> bool:
        """vmx_l1d_should_flush."""
        return False

    def on_load(self, w: World, vcpu: Vcpu, cpu: Cpu) -> None:
        """vcpu_load(), preemption off."""

    def before_entry(self, w: World, cpu: Cpu) -> None:
        """vmx_l1d_flush()."""


class AfterMigration(L1dFlush):
    """The same, and a vcpu that comes from another cpu gets a flush; not merged."""

    def on_load(self, w: World, vcpu: Vcpu, cpu: Cpu) -> None:
        if vcpu.l1d_last is not cpu:
            vcpu.l1d_last = cpu
            flush_l1d(w, cpu)


class Always(L1dFlush):
    """vmentry_l1d_flush=always."""

    def should_flush(self) -> bool:
        return True

    def before_entry(self, w: World, cpu: Cpu) -> None:
        flush_l1d(w, cpu)


class Conditional(L1dFlush):
    """vmentry_l1d_flush=cond, the default where it is needed."""

    def should_flush(self) -> bool:
        return True

    def before_entry(self, w: World, cpu: Cpu) -> None:
        if cpu.l1tf_flush:
            cpu.l1tf_flush = False
            flush_l1d(w, cpu)


class BufferClear(Hooks):
    """mds=off and mmio_stale_data=off."""

    def in_c(self, w: World, vcpu: Vcpu, cpu: Cpu) -> None:
        """vmx_vcpu_run() up to __vmx_vcpu_run(), after vmx_l1d_flush()."""

    def in_assembly(self, w: World, vcpu: Vcpu, cpu: Cpu) -> None:
        """__vmx_vcpu_run(), the last instruction before VM entry."""


class Verw(BufferClear):
    """As merged: VERW by version, for all guests or for those that reach MMIO."""

    def in_c(self, w: World, vcpu: Vcpu, cpu: Cpu) -> None:
        if w.the(Host).mmio_only and w.part(MMIO_LATE.part):
            vcpu.verw = vcpu.mmio_marked
        if w.use(L1dFlush).should_flush():
            return
        if w.the(Host).mmio_only:
            if not w.part(MMIO_LATE.part) and vcpu.vm.has_device:
                verw(w, cpu)
        elif w.part(MDS_FIRST.part) and not w.part(MDS_LATE.part):
            verw(w, cpu)

    def in_assembly(self, w: World, vcpu: Vcpu, cpu: Cpu) -> None:
        if w.the(Host).mmio_only:
            if w.part(MMIO_LATE.part) and vcpu.verw:
                verw(w, cpu)
        elif w.part(MDS_LATE.part):
            verw(w, cpu)
