"""Somebody who may run somewhere on a host."""

from __future__ import annotations

from dataclasses import dataclass

from vmlitmus.host.cpus.cpulist import Cpus


@dataclass(frozen=True)
class Actor:
    """Who may run somewhere: a vcpu, a thread of a VMM, a host task.

    ``allowed`` are the online cpus that its affinity names, None where it is not known;
    ``cookie`` is a text where it is not known. ``kind`` is the model's word.
    """

    label: str
    kind: str
    allowed: Cpus | None
    where: str
    cpuset: Cpus
    cookie: int | str
    here: bool = True
    number: int = -1  # of a vcpu
    tid: int | None = None
