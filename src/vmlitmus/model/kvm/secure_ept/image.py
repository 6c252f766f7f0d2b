"""The VMM adds a page of the initial image with KVM_TDX_INIT_MEM_REGION.

The ioctl has the mutexes of all vcpus, so that none is loaded meanwhile but its own, which has no
place here. TDH.MEM.PAGE.ADD
and TDH.MR.EXTEND have the lock of the TDR, exclusive.

Not modelled: the pages and their measurement; TDH.MR.FINALIZE, which locks the TDR as well.
Source: tdx_vcpu_init_mem_region() and tdx_acquire_vm_state_locks() in arch/x86/kvm/vmx/tdx.c,
tdh_mem_page_add() and tdh_mr_extend() of the TDX module 1.5.01.
"""

from __future__ import annotations

from vmlitmus.lang import KernelFile, Sections, TdxModule, World, sequence, when
from vmlitmus.model.kvm.secure_ept.module import RELEASE
from vmlitmus.world.secure_ept.td import Task, Td, Vcpu

TDX = "arch/x86/kvm/vmx/tdx.c"
INIT_MEM = KernelFile(TDX, "tdx_vcpu_init_mem_region()", "7.2.8")
LOCKS = KernelFile(TDX, "tdx_acquire_vm_state_locks()", "7.2.8")
PAGE_ADD = TdxModule("tdh_mem_page_add()", RELEASE)
EXTEND = TdxModule("tdh_mr_extend()", RELEASE)


@sequence(source=(INIT_MEM, LOCKS, PAGE_ADD, EXTEND), disturbance="init-mem-region", fair="weak")
def add_page(w: World, task: Task) -> Sections:
    td = w.the(Td)
    when(not td.building and not td.ending and all(v.idle for v in w.all(Vcpu)))
    td.building = True
    yield "{task} is in KVM_TDX_INIT_MEM_REGION with the mutexes of all vcpus"
    td.tdr_locked = True
    yield "TDH.MEM.PAGE.ADD of {task} locks the TDR, exclusive"
    td.tdr_locked = False
    yield "TDH.MEM.PAGE.ADD of {task} has added a page"
    td.building = False
    yield "{task} returns from KVM_TDX_INIT_MEM_REGION"
