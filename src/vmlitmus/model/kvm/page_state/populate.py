"""SNP_LAUNCH_UPDATE of a page: kvm_gmem_populate() and sev_gmem_post_populate().

Under slots_lock. The source page is got, which takes mmap_lock; under the invalidate_lock the folio
is got, and its lock is dropped again; a page that is assigned, or whose attribute is shared, is
refused; the source is copied; the page is made firmware's, and firmware measures it and makes it
the guest's. When firmware refuses, the page is reclaimed and made shared; when that fails, it is
leaked and the VM is dead. Until 7.0 the source page was got under the invalidate_lock. A fault of
the VMM on its mapping of guest_memfd would take that lock under mmap_lock with conversion in place;
in the releases that were read it takes the folio lock alone. Both are strongly fair, since a
rw_semaphore hands itself over to those who wait.

KVM does not refuse the ioctl after LAUNCH_FINISH. Firmware does, when the page is its own already:
so vcpus may fault meanwhile. A remedy would be to keep the folio lock.

The source page may be one whose faults userspace serves: of a FUSE file, or by userfaultfd. Until
7.0 the thread waits for it with the invalidate_lock held, as long as userspace likes.

Not load-bearing: "userspace may map guest_memfd": with conversion in place it brings the other
order of the two locks, and its lack mends nothing else.

Firmware refuses a CPUID page that it does not like, and says what it would like. KVM copies that to
the source page, and marks it dirty. 7.2.13 takes the folio lock for that, with the invalidate_lock
held; before, the source could be truncated meanwhile. Another may have the folio lock and wait for
the process that serves the file of the page: to be invalidated, a page of FUSE is written back.

Not load-bearing: "KVM takes the lock of the source page to mark it dirty": it keeps the inode of
the source from being freed, which is not modelled.

Not modelled: pages of type ZERO, for which nothing is copied; the CPUID page until 7.0, when it was
copied back by copy_to_user(), which may wait as the copy from it does.
Source: kvm_gmem_populate() in virt/kvm/guest_memfd.c, sev_gmem_post_populate() in sev.c,
invalidate_inode_pages2_range() in mm/truncate.c, fuse_launder_folio() in fs/fuse/file.c.
"""

from __future__ import annotations

from vmlitmus.lang import KernelFile, Sections, World, sequence, step, when
from vmlitmus.model.kvm.page_state.bindings import (
    get_file,
    has_file,
    have_alone,
    installed,
    may_take,
    put_file,
    want_alone,
)
from vmlitmus.model.kvm.page_state.rmp import LEAK, RECLAIM
from vmlitmus.model.kvm.page_state.versions import DIRTY_LOCKED, MAPPABLE, SOURCE_FIRST
from vmlitmus.world.page_state import Host, Page, Rmp, Task

POPULATE = KernelFile("virt/kvm/guest_memfd.c", "kvm_gmem_populate()", "7.2.8")
POST = KernelFile("arch/x86/kvm/svm/sev.c", "sev_gmem_post_populate()", "7.2.8")
INVALIDATE = KernelFile("mm/truncate.c", "invalidate_inode_pages2_range()", "7.2.8")
LAUNDER = KernelFile("fs/fuse/file.c", "fuse_launder_folio()", "7.2.8")
USER_FAULT = KernelFile("virt/kvm/guest_memfd.c", "kvm_gmem_fault_user_mapping()", "7.2.8")
REFUSE = "refuse to populate a page that is assigned"
GIVE_BACK = "reclaim a page that firmware refused"


