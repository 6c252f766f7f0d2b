"""A core of a recorded run in the words of the model smt-protection.

Tasks of one kind and one cookie that are queued on one cpu are one task of the model: the model has
no order among them. Who is in which group comes from the roster; a new task has its maker's cookie.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from vmlitmus.audit.trace.roster import Roster
from vmlitmus.compiler import Machine, build
from vmlitmus.compiler import State as Codes
from vmlitmus.engine.native.layout import Layout
from vmlitmus.errors import UsageError
from vmlitmus.lang import Settings, Setup
from vmlitmus.model.kvm.smt_protection.topic import MODEL
from vmlitmus.validation.cores.environment import STEPS
from vmlitmus.validation.frontier import State
from vmlitmus.validation.mapping import TraceMapping
from vmlitmus.world.smt_protection import (
    Activity,
    Cookie,
    Core,
    Cpu,
    Host,
    Protection,
    Task,
    TaskKind,
    Vcpu,
)

LETTERS = (Cookie.A, Cookie.B, Cookie.C, Cookie.D)
IDLE = "idle"
CoreShown = tuple[tuple[object, bool], ...]  # of each cpu: what it runs, whether in guest mode


@dataclass(frozen=True, order=True)
class Group:
    """Tasks that are one task of the model: their cpu's place in the core, kind and cookie."""

    place: int
    vcpu: bool
    cookie: int

    def __str__(self) -> str:
        what = "vcpus" if self.vcpu else "tasks"
        cookie = f" with cookie {self.cookie:#x}" if self.cookie else ""
        return f"{what}{cookie}"


class Lift:
    """Who is in which group, and the machine of a core with some groups."""

    def __init__(
        self, roster: Roster, vcpus: frozenset[int], mapping: TraceMapping, places: int
    ) -> None:
        self.places = places
        self._roster = roster
        self._vcpus = vcpus
        self._mapping = mapping
        self._cookies: dict[int, int] = {}
        self._leaders = {
            int(m.vm): m.cookie or 0 for m in roster.members.values() if m.vm.isdecimal()
        }
        cookies = sorted({m.cookie or 0 for m in roster.members.values()})
        kinds = {(t in vcpus, m.cookie or 0) for t, m in roster.members.items()}
        kinds |= {(False, cookie) for cookie in cookies} | {(False, 0)}
        if any(t not in roster.members for t in vcpus):
            kinds.add((True, 0))
        self.groups = [
            Group(place, vcpu, cookie) for place in range(places) for vcpu, cookie in sorted(kinds)
        ]
        letters = [c for c in cookies if c]
        if len(letters) > len(LETTERS):
            raise UsageError(
                f"{len(letters)} cookies; the model knows {len(LETTERS)}: leave VMs out of --vcpus"
            )
        self._letter = dict(zip(letters, LETTERS, strict=False)) | {0: Cookie.ZERO}

    def group(self, place: int, tid: int) -> Group:
        """Return the group of a task on a cpu of the core."""
        return Group(place, tid in self._vcpus, self.cookie(tid))

    def cookie(self, tid: int) -> int:
        member = self._roster.members.get(tid)
        if member is not None:
            return member.cookie or 0
        return self._cookies.get(tid, 0)

    def made(self, child: int, maker: int) -> None:
        """A new task has the cookie of the task that made it."""
        if child not in self._roster.members:
            self._cookies[child] = self.cookie(maker)

    def created(self, tid: int) -> None:
        """A process gave itself a cookie: the one that its threads of the roster have."""
        if tid in self._leaders:
            self._cookies[tid] = self._leaders[tid]

    def ended(self, tid: int) -> None:
        self._cookies.pop(tid, None)

    def machine(self, settings: Mapping[str, Mapping[str, Any]]) -> Machine:
        """Return the machine of one core with a task for each group."""
        kept = (s for s in MODEL.steps if s.name not in self._mapping.leave_out)
        model = replace(MODEL, steps=(*kept, *STEPS), setup=self._populate)
        tables = {name: dict(keys) for name, keys in settings.items()}
        tables.setdefault("machine", {})["cpus_per_core"] = self.places
        return build(model, tables, allow=self._mapping.allow, assume=self._mapping.assume)

    def _populate(self, make: Setup, s: Settings) -> None:
        make(Host)
        core = make(Core)
        for _ in range(self.places):
            make(Cpu, core=core, need_resched=True)
        cpus = make.made(Cpu)
        for group in self.groups:
            cookie = self._letter[group.cookie]
            kind = TaskKind.VCPU if group.vcpu else TaskKind.USER
            task = make(Task, kind=kind, cpu=cpus[group.place], cookie=cookie, runnable=False)
            if group.vcpu:
                make(Vcpu, task=task, cpu=cpus[group.place], asks=Protection.NONE)


