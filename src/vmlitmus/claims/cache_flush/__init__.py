"""What must hold, or must be possible, around the flushing of caches."""

from vmlitmus.claims.cache_flush.flush import (
    context_moved,
    df_flush_refused,
    dirty_on_two_cpus,
    dirty_outside_mask,
    flush_falls_short,
    flush_owes,
    left_dirty,
    mask_left_behind,
    page_reassigned,
    page_reused,
    region_unregistered,
    stale_read,
    successor_ran_there,
    successor_started,
    unallocated_mask_used,
    unregistered_page_dirty,
    vm_destroyed,
)
from vmlitmus.claims.cache_flush.stale_lines import (
    page_launched,
    plaintext_over_guest_page,
    predecessor_line,
    stale_encrypted_line,
)

CONDITIONS = (
    stale_encrypted_line,
    predecessor_line,
    plaintext_over_guest_page,
    flush_falls_short,
    unallocated_mask_used,
    mask_left_behind,
    unregistered_page_dirty,
    stale_read,
    dirty_outside_mask,
    df_flush_refused,
    successor_started,
    page_reused,
    page_reassigned,
    successor_ran_there,
    page_launched,
    dirty_on_two_cpus,
    flush_owes,
    left_dirty,
    vm_destroyed,
    context_moved,
    region_unregistered,
)

__all__ = ["CONDITIONS"]
