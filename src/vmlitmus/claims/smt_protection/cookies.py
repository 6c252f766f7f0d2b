"""Tasks of different cookies on one core: as picked, as executing, and with kernel contexts."""

from __future__ import annotations

from vmlitmus.lang import KernelFile, World, condition
from vmlitmus.world.smt_protection import Activity, Cookie, Cpu, Task, TaskKind

PICK = KernelFile("kernel/sched/core.c", "pick_next_task()", "7.2.8")
DOC = KernelFile("Documentation/admin-guide/hw-vuln/core-scheduling.rst", "Trust model", "7.2.8")


def runs_task(cpu: Cpu) -> bool:
    """Say whether user or guest instructions of the current task execute."""
    return cpu.activity in (Activity.USER, Activity.GUEST)


def runs_kernel(cpu: Cpu) -> bool:
    """Say whether kernel instructions execute, the idle loop's apart."""
    return cpu.activity in (
        Activity.HARDIRQ,
        Activity.SOFTIRQ,
        Activity.NMI,
        Activity.KTHREAD,
        Activity.KERNEL,
    )


def cookie_of(task: Task | None) -> Cookie:
    """Return the cookie of a task; the idle task's does not matter."""
    return Cookie.ZERO if task is None else task.cookie


def execute_mixed(w: World) -> bool:
    """Say whether two siblings execute tasks with different cookies."""
    return any(
        a is not b
        and a.core is b.core
        and runs_task(a)
        and runs_task(b)
        and cookie_of(a.curr) != cookie_of(b.curr)
        for a in w.all(Cpu)
        for b in w.all(Cpu)
    )


@condition(
    "cookies-mixed-as-picked",
    "two siblings have picked tasks with different cookies",
    source=DOC,
    backed_by=("two-cookies-wait",),
)
def cookies_mixed_picked(w: World) -> bool:
    return any(
        a is not b
        and a.core is b.core
        and a.pick is not None
        and b.pick is not None
        and cookie_of(a.pick) != cookie_of(b.pick)
        for a in w.all(Cpu)
        for b in w.all(Cpu)
    )


@condition(
    "cookies-mixed-executing",
    "siblings execute user or guest instructions of tasks with different cookies at the same time",
    source=DOC,
    backed_by=("two-cookies-wait",),
)
def cookies_mixed_executing(w: World) -> bool:
    return execute_mixed(w)


@condition(
    "cookies-apart",
    "no two siblings execute tasks with different cookies at the same time",
    source=DOC,
)
def cookies_apart(w: World) -> bool:
    return not execute_mixed(w)


@condition(
    "cookies-mixed-with-kernel",
    "kernel instructions execute beside user or guest instructions of a task with a cookie",
    source=DOC,
    backed_by=("two-cookies-wait",),
)
def cookies_mixed_kernel(w: World) -> bool:
    return any(
        a is not b
        and a.core is b.core
        and runs_task(a)
        and cookie_of(a.curr) != Cookie.ZERO
        and runs_kernel(b)
        for a in w.all(Cpu)
        for b in w.all(Cpu)
    )


@condition(
    "two-cookies-wait", "tasks of different cookies are runnable on two siblings", source=DOC
)
def two_cookies_wait(w: World) -> bool:
    return any(
        t.runnable
        and o.runnable
        and t.cpu is not o.cpu
        and t.cpu.core is o.cpu.core
        and t.cookie != o.cookie
        for t in w.all(Task)
        for o in w.all(Task)
    )


@condition("forced-idle", "a cpu is kept idle although one of its tasks is runnable", source=DOC)
def forced_idle(w: World) -> bool:
    return any(t.runnable and t.cpu.curr is None and not t.cpu.need_resched for t in w.all(Task))


@condition(
    "idle-though-a-task-fits",
    "a cpu is kept idle, although one of its runnable tasks has the cookie of the sibling's task",
    source=PICK,
    backed_by=("forced-idle",),
)
def idle_though_a_task_fits(w: World) -> bool:
    return any(
        t.runnable
        and t.cpu.curr is None
        and not t.cpu.need_resched
        and not t.cpu.picked
        and o is not t.cpu
        and o.core is t.cpu.core
        and o.curr is not None
        and not o.need_resched
        and not o.picked
        and o.curr.cookie == t.cookie
        for t in w.all(Task)
        for o in w.all(Cpu)
    )


def may_be_picked(task: Task) -> bool:
    """Say whether a task is runnable, and its cpu is online."""
    return task.runnable and task.cpu.activity != Activity.OFFLINE


@condition(
    "stale-pick",
    "a cpu has not taken the pick that makes it idle yet, although a task waits there and no task "
    "with another cookie waits on its core any more",
    source=PICK,
    backed_by=("forced-idle",),
)
def stale_pick(w: World) -> bool:
    return any(
        t.runnable
        and t.cpu.picked
        and t.cpu.pick is None
        and not any(
            may_be_picked(o) and o.cpu.core is t.cpu.core and o.cookie != t.cookie
            for o in w.all(Task)
        )
        for t in w.all(Task)
    )


@condition("sleeper-is-current", "a task that sleeps is still current on its cpu", source=PICK)
def sleeper_is_current(w: World) -> bool:
    return any(not t.runnable and t.cpu.curr is t for t in w.all(Task))


@condition("no-sleeper-is-current", "no task that sleeps is current on a cpu", source=PICK)
def no_sleeper_is_current(w: World) -> bool:
    return not any(not t.runnable and t.cpu.curr is t for t in w.all(Task))


@condition(
    "kernel-entry-unnoticed",
    "a user task was interrupted, and a guest runs beside the handler with no interrupt on its way",
    source=DOC,
    backed_by=("two-cookies-wait",),
)
def kernel_entry_unnoticed(w: World) -> bool:
    return any(
        a is not b
        and a.core is b.core
        and a.activity == Activity.GUEST
        and not a.irq
        and b.activity in (Activity.HARDIRQ, Activity.SOFTIRQ, Activity.NMI)
        and b.curr is not None
        and b.curr.kind == TaskKind.USER
        for a in w.all(Cpu)
        for b in w.all(Cpu)
    )
