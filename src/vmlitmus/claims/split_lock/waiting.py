"""Who waits for whom, and whether the VMM hears what it should."""

from __future__ import annotations

from vmlitmus.lang import KernelCommit, KernelFile, World, condition
from vmlitmus.world.split_lock import Vcpu

SEMAPHORE = KernelFile("kernel/locking/semaphore.c", "__up()", "7.2.8")
RETURN_VALUE = KernelCommit(
    "cef48693da1e",
    "KVM: VMX: Preserve negative return value in vmx_handle_exit() with bus lock detected",
)
THRESHOLD = KernelCommit(
    "89f9edf4c69d", "KVM: SVM: Add support for KVM_CAP_X86_BUS_LOCK_EXIT on SVM CPUs"
)


@condition("waits-for-semaphore", "a vcpu waits for buslock_sem", source=SEMAPHORE)
def waits_for_semaphore(w: World) -> bool:
    return any(vcpu.place > 0 for vcpu in w.all(Vcpu))


@condition("passed-once", "a vcpu waits for buslock_sem and another gets it", source=SEMAPHORE)
def passed_once(w: World) -> bool:
    return any(vcpu.passed > 0 for vcpu in w.all(Vcpu))


@condition(
    "passed-over",
    "a vcpu waits for buslock_sem while others take it more times than there are other vcpus",
    source=SEMAPHORE,
    backed_by=("waits-for-semaphore",),
)
def passed_over(w: World) -> bool:
    return any(vcpu.passed > len(w.all(Vcpu)) - 1 for vcpu in w.all(Vcpu))


@condition("first-tenant-waits", "the first vcpu waits for buslock_sem", source=SEMAPHORE)
def first_waits(w: World) -> bool:
    return any(vcpu.place > 0 and vcpu.index == 0 for vcpu in w.all(Vcpu))


@condition(
    "first-tenant-does-not-wait", "the first vcpu does not wait for buslock_sem", source=SEMAPHORE
)
def first_waits_not(w: World) -> bool:
    return not any(vcpu.place > 0 and vcpu.index == 0 for vcpu in w.all(Vcpu))


@condition("exit-failed", "an exit handler of KVM has failed", source=RETURN_VALUE)
def exit_failed(w: World) -> bool:
    return any(vcpu.failed for vcpu in w.all(Vcpu))


@condition(
    "error-hidden",
    "the VMM enters a guest again after an exit handler has failed",
    source=RETURN_VALUE,
    backed_by=("exit-failed",),
)
def error_hidden(w: World) -> bool:
    return any(vcpu.entered_again for vcpu in w.all(Vcpu))


@condition(
    "bus-lock-exit", "the VMM is told of a bus lock before the lock happens", source=THRESHOLD
)
def bus_lock_exit(w: World) -> bool:
    return any(vcpu.exits > 0 for vcpu in w.all(Vcpu))


@condition(
    "second-exit",
    "the VMM is told twice of one bus lock",
    source=THRESHOLD,
    backed_by=("bus-lock-exit",),
)
def second_exit(w: World) -> bool:
    return any(vcpu.exits == 2 for vcpu in w.all(Vcpu))
