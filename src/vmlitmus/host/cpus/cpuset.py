"""Cpusets of cgroups: which cpus a group has, and whether others are kept out.

Only a valid partition keeps tasks of other groups away from its cpus; an invalid one nobody.
Source: Documentation/admin-guide/cgroup-v2.rst, "Cpuset Interface Files".
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from vmlitmus.host.cpus.cpulist import Cpus, cpu_list
from vmlitmus.host.fact import Fact, lost
from vmlitmus.host.tree import Tree, text

_MOUNTS = ("sys/fs/cgroup", "sys/fs/cgroup/unified")
_V1 = ("sys/fs/cgroup/cpuset", "sys/fs/cgroup/cpuset,cpu,cpuacct")
_SCOPE = re.compile(r"/machine-[^/]+\.scope$")
_PARTITION = re.compile(r"(member|root|isolated)(?: (invalid)(?: \((.*)\))?)?")


@dataclass(frozen=True)
class Partition:
    """cpuset.cpus.partition: its kind, whether it is valid, and the reason if not."""

    kind: str
    valid: bool
    reason: str

    @property
    def keeps_out(self) -> bool:
        """Say whether tasks of other groups are kept off its cpus."""
        return self.valid and self.kind in ("root", "isolated")


@dataclass(frozen=True)
class Cpuset:
    """The cpuset that a group lives in: its own, or that of the nearest group above with one.

    ``owner`` is the group whose partition it is; ``effective`` are the cpus that hold.
    """

    path: str
    owner: str
    effective: Fact[Cpus]
    partition: Fact[Partition]

    @property
    def kept(self) -> Cpus:
        """The cpus that nobody else has. Other groups in a partition above share those of it.

        libvirt makes groups for a VM's threads in the scope of that VM.
        """
        found = self.partition.value
        own = self.owner == self.path or _SCOPE.search(self.owner) is not None
        if found is None or not found.keeps_out or not own:
            return frozenset()
        return self.effective.value or frozenset()


def read_cpuset(tree: Tree, cgroups: dict[str, str]) -> Cpuset:
    """Read the cpuset of a thread's cgroups, v2 first."""
    if "cpuset" in cgroups:
        return _v1(tree, cgroups["cpuset"])
    path = cgroups.get("", "/")
    mount = next((m for m in _MOUNTS if tree.read(f"{m}/cgroup.controllers").known), _MOUNTS[0])
    if "/.." in path:
        nowhere = "the path belongs to another cgroup namespace"
        return Cpuset(path, path, lost(path, nowhere), lost(path, nowhere))
    owner, partition = _owner(tree, mount, path)
    return Cpuset(path, owner, _effective(tree, mount, path), partition)


def _above(path: str) -> list[str]:
    """Return a group and all above it, the root last."""
    parts = [part for part in path.split("/") if part]
    return ["/" + "/".join(parts[:n]) for n in range(len(parts), -1, -1)]


def _effective(tree: Tree, mount: str, path: str) -> Fact[Cpus]:
    for group in _above(path):
        found = text(tree, f"{mount}{group}/cpuset.cpus.effective".replace("//", "/"))
        if found.value is not None:
            return _cpus(found)
    return lost(f"/{mount}{path}/cpuset.cpus.effective", "absent, here and above")


def _owner(tree: Tree, mount: str, path: str) -> tuple[str, Fact[Partition]]:
    """Return the nearest group that is a partition root, valid or not, and what it says."""
    first: tuple[str, Fact[Partition]] | None = None
    for group in _above(path):
        found = text(tree, f"{mount}{group}/cpuset.cpus.partition".replace("//", "/"))
        match = _PARTITION.fullmatch((found.value or "").strip())
        if match is None:
            continue
        value = Partition(match[1], match[2] is None, match[3] or "")
        fact = Fact(value, found.where, when=found.when)
        first = first or (group, fact)
        if value.kind != "member":
            return group, fact
    return first or (path, lost(f"/{mount}{path}/cpuset.cpus.partition", "absent"))


def _v1(tree: Tree, path: str) -> Cpuset:
    """Version 1: cpu_exclusive does not keep tasks of the root group out."""
    mount = next((m for m in _V1 if tree.names(m)), _V1[0])
    found = text(tree, f"{mount}{path}/cpuset.effective_cpus".replace("//", "/"))
    if found.value is None:
        found = text(tree, f"{mount}{path}/cpuset.cpus".replace("//", "/"))
    return Cpuset(path, path, _cpus(found), lost(found.where, "a cpuset of version 1"))


def _cpus(found: Fact[str]) -> Fact[Cpus]:
    if found.value is None:
        return lost(found.where, found.why)
    try:
        return Fact(cpu_list(found.value), found.where, when=found.when)
    except ValueError as error:
        return lost(found.where, str(error))
