"""What a recording shows of a vcpu's thread and of who sends to it, as steps of the models.

The models have no page faults, no user space and no interrupt that the guest puts off; a recording
shows what came of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any

from vmlitmus.lang import (
    Assumption,
    Between,
    Entity,
    KernelFile,
    Model,
    Setup,
    World,
    step,
    when,
)
from vmlitmus.lang.model import Settings
from vmlitmus.lang.step import Step
from vmlitmus.model import TOPICS
from vmlitmus.model.kvm.vcpu_wakeup.init_sipi import set_sipi_bit
from vmlitmus.world.snp import Host, MpState
from vmlitmus.world.snp import Vcpu as SnpVcpu
from vmlitmus.world.vcpu_wakeup import INIT, SIPI, Cpu, Task, Vcpu

RECORDED = Assumption(
    "recorded", "the recording shows that it happened; who did it is not part of the model"
)
ACCEPTED = KernelFile("arch/x86/kvm/lapic.c", "__apic_accept_irq()", "7.2.8")
PUT_OFF = Assumption(
    "interrupts-put-off", "an interrupt that the guest did not take at once is still an event"
)
TIMERS = Assumption(
    "timers", "an interrupt that a vcpu's own thread accepts is of a timer that was due before"
)


class Sender:
    """What a task has recorded and not stored yet: INIT, SIPI or nothing."""

    stores: Annotated[int, Between(0, 2)] = 0


@step("the thread of {vcpu} goes to sleep, not in kvm_vcpu_block()", source=RECORDED)
def trace_sleeps(w: World, vcpu: Vcpu) -> None:
    when(vcpu.at_rest and not vcpu.halted)
    vcpu.cpu = None
    vcpu.asleep = True


@step("the thread of {vcpu}, which sleeps elsewhere, is woken", source=RECORDED)
def trace_wakes(w: World, vcpu: Vcpu) -> None:
    when(vcpu.asleep and not vcpu.waiting)
    vcpu.asleep = False


@step("the thread of {vcpu} is woken in kvm_vcpu_block() for nothing", source=RECORDED)
def trace_wakes_for_nothing(w: World, vcpu: Vcpu) -> None:
    with w.locked("the lock of try_to_wake_up()"):
        when(vcpu.sleepy)
        vcpu.sleepy = False
    vcpu.asleep = False


@step("{vcpu} has halted, and an interrupt is pending that it has not taken", source=PUT_OFF)
def trace_pending(w: World, vcpu: Vcpu) -> None:
    when(vcpu.halted and not vcpu.irr)
    vcpu.irr = True


@step("KVM injects an interrupt into {vcpu}", source=RECORDED)
def trace_injects(w: World, vcpu: Vcpu) -> None:
    when(not vcpu.running and not vcpu.halted)
    vcpu.irr = False


@step("a timer of {vcpu} is due, and {task} has a request", source=TIMERS)
def trace_timer(w: World, task: Task, vcpu: Vcpu) -> None:
    when(task.idle and task.target is None and task.stores == 0)  # type: ignore[attr-defined]
    task.target = vcpu


@step("{task} has sent what it had, and goes back to its guest", source=RECORDED)
def trace_returns(w: World, task: Task) -> None:
    when(task.idle and task.target is None and task.stores == 0)  # type: ignore[attr-defined]


@step("{task} begins to send {vcpu} an INIT", source=RECORDED)
def trace_init(w: World, task: Task, vcpu: Vcpu) -> None:
    when(task.idle and task.target is None and task.stores == 0)  # type: ignore[attr-defined]
    task.stores = INIT


@step("{task} begins to send {vcpu} a SIPI", source=RECORDED)
def trace_sipi(w: World, task: Task, vcpu: Vcpu) -> None:
    when(task.idle and task.target is None and task.stores == 0)  # type: ignore[attr-defined]
    task.stores = SIPI


@step("{task} stores what it sends to {vcpu}, and has a request", source=ACCEPTED)
def trace_stores(w: World, task: Task, vcpu: Vcpu) -> None:
    stores = task.stores  # type: ignore[attr-defined]
    when(stores != 0)
    with w.locked("pending_events is stored over, or one bit of it is set"):
        if stores == INIT:
            vcpu.events = INIT
        else:
            set_sipi_bit(vcpu)
    task.stores = 0
    task.target = vcpu


@step("{task} has sent {vcpu} what changes nothing", source=RECORDED)
def trace_nothing(w: World, task: Task, vcpu: Vcpu) -> None:
    when(task.idle and task.target is None and task.stores == 0)  # type: ignore[attr-defined]


@step("{vcpu} takes INIT, resets itself, and waits for a SIPI", source=RECORDED)
def trace_resets(w: World, vcpu: Vcpu) -> None:
    when(vcpu.at_rest and not vcpu.halted)
    with w.locked("test_and_clear_bit()"):
        when(vcpu.events not in (0, SIPI))
        sipi = vcpu.events != INIT
        vcpu.events = vcpu.events - INIT
        vcpu.request = sipi
    vcpu.irr = False
    vcpu.halted = True


@step("{host} has no interrupt for {vcpu}, whose LAPIC is off", source=RECORDED)
def trace_ignores(w: World, host: Host, vcpu: SnpVcpu) -> None:
    when(not vcpu.apic)


@step("{host} has delivered what it had, and who sent it goes back to its guest", source=RECORDED)
def trace_delivered(w: World, host: Host) -> None:
    when(host.idle and not any(v.bsp and not v.idle for v in w.all(SnpVcpu)))


@step("{vcpu} is HALTED, and an interrupt is pending that it has not taken", source=PUT_OFF)
def trace_put_off(w: World, vcpu: SnpVcpu) -> None:
    when(vcpu.mp_state == MpState.HALTED and not vcpu.bsp and not vcpu.irq)
    vcpu.irq = True


@step("KVM injects an interrupt into {vcpu}, which is RUNNABLE", source=RECORDED)
def trace_injected(w: World, vcpu: SnpVcpu) -> None:
    when(vcpu.mp_state == MpState.RUNNABLE and not vcpu.running)
    vcpu.irq = False


def _threads(make: Setup, s: Settings) -> None:
    """Every vcpu is a thread that leaves its cpu when it sleeps; and one more task sends."""
    TOPICS["vcpu-wakeup"].setup(_Scheduled(make), s)  # type: ignore[arg-type]
    make(Task, cpu=make(Cpu))


class _Scheduled:
    """Makes what a model's setup makes, but vcpus as threads."""

    def __init__(self, make: Setup) -> None:
        self._make = make
        self.made = make.made

    def __call__(self, kind: type[Any], **fields: Any) -> Any:
        return self._make(kind, **fields | ({"scheduled": True} if kind is Vcpu else {}))


STEPS: Mapping[str, tuple[Step, ...]] = {
    "vcpu-wakeup": (
        trace_sleeps,
        trace_wakes,
        trace_wakes_for_nothing,
        trace_pending,
        trace_injects,
        trace_timer,
        trace_returns,
        trace_init,
        trace_sipi,
        trace_stores,
        trace_nothing,
        trace_resets,
    ),
    "ap-creation": (trace_ignores, trace_delivered, trace_put_off, trace_injected),
}
FIELDS: Mapping[str, Mapping[type[Entity], type]] = {"vcpu-wakeup": {Task: Sender}}
SETUPS: Mapping[str, Callable[[Setup, Settings], None]] = {"vcpu-wakeup": _threads}


def setup_of(model: Model) -> Callable[[Setup, Settings], None]:
    """Return how the world of a topic is set up for a recording."""
    return SETUPS.get(model.name, model.setup)
