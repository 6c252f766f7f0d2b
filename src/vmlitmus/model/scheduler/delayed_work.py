"""Delayed work on a given cpu, as timers and workqueues really treat it.

schedule_delayed_work_on() does nothing while the work is pending, that is until a worker takes it
up; nobody looks at its return value. When the timer has run out, __queue_work() queues the work
in the pool of the cpu asked for, unless it is still being executed in another pool: then, so that
it is not re-entered, in that pool. "Being executed" lasts until process_one_work() has the pool's
lock again; the worker may be preempted before. Workers of a bound pool run on its cpu, unless a
thread there has preemption off; once the cpu's pool is unbound, on its way offline, they run
anywhere.

Not load-bearing: "a work that is being executed stays in its pool": no claim here runs a work twice
at once; the rule only ever moves a re-enable to another cpu, so claims are better off without it.

Not modelled: how many jiffies pass, unless in time (a timer runs out some time later, but not while
a thread on its cpu has preemption off); isolated cpus, whose timers run out elsewhere, which
changes nothing. Source: kernel/workqueue.c.
"""

from __future__ import annotations

from vmlitmus.lang import Assumption, KernelFile, Sections, World, sequence, step, when
from vmlitmus.model.hardware.split_lock import set_bit
from vmlitmus.model.scheduler.semaphore import up
from vmlitmus.world.split_lock import Cpu, Plug, Vcpu, Work

QUEUE_WORK = KernelFile("kernel/workqueue.c", "__queue_work()", "7.2.8")
PROCESS = KernelFile("kernel/workqueue.c", "process_one_work()", "7.2.8")
FIFO_STARVES = Assumption(
    "fifo-starves-workers",
    "a SCHED_FIFO vcpu thread that never sleeps keeps the workers of its cpu from running: with "
    "fair servers only if /sys/kernel/debug/sched/fair_server/cpuN/runtime is 0, whatever "
    "sched_rt_runtime_us is",
    default=False,
    settled_by="the setting of fair_server/cpuN/runtime on the host that is asked about",
)
FAIR_SERVER = KernelFile("kernel/sched/deadline.c", "sched_init_dl_servers()", "7.2.8")
UNBIND = KernelFile("kernel/workqueue.c", "unbind_worker()", "7.2.8")


def schedule_delayed_work_on(cpu: Cpu, work: Work) -> None:
    """Start the timer, unless the work is pending."""
    if not work.pending:
        work.pending = True
        work.armed = True
        work.target = cpu


@step("the timer of {work} runs out: it is queued for {cpu}", source=QUEUE_WORK, fair="weak")
def timer_runs_out(w: World, work: Work, cpu: Cpu) -> None:
    executing = not work.idle and w.part("a work that is being executed stays in its pool")
    when(work.armed and cpu is (work.pool if executing else work.target))
    when(not held(w, work.target))
    work.armed = False
    if work.pool is not cpu:
        work.pool = cpu


def starved(w: World, cpu: Cpu) -> bool:
    """Say whether a SCHED_FIFO vcpu thread runs guest code on the cpu and never sleeps."""
    hogs = any(v.cpu is cpu and v.vm.fifo and v.idle and not v.stopped for v in w.all(Vcpu))
    return hogs and bool(w.assume(FIFO_STARVES))


def held(w: World, cpu: Cpu | None) -> bool:
    """Say whether a thread on the cpu has preemption off: then no worker runs there."""
    return any(v.cpu is cpu and v.preempt_off for v in w.all(Vcpu))


def may_execute(w: World, work: Work, cpu: Cpu) -> bool:
    """Say whether a worker of the pool that the work is queued in may run on the cpu."""
    if starved(w, cpu) or held(w, cpu):
        return False
    if work.pool is cpu:
        return cpu.plug != Plug.OFFLINE
    return work.pool is not None and not work.pool.bound and cpu.plug == Plug.ONLINE


@sequence(
    "{work} ends: process_one_work() has the pool's lock again",
    source=(PROCESS, FIFO_STARVES, FAIR_SERVER),
    fair="weak",
)
def execute_work(w: World, work: Work, cpu: Cpu) -> Sections:
    when(work.pending and not work.armed)
    when(may_execute(w, work, cpu))
    work.pending = False
    work.at = cpu
    yield "a worker on {cpu} takes up {work}"
    when(not held(w, work.at))
    if work.at is not None:
        set_bit(work.at)
    yield "{work} sets the bit of {work.at}"
    if work.unlocks:
        when(not held(w, work.at))
        up(w)
        yield "{work} releases buslock_sem"
    when(not held(w, work.at))
    work.at = None


@step("the worker of {work} is moved to {cpu}", source=UNBIND, disturbance="hotplug")
def move_worker(w: World, work: Work, cpu: Cpu) -> None:
    when(work.at is not None and work.at is not cpu and cpu.plug == Plug.ONLINE)
    when(work.pool is not None and (work.pool is cpu or not work.pool.bound))
    work.at = cpu
