"""Whether a request is seen: by a vcpu that runs, and by one that sleeps."""

from __future__ import annotations

from vmlitmus.lang import KernelFile, World, condition
from vmlitmus.world.vcpu_wakeup import Task, Vcpu

DOC = KernelFile("Documentation/virt/kvm/vcpu-requests.rst", "Ensuring Requests Are Seen", "7.2.8")
BLOCK = KernelFile("virt/kvm/kvm_main.c", "kvm_vcpu_block()", "7.2.8")


def all_returned(w: World) -> bool:
    """Say whether nobody is in the middle of sending something."""
    return all(task.idle for task in w.all(Task))


@condition("request-while-running", "a vcpu is in the guest with a request pending", source=DOC)
def request_while_running(w: World) -> bool:
    return any(v.running and v.request for v in w.all(Vcpu))


@condition(
    "request-ignored",
    "a vcpu is in the guest with a request pending, the kick has returned, and no IPI is pending",
    source=DOC,
    backed_by=("request-while-running",),
)
def request_ignored(w: World) -> bool:
    return all_returned(w) and any(v.running and v.request and not v.last.ipi for v in w.all(Vcpu))


@condition("request-pending", "a vcpu has a request pending", source=DOC)
def request_pending(w: World) -> bool:
    return any(v.request for v in w.all(Vcpu))


@condition("request-served", "no vcpu has a request pending", source=DOC)
def request_served(w: World) -> bool:
    return not any(v.request for v in w.all(Vcpu))


@condition("vcpu0-request-pending", "vcpu0 has a request pending", source=DOC)
def vcpu0_request_pending(w: World) -> bool:
    return w.all(Vcpu)[0].request


@condition("vcpu0-request-served", "vcpu0 has no request pending", source=DOC)
def vcpu0_request_served(w: World) -> bool:
    return not w.all(Vcpu)[0].request


@condition("vcpu-sleeps", "a vcpu that executed HLT sleeps", source=BLOCK)
def vcpu_sleeps(w: World) -> bool:
    return any(v.sleeps for v in w.all(Vcpu))


@condition(
    "sleeper-forgotten",
    "a vcpu sleeps although it has an event, and nobody is about to wake it up",
    source=BLOCK,
    backed_by=("vcpu-sleeps", "request-pending"),
)
def sleeper_forgotten(w: World) -> bool:
    return all_returned(w) and any(v.sleeps and v.request for v in w.all(Vcpu))
