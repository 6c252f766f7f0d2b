"""kexec: the other cpus are stopped, caches are written back, and the new kernel takes the memory.

Sections: all vcpus have left their guests for good; REBOOT_VECTOR is sent to the cpus that are
online; each of them leaves cpu_online_mask, executes WBINVD if its cache_state_incoherent is set,
and reports; the first cpu waits for the reports, writes back its own cache, and copies the new
kernel. An NMI stops a cpu as well, in the middle of a SEAMCALL's section. For TDX a SEAMCALL sets
the mark of its cpu first.

Not modelled: other tasks on the cpu that executes kexec, kdump, cpus in
play_dead, the one second after which an NMI is sent.

Source: native_stop_other_cpus() in arch/x86/kernel/smp.c, stop_this_cpu() in
arch/x86/kernel/process.c,
machine_kexec() in arch/x86/kernel/machine_kexec_64.c, __seamcall_dirty_cache() and tdx_shutdown()
of TDX.
"""

from __future__ import annotations

from vmlitmus.lang import KernelFile, Sections, World, sequence, when
from vmlitmus.model.hardware.cache import write_back_all
from vmlitmus.model.kvm.cache_flush.stop_wait import StopWait
from vmlitmus.model.kvm.cache_flush.versions import BY_MARK, STOP_MASK
from vmlitmus.world import Cpu, Host, Hotplug, Owner, Page, SeamcallMark, Task, TdxFlush, Vcpu

STOP_OTHERS = KernelFile("arch/x86/kernel/smp.c", "native_stop_other_cpus()", "7.2.8")
STOP_THIS = KernelFile("arch/x86/kernel/process.c", "stop_this_cpu()", "7.2.8")
MACHINE_KEXEC = KernelFile("arch/x86/kernel/machine_kexec_64.c", "machine_kexec()", "7.2.8")
SEAMCALL = KernelFile(
    "arch/x86/virt/vmx/tdx/seamcall_internal.h", "__seamcall_dirty_cache()", "7.2.8"
)
SHUTDOWN = KernelFile("arch/x86/virt/vmx/tdx/tdx.c", "tdx_shutdown()", "7.2.8")
STOP_WRITES = "stop_this_cpu() writes back before it reports"
OWN_WRITES = "relocate_kernel() writes back the cache of its own cpu"


@sequence(source=(STOP_OTHERS, MACHINE_KEXEC, SHUTDOWN, STOP_MASK.source), disturbance="kexec")
def kexec(w: World, cpu: Cpu) -> Sections:
    when(cpu.active and not w.the(Host).rebooting and not any(v.running for v in w.all(Vcpu)))
    w.the(Host).rebooting = True
    if w.the(Host).tdx_flush != TdxFlush.NONE:
        for other in w.all(Cpu):
            write_back_all(w, other, True)
            other.incoherent = False
    yield "{cpu} calls kvm_shutdown(): no vcpu enters, and for TDX all cpus are flushed"
    for other in w.all(Cpu):
        if other is not cpu and other.online:
            other.stopping = True
    yield "{cpu} sends REBOOT_VECTOR to all others in cpu_online_mask"
    when(all(other is cpu or w.use(StopWait).gone(w, other) for other in w.all(Cpu)))
    yield "{cpu} considers the other cpus stopped"
    if writes_back(w, cpu) and w.part(OWN_WRITES):
        write_back_all(w, cpu, True)
    yield "{cpu} is in relocate_kernel()"
    for page in w.all(Page):
        page.owner = Owner.HOST
    yield "{cpu} copies the new kernel over the memory"


def writes_back(w: World, cpu: Cpu) -> bool:
    """Say whether relocate_kernel() executes WBINVD."""
    if w.the(Host).kexec_asks_sme or not w.part(BY_MARK.part):
        return w.the(Host).sme_active
    return cpu.incoherent


@sequence(source=STOP_THIS, disturbance="kexec")
def stop_this_cpu(w: World, cpu: Cpu) -> Sections:
    when(cpu.stopping and cpu.online)
    cpu.hotplug = Hotplug.LEAVING
    yield "{cpu} is in stop_this_cpu() and no longer in cpu_online_mask"
    if cpu.incoherent and w.part(STOP_WRITES):
        write_back_all(w, cpu, True)
    yield "{cpu} has executed WBINVD if its mark is set"
    cpu.stopping = False
    yield "{cpu} clears its bit in cpus_stop_mask and halts"


@sequence(source=SEAMCALL, disturbance="seamcall")
def seamcall(w: World, task: Task, cpu: Cpu, page: Page) -> Sections:
    when(cpu.active and cpu.idle and page.owner == Owner.GUEST and may_call(w))
    order = w.the(Host).seamcall_mark
    if order == SeamcallMark.BEFORE:
        cpu.incoherent = True
    if order == SeamcallMark.OTHER_CPU:
        for other in w.all(Cpu):
            if other is not cpu:
                other.incoherent = True
    yield "{task} is about to make a SEAMCALL on {cpu} that dirties {page}"
    when(cpu.online and cpu.idle and may_call(w) and page.owner == Owner.GUEST)
    cpu.dirty.add(page)
    yield "{task} has made the SEAMCALL on {cpu}"
    when(cpu.online)
    if order == SeamcallMark.AFTER:
        cpu.incoherent = True
    yield "{task} returns from the SEAMCALL on {cpu}"


def may_call(w: World) -> bool:
    """Say whether the TDX module takes SEAMCALLs: not after tdx_sys_disable()."""
    return not (w.the(Host).rebooting and w.the(Host).tdx_flush == TdxFlush.LAST)
