"""From a host's facts to small scenarios of the smt-topology model.

A claim about vcpus speaks of two at a time, and of the cores on which they meet. So a scenario has
two runners (two vcpus, or a vcpu and a task) and few cores. Cores on which the two may run in the
same way are alike; one or two of each kind are taken. A state that violates a claim has its runners
on two cores at most, so trying every two kinds of core misses none.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

from vmlitmus.compiler import Machine, build
from vmlitmus.host.cpus.cpulist import Cpus
from vmlitmus.model.kvm.smt_topology.as_found import AS_FOUND

_MIGRATION = "live-migration"
_REPEATS = ("repeat the pinning", "repeat the cookies")
_KINDS = 4  # of cores in a scenario in which cpus go offline and online


Core = tuple[tuple[int, bool], ...]


@dataclass(frozen=True, eq=False)
class HostCores:
    """Cores as tuples of (cpu, online), the primary thread first; and smt/control.

    A host is equal to itself only, so that what is derived from it is kept cheaply.
    """

    cores: tuple[Core, ...]
    smt: str

    @cached_property
    def online(self) -> Cpus:
        return frozenset(cpu for core in self.cores for cpu, up in core if up)

    @cached_property
    def core_of(self) -> dict[int, int]:
        """The position of each cpu's core."""
        return {cpu: n for n, core in enumerate(self.cores) for cpu, _ in core}

    @cached_property
    def shapes(self) -> dict[tuple[bool, ...], list[int]]:
        """The positions of cores with the same threads online."""
        found: dict[tuple[bool, ...], list[int]] = {}
        for n, core in enumerate(self.cores):
            found.setdefault(tuple(up for _, up in core), []).append(n)
        return found

    def is_all(self, cpus: Cpus) -> bool:
        """Say whether some cpus are all that are online; cheap where they are the same object."""
        return cpus is self.online or cpus == self.online

    def touched(self, cpus: Cpus) -> frozenset[int]:
        """Return the positions of the cores that have some of the cpus."""
        return frozenset(self.core_of[cpu] for cpu in cpus)


@dataclass(frozen=True)
class Runner:
    """Who may run where: a vcpu, or a task of a kind that the model knows.

    ``cookie`` is 0 for none; ``here`` is false for a vcpu that is not plugged, or a VM that is not
    there yet.
    """

    allowed: Cpus
    cpuset: Cpus
    cookie: int = 0
    kind: str = "vcpu"
    here: bool = True


@dataclass(frozen=True)
class Scenario:
    """What the model is set up with. Cores are (threads, online mask), runners masks of cpus."""

    smt: str
    threads: int
    cores: tuple[tuple[int, int], ...]
    vcpus: tuple[tuple[int, int, int, bool], ...]
    tasks: tuple[tuple[str, int, int, int, bool], ...]
    hint: str = "off"

    def machine(
        self, allow: tuple[str, ...], *, two_cores: bool = False, bans: bool = False
    ) -> Machine:
        """Return the machine in which what is allowed may happen.

        With ``bans`` each action is forbidden by a part of its own, to be switched off.
        The host that the VM may be migrated to has one core of two threads, or two of one: two
        runners need no more to be on one core, or on two.
        """
        destination = "two cores" if two_cores else "a core of two"
        tables: dict[str, dict[str, Any]] = {
            "found": {
                "smt": self.smt,
                "destination": destination if _MIGRATION in allow else "none",
                "runs": self.hint == "off",
            },
            "vm": {"threads": self.threads},
            "kvm": {"hint": self.hint, "bans": "everything" if bans else "nothing"},
        }
        task_keys = ("kind", "cpus", "cpuset", "cookie", "exists")
        lists = {
            "core": [{"threads": n, "online": mask} for n, mask in self.cores],
            "vcpu": [
                dict(zip(("cpus", "cpuset", "cookie", "plugged"), v, strict=True))
                for v in self.vcpus
            ],
            "task": [dict(zip(task_keys, t, strict=True)) for t in self.tasks] or [{}],
        }
        without = _REPEATS if _MIGRATION in allow else ()
        return build(AS_FOUND, tables, lists, allow=allow, without=without, switchable=bans)


@dataclass(frozen=True)
class Lifted:
    """A scenario, and the cpus of the host that its cpus stand for."""

    scenario: Scenario
    cpus: tuple[int, ...]


Signature = tuple[tuple[bool, tuple[bool, ...]], ...]


