"""The end of a TD: its vcpus are taken off their cpus, caches are written back, the HKID is freed.

tdx_mmu_release_hkid() holds cpus_read_lock(). It has each vcpu's cpu execute tdx_flush_vp(),
TDH.MNG.VPFLUSHDONE asks whether a vcpu is associated still, one cpu of each package executes
TDH.PHYMEM.CACHE.WB, and TDH.MNG.KEY.FREEID asks whether all packages have. If one of the two says
no, the HKID is leaked, with the pages of the TD. Then the vcpus are freed. A vcpu whose creation
fails is freed while the TD lives; it has been loaded once, and is taken off the list in the same
way.

Not modelled: TDH.PHYMEM.CACHE.WB that is interrupted; locks of the TDX module, which tdx_lock keeps
apart; the pages.
Source: tdx_mmu_release_hkid() and tdx_vcpu_free() in arch/x86/kvm/vmx/tdx.c,
kvm_vm_ioctl_create_vcpu() in virt/kvm/kvm_main.c, tdh_mng_vpflushdone(), tdh_phymem_cache_wb() and
tdh_mng_key_freeid() of the TDX module 1.5.01.
"""

from __future__ import annotations

from vmlitmus.lang import KernelFile, Sections, TdxModule, World, sequence, when
from vmlitmus.model.kvm.secure_ept.association import flush_vp
from vmlitmus.model.kvm.secure_ept.module import RELEASE
from vmlitmus.world.secure_ept.td import Cpu, Key, Task, Td, Vcpu

RELEASE_HKID = KernelFile("arch/x86/kvm/vmx/tdx.c", "tdx_mmu_release_hkid()", "7.2.8")
FREE = KernelFile("arch/x86/kvm/vmx/tdx.c", "tdx_vcpu_free()", "7.2.8")
CREATE = KernelFile("virt/kvm/kvm_main.c", "kvm_vm_ioctl_create_vcpu()", "7.2.8")
FLUSH_DONE = TdxModule("tdh_mng_vpflushdone()", RELEASE)
CACHE_WB = TdxModule("tdh_phymem_cache_wb()", RELEASE)
FREEID = TdxModule("tdh_mng_key_freeid()", RELEASE)
HOLDS_HOTPLUG = "hold cpus_read_lock() while the key is released"
FLUSHES_ALL = "flush each vcpu before the key is released"
ALL_PACKAGES = "have a cpu of each package write its caches back"
FLUSHES_FREED = "take a vcpu that is freed off the list of its cpu"


def package_waits(w: World, cpu: Cpu) -> bool:
    """Say whether no cpu of the package is chosen yet."""
    return not any(o in w.the(Td).targets and o.package == cpu.package for o in w.all(Cpu))


def write_back_missing(w: World) -> bool:
    """Say whether a package has not executed TDH.PHYMEM.CACHE.WB."""
    return any(
        not any(o.written_back and o.package == cpu.package for o in w.all(Cpu))
        for cpu in w.all(Cpu)
    )


@sequence(
    source=(RELEASE_HKID, FREE, FLUSH_DONE, CACHE_WB, FREEID),
    disturbance="destroy",
    fair="weak",
)
def destroy(w: World, task: Task) -> Sections:
    td = w.the(Td)
    when(not td.ending and not td.building and all(v.idle for v in w.all(Vcpu)))
    when(all(other is task or other.idle for other in w.all(Task)))
    td.ending = True
    for vcpu in w.all(Vcpu):
        vcpu.out = True
    yield "{task} closes the last descriptor of the VM"
    when(not td.writer or not w.part(HOLDS_HOTPLUG))
    td.readers = w.part(HOLDS_HOTPLUG)
    yield "{task} begins tdx_mmu_release_hkid() with cpus_read_lock()"
    for vcpu in w.all(Vcpu):
        at = vcpu.kvm_cpu
        yield "{task} reads vcpu->cpu of {vcpu} to release the key"
        if at is not None and w.part(FLUSHES_ALL):
            when(not at.irqs_off or not at.online)
            flush_vp(w, vcpu, at)
            yield "{task} has had tdx_flush_vp() of {vcpu} executed"
    if any(v.lp is not None for v in w.all(Vcpu)):
        td.key = Key.LEAKED
        yield "TDH.MNG.VPFLUSHDONE of {task} finds a vcpu that is associated"
    else:
        td.key = Key.FLUSHED
        yield "TDH.MNG.VPFLUSHDONE of {task} finds no vcpu associated"
        for cpu in w.all(Cpu):
            if cpu.online and package_waits(w, cpu) and w.part(ALL_PACKAGES):
                td.targets.add(cpu)
        yield "{task} has chosen a cpu of each package"
        for cpu in w.all(Cpu):
            if cpu in td.targets and cpu.online:
                cpu.written_back = True
        yield "{task} has had TDH.PHYMEM.CACHE.WB executed on the cpus that are online"
        td.key = Key.LEAKED if write_back_missing(w) else Key.FREED
        yield "TDH.MNG.KEY.FREEID of {task} has answered"
    td.readers = False
    yield "{task} is done with tdx_mmu_release_hkid()"
    for vcpu in w.all(Vcpu):
        if not vcpu.freed:
            yield from free(w, task, vcpu)
    yield "{task} has freed all vcpus"


def free(w: World, task: Task, vcpu: Vcpu) -> Sections:
    """tdx_vcpu_free(), and what kvm_vcpu_destroy() does after it."""
    at = vcpu.kvm_cpu
    yield "{task} reads vcpu->cpu of {vcpu} to free it"
    if at is not None and w.part(FLUSHES_FREED):
        when(not at.irqs_off or not at.online)
        flush_vp(w, vcpu, at)
        yield "{task} has had tdx_flush_vp() of {vcpu} executed to free it"
    vcpu.freed = True
    yield "{task} has freed {vcpu}"


@sequence(source=(CREATE, FREE), disturbance="create-fails", fair="weak")
def fail_to_create(w: World, task: Task, vcpu: Vcpu) -> Sections:
    when(vcpu.idle and vcpu.lp is None and vcpu.created and not w.the(Td).ending)
    vcpu.out = True
    vcpu.created = False
    yield "KVM_CREATE_VCPU of {task} fails, and {vcpu} is to be freed"
    yield from free(w, task, vcpu)
