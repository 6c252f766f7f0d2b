"""Bus-lock exits: KVM_CAP_X86_BUS_LOCK_EXIT tells the VMM, which makes the vcpu wait.

On Intel the exit comes after the lock (exit reason 74, or a bit in another exit's reason); on AMD
before it, when the threshold counter is 0; KVM_RUN with an unchanged RIP sets the counter to 1,
so the lock can be made. For L2, nested VMRUN loads the counter anew; KVM remembers the RIP of the
last exit, so that an exit to L1 in between does not start it all over.

Not modelled: what the VMM does but wait. Source: vmx_handle_exit() in arch/x86/kvm/vmx/vmx.c,
bus_lock_exit() in arch/x86/kvm/svm/svm.c.
"""

from __future__ import annotations

from vmlitmus.lang import KernelCommit, KernelFile, Sections, World, sequence, step, when
from vmlitmus.model.hardware.split_lock import lock_bus, slowed
from vmlitmus.model.kvm.split_lock.versions import NESTED_BUS_LOCK, RETURN_VALUE
from vmlitmus.world.split_lock import Answer, Event, Host, Vcpu

HANDLE_EXIT = KernelFile("arch/x86/kvm/vmx/vmx.c", "vmx_handle_exit()", "7.2.8")
HANDLE_EXIT_6_12 = KernelFile("arch/x86/kvm/vmx/vmx.c", "vmx_handle_exit()", "6.12.107")
HANDLE_EXIT_6_1 = KernelFile("arch/x86/kvm/vmx/vmx.c", "vmx_handle_exit()", "6.1.176")
THRESHOLD = KernelCommit(
    "89f9edf4c69d", "KVM: SVM: Add support for KVM_CAP_X86_BUS_LOCK_EXIT on SVM CPUs"
)
REMEMBER_RIP = "nested.last_bus_lock_rip"


def exit_after(w: World, vcpu: Vcpu) -> Sections:
    """Intel: the lock has been made; the VMM hears of it, or L1 does."""
    to_l1 = vcpu.vm.nested and not w.part(NESTED_BUS_LOCK.part)
    vcpu.answer = Answer.L1 if to_l1 else Answer.HOST
    if vcpu.answer == Answer.L1:
        vcpu.event = Event.L1_EXIT
        yield "the bus-lock exit of {vcpu} in L2 goes to L1"
    else:
        slowed(vcpu)
        yield "KVM_RUN of {vcpu} returns KVM_EXIT_X86_BUS_LOCK; the VMM waits"


def exit_before(w: World, vcpu: Vcpu) -> Sections:
    """AMD: the lock has not been made; KVM_RUN will let it pass."""
    slowed(vcpu)
    vcpu.trying = True
    if vcpu.exits < 2:
        vcpu.exits += 1
    yield "KVM_RUN of {vcpu} returns KVM_EXIT_X86_BUS_LOCK before the lock; the VMM waits"
    vcpu.stepping = True
    yield "KVM_RUN of {vcpu} finds RIP unchanged and sets the threshold counter to 1"


@step("a tick takes {vcpu} from L2 to L1 and back", source=THRESHOLD, disturbance="tick")
def tick(w: World, vcpu: Vcpu) -> None:
    when(vcpu.vm.nested and vcpu.idle and vcpu.stepping)
    vcpu.stepping = w.part(REMEMBER_RIP)


@sequence(
    source=(HANDLE_EXIT, HANDLE_EXIT_6_12, HANDLE_EXIT_6_1, RETURN_VALUE.source),
    disturbance="failing-exit",
)
def failing_exit(w: World, vcpu: Vcpu) -> Sections:
    when(vcpu.idle and not vcpu.stopped and not vcpu.failed and w.the(Host).bus_lock_exit)
    when(vcpu.cpu is not None and not vcpu.detected)
    lock_bus(w, vcpu)
    vcpu.failed = True
    yield "{vcpu} locks the bus and exits for another reason, whose handler fails"
    vcpu.returned = w.part(RETURN_VALUE.part)
    yield "vmx_handle_exit() of {vcpu} sets KVM_RUN_X86_BUS_LOCK and returns"


@step("the VMM, told of no error, enters {vcpu} again", source=HANDLE_EXIT)
def vmm_enters_again(w: World, vcpu: Vcpu) -> None:
    when(vcpu.idle and vcpu.failed and not vcpu.returned and not vcpu.entered_again)
    vcpu.entered_again = True


@step("the VMM, told of the error, ends the VM of {vcpu}", source=HANDLE_EXIT)
def vmm_ends_vm(w: World, vcpu: Vcpu) -> None:
    when(vcpu.idle and vcpu.failed and vcpu.returned and not vcpu.vm.killed)
    vcpu.vm.killed = True
