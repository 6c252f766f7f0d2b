"""What the recording shows of the world around the scheduler, as steps of the model.

The model has no load balancer and no user space; a recording shows what they did. Each step here
uses the scheduler's own functions, so that it voids picks and sends the IPI as the scheduler would.
"""

from __future__ import annotations

from vmlitmus.lang import Assumption, World, step, when
from vmlitmus.model.scheduler.core_scheduling import (
    can_schedule,
    sleep,
    void_picks,
    wake_up,
)
from vmlitmus.world.smt_protection import Activity, Cpu, Task, Vcpu

RECORDED = Assumption(
    "recorded", "the recording shows that it happened; who did it is not part of the model"
)
ANY_TIME = Assumption(
    "schedule-at-any-time", "schedule() may be called whenever a cpu is not in guest mode"
)
KEPT = Assumption(
    "schedule-keeps-the-task",
    "schedule() that goes on with the task it finds leaves no trace, and the siblings alone",
)
VOIDED = Assumption("voided-picks", "an enqueue or dequeue that was not recorded voids the picks")
_OUTSIDE = (Activity.USER, Activity.KERNEL, Activity.IDLE_LOOP)


@step("{task} is enqueued on its cpu", source=RECORDED)
def trace_enqueues(w: World, task: Task) -> None:
    if task.runnable:
        void_picks(w, task)
    else:
        wake_up(w, task)


@step("{task} has waited on its cpu since before the recording", source=RECORDED)
def trace_waited(w: World, task: Task) -> None:
    when(not task.runnable)
    task.runnable = True


@step("{task} is dequeued from its cpu by a migration", source=RECORDED)
def trace_dequeues(w: World, task: Task) -> None:
    task.runnable = False
    void_picks(w, task)
    if task.cpu.curr is task:
        task.cpu.need_resched = True


@step("{task}, which runs, goes to sleep", source=RECORDED)
def trace_sleeps(w: World, task: Task) -> None:
    when(task.cpu.curr is task and task.runnable and task.cpu.activity in _OUTSIDE)
    sleep(w, task)


@step("one of {task}, which runs, goes to sleep; another of it waits", source=RECORDED)
def trace_sleeps_in_group(w: World, task: Task) -> None:
    when(task.cpu.curr is task and task.runnable and task.cpu.activity in _OUTSIDE)
    void_picks(w, task)
    task.cpu.need_resched = True


@step("{cpu} comes to schedule()", source=ANY_TIME)
def trace_schedules(w: World, cpu: Cpu) -> None:
    when(not cpu.need_resched and cpu.activity in _OUTSIDE)
    cpu.need_resched = True


@step("schedule() on {cpu} keeps its task", source=KEPT)
def trace_keeps(w: World, cpu: Cpu) -> None:
    when(can_schedule(w, cpu) and not cpu.picked)
    when(cpu.curr is None or cpu.curr.runnable)
    cpu.need_resched = False


@step("something on the core of {cpu} voids its pick", source=VOIDED)
def trace_voids(w: World, cpu: Cpu) -> None:
    when(cpu.picked)
    cpu.picked = False


@step("{vcpu}, which runs, executes something that exits", source=RECORDED)
def trace_exits(w: World, vcpu: Vcpu) -> None:
    """The model's own step is of a cpu that has one vcpu; here it may have several."""
    when(vcpu.cpu.curr is vcpu.task and vcpu.cpu.activity == Activity.GUEST and not vcpu.leaving)
    vcpu.leaving = True


STEPS = (
    trace_exits,
    trace_enqueues,
    trace_waited,
    trace_dequeues,
    trace_sleeps,
    trace_sleeps_in_group,
    trace_schedules,
    trace_keeps,
    trace_voids,
)
