"""What a mechanism that should keep siblings quiet may do, and when.

The hooks are named after moments of the kernel. The class itself is mechanism "none": the RFC's
kernel patch alone, which programs IDLE_WAKEUP_ICR on the cpus that are online when kvm_amd is
loaded and enters again after -3. How tasks get their cookies is said in ``cookies``, for the
set-up.
Source: the RFC of 2025-08-07.
"""

from __future__ import annotations

from enum import Enum
from typing import ClassVar

from vmlitmus.lang import Hooks, Sections, World
from vmlitmus.world.smt_protection import Cpu, IdleState, Vcpu


class Cookies(Enum):
    """Which tasks share a core scheduling cookie."""

    NONE = "none"
    PER_VCPU = "per vcpu"
    PER_VM = "per vm"


class SmtMechanism(Hooks):
    """Nothing: tasks of any kind are picked for a sibling, and KVM just enters again."""

    cookies: ClassVar[Cookies] = Cookies.NONE
    isolated: ClassVar[bool] = False  # no user task is placed on a vcpu's sibling

    def core_wide(self, w: World) -> bool:
        """Say whether pick_next_task() picks for the whole core."""
        return False

    def prepare(self, w: World, vcpu: Vcpu) -> Sections:
        """vcpu_run(), IRQs on: before the last check of need_resched."""
        yield from ()

    def before_vmrun(self, w: World, vcpu: Vcpu) -> Sections:
        """svm_vcpu_enter_exit(), IRQs off: just before VMRUN."""
        yield from ()

    def after_vmexit(self, w: World, vcpu: Vcpu) -> Sections:
        """svm_vcpu_enter_exit(), IRQs off: just after #VMEXIT."""
        yield from ()

    def put(self, w: World, vcpu: Vcpu) -> Sections:
        """vcpu_run(), IRQs on: after an exit was handled."""
        yield from ()

    def waits(self, w: World, vcpu: Vcpu) -> bool:
        """Say whether the vcpu's task waits for its siblings."""
        return False

    def kicks(self, w: World) -> bool:
        """Say whether a vcpu's task wakes siblings that idle in a state that does not count."""
        return False

    def requeues(self, w: World) -> bool:
        """Say whether an event of a failed entry stays in KVM's own queue."""
        return False

    def idle_enter(self, w: World, cpu: Cpu, state: IdleState) -> None:
        """do_idle(), IRQs off: the idle state is chosen, HLT is next."""

    def wants_hlt(self, w: World, cpu: Cpu) -> bool:
        """Say whether only HLT and C2 may be chosen."""
        return False

    def drains_softirqs(self, w: World) -> bool:
        """Say whether the idle loop handles pending softirqs before it enters an idle state."""
        return False

    def idle_exit(self, w: World, cpu: Cpu) -> None:
        """The first instruction after an idle state."""

    def kernel_enter(self, w: World, cpu: Cpu) -> None:
        """An interrupt enters the kernel; cpu.activity still says from where."""

    def kernel_exit(self, w: World, cpu: Cpu) -> None:
        """The cpu goes back to a user task, or to the idle task."""

    def admits_device_irq(self, w: World, cpu: Cpu) -> bool:
        """Say whether a device interrupt may be routed to a sibling of a vcpu."""
        return True

    def online(self, w: World, cpu: Cpu) -> None:
        """A hotplug callback on a cpu that comes online."""
