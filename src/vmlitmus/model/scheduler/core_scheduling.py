"""Which task a cpu runs: the local pick, and core scheduling's pick for the whole core.

Under one lock the core-wide pick takes the task of highest priority of the core; its cookie is the
core's. A sibling whose best task has that cookie gets it. Otherwise another task is looked for only
if the cookie is not 0: beside a task without a cookie, a sibling whose best task has one goes idle,
whatever else waits there. A sibling that runs something else gets need_resched and an IPI; the
picker does not wait for it. Only the idle task goes with every cookie: a kthread has cookie 0 and
is kept off beside any other. An enqueue or a cookie change makes old pre-picks void. An offline cpu
is not picked for.

Fair tasks have no fixed order here: any runnable task of the core may be the one of highest
priority. Two things need fair="strong". Each task is first again and again, because its vruntime
falls behind, whatever else happens between the picks at which it might have been; and the tick
comes again and again, although it is not always there that a task waits. Without core scheduling a
cpu picks among its own tasks.

Not modelled: priorities, load balancing, forced-idle accounting, the pick that leaves siblings
alone while the core has no cookie (it gives a subset of these picks).
Source: pick_next_task() in kernel/sched/core.c, kernel/sched/core_sched.c.
"""

from __future__ import annotations

from enum import Enum

from vmlitmus.lang import Assumption, CpuEvent, KernelFile, World, step, when
from vmlitmus.model.hardware.smt.protection import siblings_seen_idle
from vmlitmus.model.hardware.smt.readings import STALL_ENDS
from vmlitmus.model.kvm.smt_protection.mechanism import SmtMechanism
from vmlitmus.world.smt_protection import Activity, Cookie, Cpu, Task, TaskKind, Vcpu

PICK = KernelFile("kernel/sched/core.c", "pick_next_task()", "7.2.8")
TICK = KernelFile("kernel/sched/core.c", "sched_tick()", "7.2.8")
WAKE = KernelFile("kernel/sched/core.c", "try_to_wake_up()", "7.2.8")
SET_COOKIE = KernelFile("kernel/sched/core_sched.c", "__sched_core_set()", "7.2.8")


SLICE_OUTLASTS = Assumption(
    "slice-outlasts-entry",
    "a slice is longer than it takes a sibling to go idle and a vcpu to enter, and than a round of "
    "ksoftirqd: the tick takes the cpu from neither before it has run",
    settled_by=(
        "the slice in use (base_slice_ns) against a measured entry; it is long by three "
        "orders of magnitude, but nothing promises it"
    ),
)
IN_TRANSIT = (
    Activity.IDLE_LOOP,
    Activity.ENTERING,
    Activity.HARDIRQ,
    Activity.SOFTIRQ,
    Activity.NMI,
)


def core_wide(w: World) -> bool:
    """Say whether the pick is for the whole core."""
    return w.use(SmtMechanism).core_wide(w)


def resched(cpu: Cpu) -> None:
    """resched_curr(): set need_resched; no IPI to a cpu that polls or is offline.

    TIF_POLLING_NRFLAG is set in the polling state and around MWAIT, which the store itself ends.
    """
    cpu.need_resched = True
    if cpu.activity not in (Activity.OFFLINE, Activity.POLL, Activity.MWAIT):
        cpu.irq = True


def void_picks(w: World, task: Task) -> None:
    """An enqueue, a dequeue or a new cookie: core_task_seq moves on, so pre-picks are stale."""
    for cpu in w.all(Cpu):
        if cpu.core is task.cpu.core:
            cpu.picked = False


def wake_up(w: World, task: Task) -> None:
    """Enqueue a task and let its cpu pick again."""
    task.runnable = True
    void_picks(w, task)
    if task.cpu.curr is not task:
        resched(task.cpu)


def sleep(w: World, task: Task) -> None:
    """Dequeue a task that is current on its cpu."""
    task.runnable = False
    void_picks(w, task)
    task.cpu.need_resched = True


def can_schedule(w: World, cpu: Cpu) -> bool:
    """Say whether a cpu is where need_resched is looked at, and set; a dying cpu picks no more."""
    if not cpu.need_resched or cpu.irq or cpu.irqs_off or cpu.dying:
        return False
    if cpu.activity == Activity.KERNEL:
        return any(v.task is cpu.curr and v.idle for v in w.all(Vcpu))
    return cpu.activity in (Activity.IDLE_LOOP, Activity.USER, Activity.KTHREAD)


def set_curr(w: World, cpu: Cpu, task: Task | None) -> None:
    """Run a task, or the idle task."""
    cpu.curr = task
    if task is None:
        cpu.activity = Activity.IDLE_LOOP
    elif task.kind == TaskKind.VCPU:
        cpu.activity = Activity.KERNEL
    elif task.kind == TaskKind.USER:
        cpu.activity = Activity.USER
    else:
        cpu.activity = Activity.KTHREAD


def switch_to(w: World, cpu: Cpu, task: Task | None) -> None:
    """Context switch: TIF_SVM_PROTECTED is a flag of the task that ran."""
    w.happens(CpuEvent.CONTEXT_SWITCH, cpu)
    cpu.need_resched = False
    cpu.picked = False
    cpu.protected = False
    set_curr(w, cpu, task)


@step("{cpu} picks {task}", source=PICK, fair="strong")
def pick_local(w: World, cpu: Cpu, task: Task) -> None:
    when(not core_wide(w) and can_schedule(w, cpu))
    when(task.cpu is cpu and task.runnable)
    switch_to(w, cpu, task)


def competes(task: Task) -> bool:
    """Say whether a task may be picked: it is runnable, and its cpu is online."""
    return task.runnable and task.cpu.activity != Activity.OFFLINE