@sequence(
    source=(POPULATE, POST, RECLAIM, DIRTY_LOCKED.source), disturbance="populate", fair="strong"
)
def populate(w: World, task: Task, page: Page) -> Sections:
    host = w.the(Host)
    when(page.in_file and not host.slots_lock and not page.leaked and not host.dead)
    when(installed(w) and has_file(w))
    host.slots_lock = True
    get_file(w)
    yield "{task} enters KVM_SEV_SNP_LAUNCH_UPDATE for {page} and takes slots_lock"
    if w.part(SOURCE_FIRST.part):
        when(not host.mmap_lock and (host.source_came or not host.source_owed))
        want_alone(w)
        yield "{task} gets the source page for {page}"
        when(may_take(w))
        have_alone(w)
        host.invalidate_lock = True
        yield "{task} takes the invalidate_lock and waits for the folio lock of {page}"
        when(not page.locked)
    else:
        when(may_take(w))
        host.invalidate_lock = True
        yield "{task} takes the invalidate_lock and waits for mmap_lock"
        when(not host.mmap_lock and not page.locked)
        when(host.source_came or not host.source_owed)
    page.locked = host.keeps_folio_lock
    yield "{task} holds the source page and the folio of {page}"
    if refused(w, page):
        finish(w, page)
        yield "{task} finds {page} assigned, shared or gone, and fails"
        return
    yield "{task} finds that {page} is not assigned"
    if page.rmp != Rmp.SHARED:
        host.rmp_fault = True
    yield "{task} copies the source to {page}"
    if host.assigning_fails:
        finish(w, page)
        yield "{task} cannot assign {page} to firmware, and fails"
        return
    page.rmp = Rmp.FIRMWARE
    page.validated = False
    yield "{task} assigns {page} to firmware and calls SNP_LAUNCH_UPDATE"
    if host.update_fails:
        page.failed = True
        give_back(w, page)
        if host.cpuid_page and page.rmp == Rmp.SHARED:
            yield "{task} copies what firmware says of the CPUID page back to the source"
            if host.dirties_last:
                drop_locks(w, page)
                yield "{task} drops the invalidate_lock before it marks the source dirty"
                when(not host.source_locked)
                leave(w)
                yield "{task} has marked the source of {page} dirty, with its lock"
                return
            when(not host.source_locked or not w.part(DIRTY_LOCKED.part))
    else:
        page.rmp = Rmp.GUEST
        page.validated = True
        page.populated = True
        page.uptodate = True
    finish(w, page)
    yield "{task} has handled {page}, which is {page.rmp} in the RMP now"


def refused(w: World, page: Page) -> bool:
    """Say whether the folio, the attribute or the RMP entry keeps populate from going on."""
    assigned = page.rmp != Rmp.SHARED and w.part(REFUSE)
    return not page.in_file or not page.private or page.poisoned or assigned


def give_back(w: World, page: Page) -> None:
    """snp_page_reclaim(), and what comes of it."""
    if w.the(Host).reclaim_fails:
        page.leaked = w.part(LEAK)
        w.the(Host).dead = True
    elif w.part(GIVE_BACK):
        page.rmp = Rmp.SHARED


def finish(w: World, page: Page) -> None:
    """Drop all locks."""
    drop_locks(w, page)
    leave(w)


def drop_locks(w: World, page: Page) -> None:
    """Drop the locks of the guest_memfd."""
    if w.the(Host).keeps_folio_lock:
        page.locked = False
    w.the(Host).invalidate_lock = False


def leave(w: World) -> None:
    """Drop slots_lock and the file."""
    w.the(Host).slots_lock = False
    put_file(w)


@step(
    "the process that serves the file of the source page has it written back, under its lock",
    source=(INVALIDATE, LAUNDER),
    disturbance="write-back",
)
def write_back_source(w: World) -> None:
    when(w.the(Host).cpuid_page and not w.the(Host).source_locked)
    w.the(Host).source_locked = True


@step(
    "the process that serves the file of the source page has written it, and the lock is dropped",
    source=(INVALIDATE, LAUNDER),
    disturbance="write-back",
)
def has_written_source(w: World) -> None:
    when(w.the(Host).source_locked)
    w.the(Host).source_locked = False


@step("the process that owes the source page serves the fault on it", source=POPULATE)
def serve_fault(w: World) -> None:
    when(w.the(Host).source_owed and not w.the(Host).source_came)
    w.the(Host).source_came = True


@sequence(source=USER_FAULT, disturbance="user-fault", fair="strong")
def user_fault(w: World, task: Task) -> Sections:
    host = w.the(Host)
    when(not host.mmap_lock and w.part(MAPPABLE.part))
    host.mmap_lock = True
    yield "{task} faults on its mapping of guest_memfd and holds mmap_lock"
    when(not host.invalidate_lock or not host.user_fault_locks)
    host.mmap_lock = False
    yield "{task} has handled the fault"
