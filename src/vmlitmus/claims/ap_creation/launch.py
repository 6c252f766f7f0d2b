"""KVM_SEV_SNP_LAUNCH_FINISH: what becomes of each vcpu's VMSA."""

from __future__ import annotations

from vmlitmus.lang import KernelCommit, World, condition
from vmlitmus.world.snp import Fault, Host, Page, Vcpu, Vm

LOCK = KernelCommit(
    "cb923ee6a80f", "KVM: SEV: Lock all vCPUs when synchronzing VMSAs for SNP launch finish"
)
ONCE = KernelCommit(
    "9b9f7962e3e8", "KVM: SEV: Reject attempts to sync VMSA of an already-launched/encrypted vCPU"
)
CREATING = KernelCommit(
    "624bf3440d72", "KVM: SEV: Disallow LAUNCH_FINISH if vCPUs are actively being created"
)


@condition("launch-finished", "KVM_SEV_SNP_LAUNCH_FINISH has succeeded", source=LOCK)
def launch_finished(w: World) -> bool:
    return w.the(Vm).finished


@condition(
    "launch-can-end",
    "KVM_SEV_SNP_LAUNCH_FINISH has succeeded, or no vcpu is encrypted, so that it still can",
    source=ONCE,
)
def launch_can_end(w: World) -> bool:
    return w.the(Vm).finished or not any(v.protected for v in w.all(Vcpu))


@condition("launch-refused", "firmware will refuse the next launch command", source=ONCE)
def launch_refused(w: World) -> bool:
    return w.the(Host).refuses


@condition(
    "vmsa-torn",
    "an encrypted launch VMSA has registers from before and from after one KVM_SET_REGS",
    source=LOCK,
    backed_by=("launch-finished",),
)
def vmsa_torn(w: World) -> bool:
    return any(p.launch and p.assigned and p.old_regs and p.new_regs for p in w.all(Page))


@condition(
    "host-writes-guest-page",
    "the host wrote to a page that is assigned to the guest",
    source=ONCE,
    backed_by=("launch-finished",),
)
def host_writes_guest_page(w: World) -> bool:
    return w.the(Host).rmp_fault


@condition(
    "launch-misses-vcpu",
    "KVM_SEV_SNP_LAUNCH_FINISH succeeded while a vcpu was being created, and did not encrypt it",
    source=CREATING,
    backed_by=("launch-finished",),
)
def launch_misses_vcpu(w: World) -> bool:
    return w.the(Vm).missed


@condition(
    "vcpu-unencrypted-after-launch",
    "the launch is finished, and a vcpu is online whose VMSA was not encrypted",
    source=CREATING,
    backed_by=("launch-finished",),
)
def vcpu_unencrypted(w: World) -> bool:
    return w.the(Vm).finished and any(v.online and not v.protected for v in w.all(Vcpu))


@condition(
    "unencrypted-vcpu-enters",
    "after the launch, VMRUN was executed with a VMSA that was not encrypted",
    source=CREATING,
    backed_by=("launch-finished",),
)
def unencrypted_vcpu_enters(w: World) -> bool:
    return w.the(Vm).finished and any(
        not v.protected and v.fault == Fault.NOT_VMSA for v in w.all(Vcpu)
    )
