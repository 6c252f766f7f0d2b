"""Whether what was sent is what the guest wrote, and whether a migration ends."""

from __future__ import annotations

from vmlitmus.lang import KernelFile, World, condition
from vmlitmus.world.dirty_log.guest import Page, Vm
from vmlitmus.world.dirty_log.userspace import Task

GET = KernelFile("virt/kvm/kvm_main.c", "kvm_get_dirty_log_protect()", "7.2.8")
API = KernelFile("Documentation/virt/kvm/api.rst", "KVM_GET_DIRTY_LOG", "7.2.8")


@condition(
    "write-lost",
    "the migration is over, and memory differs from what was sent of it",
    source=GET,
    backed_by=("migration-finished", "page-reported"),
)
def write_lost(w: World) -> bool:
    over = w.the(Vm).finished and all(task.idle for task in w.all(Task))
    return over and any(page.stale for page in w.all(Page))


@condition(
    "migration-finished", "a log that was read with all vcpus stopped has been sent", source=API
)
def migration_finished(w: World) -> bool:
    return w.the(Vm).finished


@condition("page-reported", "the log has named a page", source=API)
def page_reported(w: World) -> bool:
    return any(task.got for task in w.all(Task))


@condition("page-written", "a page differs from what was sent of it", source=API)
def page_written(w: World) -> bool:
    return any(page.stale for page in w.all(Page))


@condition("vcpus-stopping", "the VMM has asked all vcpus to return from KVM_RUN", source=API)
def vcpus_stopping(w: World) -> bool:
    return w.the(Vm).stopping
