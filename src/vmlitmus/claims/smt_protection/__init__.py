"""What must hold, or must be possible, when a protected vcpu shares a core."""

from vmlitmus.claims.smt_protection.cookies import (
    cookies_mixed_executing,
    cookies_mixed_kernel,
    cookies_mixed_picked,
    forced_idle,
    kernel_entry_unnoticed,
    two_cookies_wait,
)
from vmlitmus.claims.smt_protection.host import (
    atomic_section,
    interrupts_served,
    ksoftirqd_waits,
    nohz_softirq_pending,
    sibling_interrupt_pending,
    sibling_interrupts_served,
    sleeps_while_atomic,
    softirq_pending,
    softirq_served,
)
from vmlitmus.claims.smt_protection.isolation import (
    protected_guest_runs,
    sibling_busy,
    sibling_executes,
)
from vmlitmus.claims.smt_protection.vcpu import (
    first_vcpu_runs,
    idle_required,
    idle_required_beside_user_task,
    illegal_sibling,
    injected_interrupt_lost,
    interrupt_in_flight,
    ipi_beside_lost_timer,
    legal_pair_runs,
    second_vcpu_runs,
    timer_handled,
    timer_pending,
    vcpu_refused,
    vcpu_runs,
    vcpu_wants_to_run,
)

CONDITIONS = (
    sibling_executes,
    protected_guest_runs,
    sibling_busy,
    idle_required,
    idle_required_beside_user_task,
    illegal_sibling,
    vcpu_refused,
    vcpu_runs,
    vcpu_wants_to_run,
    first_vcpu_runs,
    second_vcpu_runs,
    legal_pair_runs,
    injected_interrupt_lost,
    interrupt_in_flight,
    ipi_beside_lost_timer,
    timer_pending,
    timer_handled,
    sibling_interrupt_pending,
    sibling_interrupts_served,
    interrupts_served,
    softirq_pending,
    softirq_served,
    nohz_softirq_pending,
    ksoftirqd_waits,
    sleeps_while_atomic,
    atomic_section,
    cookies_mixed_picked,
    cookies_mixed_executing,
    cookies_mixed_kernel,
    two_cookies_wait,
    forced_idle,
    kernel_entry_unnoticed,
)

__all__ = ["CONDITIONS"]