@lru_cache(maxsize=1 << 14)
def lift(
    host: HostCores,
    runners: tuple[Runner, ...],
    *,
    siblings: bool = False,
    hint: str = "off",
    events: bool = False,
) -> tuple[Lifted, ...]:
    """Return the scenarios that together stand for these runners on this host.

    ``siblings`` says that the guest is shown its two vcpus as threads of one core. With ``events``
    there are fewer cores, one of each kind, because what happens to one happens to the next.
    """
    return tuple(
        Lifted(_scenario(host.smt, cores, runners, siblings, hint), _numbers(cores))
        for cores in _chosen(host, runners, events)
    )


def _numbers(cores: Sequence[Core]) -> tuple[int, ...]:
    return tuple(cpu for core in cores for cpu, _ in core)


def _chosen(host: HostCores, runners: tuple[Runner, ...], events: bool) -> Iterator[list[Core]]:
    """Choose cores: all kinds together where they are few, else every two kinds."""
    kinds: dict[Signature, list[Core]] = {}
    for n in _of_interest(host, runners):
        kinds.setdefault(_signature(host.cores[n], runners), []).append(host.cores[n])
    order = sorted(kinds, key=_interest)
    each = 1 if events else 2
    most = _KINDS if events else 2 * _KINDS
    spare = [core for kind in order for core in kinds[kind][:each]]
    if len(spare) == 1 and len(host.cores) > 1:
        spare = next(iter(kinds.values()))[:2]
    if len(spare) <= most:
        yield spare
        return
    for one, other in itertools.combinations(order, 2):
        chosen = [*kinds[one][:each], *kinds[other][:each]]
        yield [*chosen, *_homes(host, runners, chosen)]


def _of_interest(host: HostCores, runners: tuple[Runner, ...]) -> list[int]:
    """Return the cores that are not all alike to the runners, and two of those that are."""
    if not all(host.is_all(runner.cpuset) for runner in runners):
        return list(range(len(host.cores)))
    bound = [runner for runner in runners if not host.is_all(runner.allowed)]
    touched = frozenset().union(*(host.touched(runner.allowed) for runner in bound))
    others = (
        itertools.islice((n for n in alike if n not in touched), 2)
        for alike in host.shapes.values()
    )
    return [*sorted(touched), *sorted(itertools.chain.from_iterable(others))]


def _homes(host: HostCores, runners: tuple[Runner, ...], chosen: list[Core]) -> list[Core]:
    """Return a core for each runner that has none yet: without one its affinity would be broken."""
    found: list[Core] = []
    for runner in runners:
        if not any(up and cpu in runner.allowed for core in (*chosen, *found) for cpu, up in core):
            homes = (c for c in host.cores if any(up and cpu in runner.allowed for cpu, up in c))
            found += [home for home in [next(homes, None)] if home is not None]
    return found


def _signature(core: Core, runners: tuple[Runner, ...]) -> Signature:
    """Say what a core is to the runners: who may run on which of its threads."""
    return tuple(
        (up, tuple(cpu in cpus for r in runners for cpus in (r.allowed, r.cpuset)))
        for cpu, up in core
    )


def _interest(signature: Signature) -> int:
    """Cores on which most may run come first."""
    return -sum(sum(may) for _, may in signature)


def _scenario(
    smt: str,
    cores: Sequence[Core],
    runners: Sequence[Runner],
    siblings: bool,
    hint: str,
) -> Scenario:
    numbers = _numbers(cores)

    def mask(cpus: Cpus) -> int:
        return sum(1 << n for n, cpu in enumerate(numbers) if cpu in cpus)

    ids = _small(tuple(r.cookie for r in runners))
    given = [(mask(r.allowed), mask(r.cpuset), ids[r.cookie], r.here) for r in runners]
    return Scenario(
        smt=smt,
        threads=2 if siblings else 1,
        cores=tuple((len(core), _up(core)) for core in cores),
        vcpus=tuple(g for g, r in zip(given, runners, strict=True) if r.kind == "vcpu"),
        tasks=tuple((r.kind, *g) for g, r in zip(given, runners, strict=True) if r.kind != "vcpu"),
        hint=hint,
    )


def _up(core: Core) -> int:
    return sum(1 << n for n, (_, up) in enumerate(core) if up)


@lru_cache(maxsize=1024)
def _small(cookies: tuple[int, ...]) -> dict[int, int]:
    """Return small numbers for cookies, in the order in which they come; 0 stays 0."""
    found = {0: 0}
    for cookie in cookies:
        found.setdefault(cookie, len(found))
    return found
