"""A recorded run for Perfetto's viewer: cores and cpus, VMs and vcpus, witnesses as flows.

The JSON trace event format, written as the run is read, so that no length of run is too long.
Source: "Trace Event Format" of Chromium's catapult project; ui.perfetto.dev opens it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TextIO

from vmlitmus.outcome.recorded_run import Overlap, RunAudit

_VMS = 1 << 20  # first number of a VM's group; the cores' begin at 1


class PerfettoWriter:
    """Takes slices while a run is followed (see ``Sink``), and ends with the witnesses.

    ``cores`` are the groups of cpus; ``vcpus`` maps tids to the name of a VM and a vcpu's number;
    ``name`` gives a task's name.
    """

    def __init__(
        self,
        file: TextIO,
        cores: Sequence[frozenset[int]],
        vcpus: Mapping[int, tuple[str, int]],
        name: Callable[[int], str | None],
    ) -> None:
        self._file = file
        self._first = True
        self._name = name
        self._vcpus = dict(vcpus)
        self._group = {cpu: n for n, core in enumerate(cores, 1) for cpu in core}
        self._vms = {vm: _VMS + n for n, vm in enumerate(sorted({v for v, _ in vcpus.values()}))}
        self._named: set[tuple[int, int]] = set()
        file.write('{"displayTimeUnit": "ns", "traceEvents": [\n')
        for number, core in enumerate(cores, 1):
            self._meta(
                "process_name", number, 0, f"core of cpus {', '.join(map(str, sorted(core)))}"
            )
        for vm, number in self._vms.items():
            self._meta("process_name", number, 0, f"VM {vm}")

    def ran(self, cpu: int, task: int, start: int, end: int) -> None:
        """Write when a task was current."""
        name = self._name(task) or f"task {task}"
        self._slice(*self._cpu(cpu), f"{name} ({task})", start, end)
        if task in self._vcpus:
            self._slice(*self._vcpu(task), f"on cpu {cpu}", start, end)

    def in_guest(self, cpu: int, task: int, start: int, end: int) -> None:
        """Write when a vcpu was in guest mode."""
        self._slice(*self._cpu(cpu), "guest mode", start, end)
        if task in self._vcpus:
            self._slice(*self._vcpu(task), "guest mode", start, end)

    def finish(self, audit: RunAudit) -> None:
        """Write the witnesses of what ran beside each other, and end the file."""
        number = 0
        for overlap in audit.overlaps:
            for witness in overlap.witnesses:
                number += 1
                self._witness(number, overlap, witness.start, witness.length, witness.cpus)
        self._file.write("\n]}\n")

    def _witness(
        self, number: int, overlap: Overlap, start: int, length: int, cpus: tuple[int, int]
    ) -> None:
        name = f"{overlap.parties[0]} and {overlap.parties[1]} {overlap.measure}"
        middle = start + length // 2
        for phase, cpu in (("s", cpus[0]), ("f", cpus[1])):
            group, lane = self._cpu(cpu)
            flow: dict[str, Any] = {"ph": phase, "id": number, "cat": "witness", "name": name}
            flow |= {"pid": group, "tid": lane, "ts": middle / 1000, "args": {"ns": length}}
            if phase == "f":
                flow["bp"] = "e"
            self._write(flow)

    def _cpu(self, cpu: int) -> tuple[int, int]:
        group = self._group.get(cpu, 0)
        return self._lane(group, cpu + 1, f"cpu {cpu}")

    def _vcpu(self, task: int) -> tuple[int, int]:
        vm, vcpu = self._vcpus[task]
        return self._lane(self._vms[vm], task, f"vcpu {vcpu}")

    def _lane(self, group: int, lane: int, name: str) -> tuple[int, int]:
        if (group, lane) not in self._named:
            self._named.add((group, lane))
            self._meta("thread_name", group, lane, name)
        return group, lane

    def _slice(self, group: int, lane: int, name: str, start: int, end: int) -> None:
        made: dict[str, Any] = {"ph": "X", "name": name, "pid": group, "tid": lane}
        self._write(made | {"ts": start / 1000, "dur": (end - start) / 1000})

    def _meta(self, kind: str, group: int, lane: int, name: str) -> None:
        self._write({"ph": "M", "name": kind, "pid": group, "tid": lane, "args": {"name": name}})

    def _write(self, event: dict[str, Any]) -> None:
        self._file.write(("" if self._first else ",\n") + json.dumps(event))
        self._first = False
