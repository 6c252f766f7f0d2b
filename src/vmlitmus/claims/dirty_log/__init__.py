"""What must hold, or must be possible, of a dirty log."""

from vmlitmus.claims.dirty_log.log import (
    bitmap_freed,
    freed_bitmap_written,
    late_report,
    page_in_pml_buffer,
    pml_buffers_empty,
    stale_translation,
    unmarked_writable,
)
from vmlitmus.claims.dirty_log.migration import (
    migration_finished,
    page_reported,
    page_written,
    vcpus_stopping,
    write_lost,
)

CONDITIONS = (
    write_lost,
    migration_finished,
    page_reported,
    page_written,
    vcpus_stopping,
    late_report,
    stale_translation,
    unmarked_writable,
    page_in_pml_buffer,
    pml_buffers_empty,
    freed_bitmap_written,
    bitmap_freed,
)

__all__ = ["CONDITIONS"]
