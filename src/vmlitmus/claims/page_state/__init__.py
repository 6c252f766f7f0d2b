"""What must hold, or must be possible, around private pages."""

from vmlitmus.claims.page_state.guest import (
    fault_failed,
    guest_ends,
    page_replaced,
    replaced_page_used,
    svsm_two_vmsas,
    svsm_vmsa,
    svsm_zeroes_vmsa,
)
from vmlitmus.claims.page_state.pages import (
    allocated_again,
    conversion_failed,
    freed_page_assigned,
    freed_page_mapped,
    host_rmp_fault,
    lock_waited_for,
    mapped_unassigned,
    measured_page_replaced,
    no_lock_waited_for,
    page_freed,
    page_mapped,
    page_populated,
    page_reused,
    page_shared,
    page_stuck,
    private_mapping_of_shared,
    psc_out_of_bounds,
)

CONDITIONS = (
    host_rmp_fault,
    freed_page_assigned,
    freed_page_mapped,
    mapped_unassigned,
    private_mapping_of_shared,
    page_stuck,
    measured_page_replaced,
    psc_out_of_bounds,
    page_mapped,
    page_freed,
    page_reused,
    page_shared,
    page_populated,
    allocated_again,
    conversion_failed,
    lock_waited_for,
    no_lock_waited_for,
    replaced_page_used,
    fault_failed,
    svsm_two_vmsas,
    svsm_zeroes_vmsa,
    page_replaced,
    guest_ends,
    svsm_vmsa,
)

__all__ = ["CONDITIONS"]
