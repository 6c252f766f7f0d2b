"""What must hold, or must be possible, when something is sent to a vcpu."""

from vmlitmus.claims.vcpu_wakeup.faults import (
    no_page_ready,
    page_ready,
    page_unreported,
    pte_written,
    shadowed_again,
    stale_spte,
)
from vmlitmus.claims.vcpu_wakeup.init_sipi import init_lost, init_sent, start_lost, waits_for_sipi
from vmlitmus.claims.vcpu_wakeup.interrupts import (
    avic_inhibited,
    interrupt_pending,
    interrupt_taken,
    interrupt_unnoticed,
    listed_twice,
    on_wakeup_list,
    posted_while_running,
    posted_while_sleeping,
    runs_with_inhibited_avic,
    sleeps_with_interrupt,
)
from vmlitmus.claims.vcpu_wakeup.pages import (
    dirty_line,
    dirty_line_left,
    freed_page_reachable,
    freed_page_walked,
    page_freed,
    page_walked,
    translation_held,
)
from vmlitmus.claims.vcpu_wakeup.requests import (
    request_ignored,
    request_pending,
    request_served,
    request_while_running,
    sleeper_forgotten,
    vcpu0_request_pending,
    vcpu0_request_served,
    vcpu_sleeps,
)
from vmlitmus.claims.vcpu_wakeup.vmcs01 import (
    apicv_changes_in_l2,
    eoi_lost,
    interrupt_in_service,
    stale_controls,
)

CONDITIONS = (
    request_ignored,
    request_while_running,
    request_pending,
    request_served,
    vcpu0_request_pending,
    vcpu0_request_served,
    sleeper_forgotten,
    vcpu_sleeps,
    freed_page_walked,
    freed_page_reachable,
    page_freed,
    page_walked,
    translation_held,
    stale_spte,
    pte_written,
    shadowed_again,
    page_unreported,
    page_ready,
    no_page_ready,
    interrupt_unnoticed,
    sleeps_with_interrupt,
    interrupt_pending,
    interrupt_taken,
    posted_while_running,
    posted_while_sleeping,
    listed_twice,
    on_wakeup_list,
    avic_inhibited,
    runs_with_inhibited_avic,
    init_lost,
    init_sent,
    start_lost,
    waits_for_sipi,
    interrupt_in_service,
    eoi_lost,
    apicv_changes_in_l2,
    stale_controls,
    dirty_line,
    dirty_line_left,
)

__all__ = ["CONDITIONS"]
