"""have_run_cpus of the topic cache-flush, on top of the entry handshake.

A vcpu looks whether the bit of its cpu is set, and sets it by a LOCKed operation if it is not: in
pre_sev_run(), after its last look at the requests. Who frees a page has made KVM_REQ_TLB_FLUSH and
waited; then the task reads the mask, and the cpus in it write back their caches.
Atomic sections: the look at the bit; the bit; the task's look with the write-back, which is waited
for.

Not load-bearing: "the LOCK of cpumask_set_cpu() in pre_sev_run()": the interrupt that the task
waits for drains the store buffer. What the LOCK is worth to other cpus in the same word is not
asked.

Source: pre_sev_run(), sev_guest_memory_reclaimed() in arch/x86/kvm/svm/sev.c.
"""

from __future__ import annotations

from vmlitmus.lang import KernelFile, Sections, World, step, when
from vmlitmus.world.vcpu_wakeup import Host, Page, Task, Vcpu

SEV = "arch/x86/kvm/svm/sev.c"
PRE_SEV_RUN = KernelFile(SEV, "pre_sev_run()", "7.2.8")
MASK_LOCK = "the LOCK of cpumask_set_cpu() in pre_sev_run()"


def mark(w: World, vcpu: Vcpu) -> Sections:
    """pre_sev_run(): the bit is never cleared, so only the first entry has a LOCKed operation."""
    if w.the(Host).marks:
        known = vcpu.last.marked
        yield "{vcpu} looks whether its cpu is in have_run_cpus"
        if not known:
            with w.locked("cpumask_set_cpu()", w.part(MASK_LOCK)):
                vcpu.last.marked = True
        yield "{vcpu} sets its cpu in have_run_cpus"


def flush_marked(w: World, task: Task, page: Page) -> Sections:
    """sev_guest_memory_reclaimed(): the cpus in the mask write back what they have of the page."""
    if w.the(Host).marks:
        for vcpu in w.all(Vcpu):
            if vcpu.home.marked:
                page.dirty.discard(vcpu.home)
            yield "{task} flushes the cache of {vcpu}'s cpu if it is in have_run_cpus"


@step("{vcpu} writes to {page}", source=PRE_SEV_RUN, disturbance="guest-write")
def guest_writes(w: World, vcpu: Vcpu, page: Page) -> None:
    when(vcpu.running and page in vcpu.tlb and w.the(Host).marks)
    page.dirty.add(vcpu.home)