class Lifted:
    """A machine and the names of what is in it."""

    def __init__(self, lift: Lift, machine: Machine) -> None:
        self.machine = machine
        self.cpus: Sequence[Cpu] = machine.world.all(Cpu)
        tasks = machine.world.all(Task)
        self.task = dict(zip(lift.groups, tasks, strict=True))
        vcpus = iter(machine.world.all(Vcpu))
        self.vcpu = {group: next(vcpus) for group in lift.groups if group.vcpu}
        self._group = {task: group for group, task in self.task.items()}
        layout = Layout(machine)
        at = {(v.entity, v.name): layout.places[v.index][0] for v in machine.variables}
        codes = {(v.entity, v.name): v.initial for v in machine.variables}
        self._picks = [
            (at[c, "picked"], at[c, "pick"], at[c, "curr"])
            for c in self.cpus
            if (c, "picked") in at
        ]
        dead = ("exit", "event_inj", "injected")
        self._exits = [
            (at[v, "_at"], [(at[v, name], codes[v, name]) for name in dead if (v, name) in at])
            for v in self.vcpu.values()
        ]
        self._seen = [(at[c, "curr"], at[c, "activity"]) for c in self.cpus]
        curr = machine.domains[self.cpus[0], "curr"][1]
        activity = machine.domains[self.cpus[0], "activity"][1]
        self._guest = activity.encode(Activity.GUEST)
        self._who = {curr.encode(t): g for t, g in self._group.items()} | {curr.encode(None): IDLE}

    def canonical(self, state: State) -> State:
        """Return a state that can do the same: what nobody reads any more is as at the start.

        A pick is read only while it is not taken; an exit's reason only by its own sequence.
        """
        words = list(state)
        for picked, pick, curr in self._picks:
            if not words[picked.word] >> picked.shift & 1:
                code = words[curr.word] >> curr.shift & curr.mask
                words[pick.word] &= ~(pick.mask << pick.shift)
                words[pick.word] |= code << pick.shift
        for at, dead in self._exits:
            if not words[at.word] >> at.shift & at.mask:
                for place, code in dead:
                    words[place.word] &= ~(place.mask << place.shift)
                    words[place.word] |= code << place.shift
        return tuple(words)

    def look(self, state: State) -> CoreShown:
        """What the recording shows of a state: the current task and guest mode of each cpu."""
        shown = []
        for curr, activity in self._seen:
            who = self._who[state[curr.word] >> curr.shift & curr.mask]
            does = state[activity.word] >> activity.shift & activity.mask
            shown.append((who, does == self._guest))
        return tuple(shown)

    def say(self, shown: CoreShown, numbers: Sequence[int]) -> str:
        """Say in words what is shown."""
        parts = []
        for number, found in zip(numbers, shown, strict=True):
            who, guest = found
            parts.append(f"cpu {number} runs {who}{' in guest mode' if guest else ''}")
        return ", ".join(parts)

    def start(self, current: Sequence[Group | None], waiting: frozenset[Group]) -> Codes:
        """Return the state in which these groups are current and those wait, nothing pending."""
        state = list(self.machine.initial)
        for place, (cpu, group) in enumerate(zip(self.cpus, current, strict=True)):
            task = self.task[group] if group is not None else None
            activity = Activity.IDLE_LOOP
            if group is not None:
                activity = Activity.KERNEL if group.vcpu else Activity.USER
            fields = {"curr": task, "pick": task, "activity": activity, "need_resched": False}
            for name, value in fields.items():
                self._put(state, cpu, name, value)
            assert place < len(self.cpus)
        for group, task in self.task.items():
            self._put(state, task, "runnable", group in waiting or group in current)
        return tuple(state)

    def _put(self, state: list[int], entity: Any, name: str, value: Any) -> None:
        if (entity, name) not in self.machine.domains:
            return  # a field that nothing writes here
        index, domain = self.machine.domains[entity, name]
        state[index] = domain.encode(value)
