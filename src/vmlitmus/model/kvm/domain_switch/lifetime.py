"""A vcpu is freed, and the next one gets its memory.

The fd is closed: nobody has the vcpu loaded. What cpus remember of it has to be forgotten first.
The memory of a struct kvm_vcpu goes to the next struct kvm_vcpu, a page of a VMCB to any next
VMCB. VMX loads the vcpu once more after kvm_arch_vcpu_destroy() has made all cpus forget it, to
leave L2: the cpu of the task that frees it remembers it again, after an IBPB.

Source: kvm_arch_vcpu_destroy() in arch/x86/kvm/x86.c, nested_vmx_free_vcpu() in
arch/x86/kvm/vmx/nested.c, svm_vcpu_free() in arch/x86/kvm/svm/svm.c.
"""

from __future__ import annotations

from vmlitmus.lang import KernelFile, World, step, when
from vmlitmus.model.kvm.domain_switch.ibpb import DESTROY, FREE_SVM, VcpuBarrier
from vmlitmus.model.kvm.domain_switch.versions import UNIFIED
from vmlitmus.model.scheduler.switching.smt_update import free
from vmlitmus.model.scheduler.switching.threads import vcpu_load
from vmlitmus.world.domain_switch import Cpu, Host, KernelObject, Mode, Vcpu

UNLOAD = KernelFile("arch/x86/kvm/x86.c", "kvm_unload_vcpu_mmu()", "6.12.107")
FREE_VMX = KernelFile("arch/x86/kvm/vmx/nested.c", "nested_vmx_free_vcpu()", "7.2.8")


@step(
    "a task on {cpu} destroys the VM of {vcpu}, and frees {vcpu}",
    source=(UNLOAD, DESTROY, FREE_VMX, FREE_SVM),
    disturbance="destroy",
)
def free_vcpu(w: World, vcpu: Vcpu, cpu: Cpu) -> None:
    when(vcpu.alive and vcpu.idle and vcpu.cpu is None and vcpu.mode == Mode.LOADED)
    when(cpu.online and free(w, cpu))
    if not w.part(UNIFIED.part):  # 6.15 took the load away, a release earlier
        vcpu_load(w, vcpu, cpu)
    w.use(VcpuBarrier).on_free(w, vcpu, cpu)
    if w.part(UNIFIED.part) and not w.the(Host).amd:
        vcpu_load(w, vcpu, cpu)
        vcpu.need_ibpb = False
    vcpu.alive = False
    for gone in w.all(KernelObject):
        if vcpu.object is gone or vcpu.vmcb01 is gone or vcpu.vmcb02 is gone:
            gone.free = True
    vcpu.object = None
    vcpu.vmcb01 = None
    vcpu.vmcb02 = None


@step("{vcpu} is created, with its VMCB at {page}", source=DESTROY)
def create_vcpu(w: World, vcpu: Vcpu, page: KernelObject, memory: KernelObject) -> None:
    when(not vcpu.alive and vcpu.vm.successor and page.free and not page.vcpu)
    when(memory.vcpu and memory.free)
    vcpu.alive = True
    page.free = False
    vcpu.vmcb01 = page
    memory.free = False
    vcpu.object = memory