@step("{cpu} picks the idle task", source=PICK, fair="weak")
def pick_idle(w: World, cpu: Cpu) -> None:
    when(can_schedule(w, cpu) and not cpu.picked)
    if core_wide(w):
        when(not any(competes(t) and t.cpu.core is cpu.core for t in w.all(Task)))
    else:
        when(not any(t.runnable and t.cpu is cpu for t in w.all(Task)))
    cpu.pick = None
    switch_to(w, cpu, None)


class Best(Enum):
    """What is best on siblings that have tasks with and without a cookie."""

    FITTING = "the best tasks of the siblings may run beside it"
    OTHERS = "the best tasks of the siblings have cookies"


@step(
    "{cpu} picks tasks for its whole core, where {task} has the highest priority; {best}",
    source=PICK,
    fair="strong",
)
def pick_core_wide(w: World, cpu: Cpu, task: Task, best: Best) -> None:
    when(core_wide(w) and can_schedule(w, cpu) and not cpu.picked)
    when(best == Best.FITTING or outranked(w, task))
    when(task.cpu.core is cpu.core and competes(task))
    for other in w.all(Cpu):
        if other.core is cpu.core and other.activity != Activity.OFFLINE:
            give_pick(w, other, task, best)
            if other is not cpu and other.curr is not other.pick:
                other.picked = True
                resched(other)
    switch_to(w, cpu, cpu.pick)


def has_cookied(w: World, cpu: Cpu) -> bool:
    """Say whether a task with a cookie is runnable on the cpu."""
    return any(t.cpu is cpu and t.runnable and t.cookie != Cookie.ZERO for t in w.all(Task))


def outranked(w: World, first: Task) -> bool:
    """Say whether a sibling may go idle for its best task has a cookie, and one without waits."""
    return first.cookie == Cookie.ZERO and any(
        t.cpu is not first.cpu
        and t.cpu.core is first.cpu.core
        and competes(t)
        and t.cookie == Cookie.ZERO
        and has_cookied(w, t.cpu)
        for t in w.all(Task)
    )


def give_pick(w: World, cpu: Cpu, first: Task, best: Best) -> None:
    """The best task of one cpu if it goes with the core's cookie; another that does; or idle."""
    cpu.pick = None
    cpu.picked = False
    if best == Best.FITTING or not has_cookied(w, cpu):
        for task in w.all(Task):
            if task.cpu is cpu and task.runnable and task.cookie == first.cookie:
                cpu.pick = task
    if first.cpu is cpu:
        cpu.pick = first


@step("{cpu} switches to the task that was picked for it", source=PICK, fair="weak")
def take_pick(w: World, cpu: Cpu) -> None:
    when(can_schedule(w, cpu) and cpu.picked)
    switch_to(w, cpu, cpu.pick)


def about_to_run(w: World, vcpu: Vcpu) -> bool:
    """Say whether a vcpu task that has the cpu will be in guest mode soon."""
    if vcpu.cpu.activity not in (Activity.KERNEL, Activity.STALLED):
        return False
    if siblings_seen_idle(w, vcpu.cpu) and not w.use(SmtMechanism).waits(w, vcpu):
        return True
    return any(
        o is not vcpu.cpu
        and o.core is vcpu.cpu.core
        and (o.picked or o.need_resched or o.activity in IN_TRANSIT or is_kicked(w, o))
        and (bool(w.assume(STALL_ENDS)) or o.activity != Activity.STALLED)
        for o in w.all(Cpu)
    )


def is_kicked(w: World, cpu: Cpu) -> bool:
    """Say whether a vcpu's task wakes this cpu, so that it chooses another idle state."""
    idles = cpu.activity in (Activity.POLL, Activity.MWAIT, Activity.C6)
    return idles and w.use(SmtMechanism).kicks(w)


def has_cpu(w: World, task: Task) -> bool:
    """Say whether a task was picked for its cpu, which may not have taken the last pick yet."""
    if core_wide(w):
        return task.cpu.pick is task and (task.cpu.picked or task.cpu.curr is task)
    return task.cpu.curr is task


@step(
    "{cpu} gets a scheduler tick while {task} waits", source=(TICK, SLICE_OUTLASTS), fair="strong"
)
def sched_tick(w: World, cpu: Cpu, task: Task) -> None:
    if w.assume(SLICE_OUTLASTS):
        when(cpu.activity != Activity.KTHREAD)
        with w.unobserved("no cpu looks: it says how long a slice is"):
            when(not any(v.task is cpu.curr and about_to_run(w, v) for v in w.all(Vcpu)))
    when(task.runnable and not has_cpu(w, task) and task.cpu.activity != Activity.OFFLINE)
    when(cpu.curr is not None and not cpu.need_resched)
    when(task.cpu is cpu or (core_wide(w) and task.cpu.core is cpu.core))
    resched(cpu)


@step("{task} wakes up", source=WAKE, disturbance="user")
def user_wakes(w: World, task: Task) -> None:
    when(task.kind == TaskKind.USER and not task.runnable)
    when(not w.use(SmtMechanism).isolated)
    wake_up(w, task)


@step("{task} goes to sleep", source=WAKE, disturbance="user")
def user_sleeps(w: World, task: Task) -> None:
    when(task.kind == TaskKind.USER and task.cpu.activity == Activity.USER)
    when(task.cpu.curr is task and not task.cpu.need_resched)
    sleep(w, task)


@step("{task} gets cookie {cookie} by prctl()", source=SET_COOKIE, disturbance="prctl")
def change_cookie(w: World, task: Task, cookie: Cookie) -> None:
    when(task.kind == TaskKind.USER and task.cookie != cookie)
    when(cookie in (Cookie.A, Cookie.D))
    task.cookie = cookie
    void_picks(w, task)
    if task.cpu.curr is task:
        resched(task.cpu)
