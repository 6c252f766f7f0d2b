"""Cores of the host: which cpus the kernel calls siblings, and what smt/control says.

A core is the set in core_cpus_list or thread_siblings_list, never computed from ids, which are
wrong on many machines. Those lists hold online siblings only: to which core an offline cpu belongs
cannot be read.
Source: Documentation/admin-guide/cputopology.rst; sysfs-devices-system-cpu in Documentation/ABI.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from vmlitmus.host.cpus.cpulist import Cpus, as_list, cpu_list, cpu_mask
from vmlitmus.host.fact import Fact, lost
from vmlitmus.host.tree import Tree, head, text

CPU = "sys/devices/system/cpu"
_FOLDER = re.compile(r"cpu(\d{1,5})")
_SIBLINGS: tuple[tuple[str, Callable[[str], Cpus]], ...] = (
    ("core_cpus_list", cpu_list),
    ("thread_siblings_list", cpu_list),
    ("core_cpus", cpu_mask),
    ("thread_siblings", cpu_mask),
)
_HEAD = 1 << 15  # bytes of /proc/cpuinfo that hold the first cpu


@dataclass(frozen=True)
class CpuInfo:
    """What /proc/cpuinfo says of the first cpu; ``flags`` is None where it has no such line."""

    flags: frozenset[str] | None
    vendor: str
    model_name: str
    siblings: int  # per package
    cores: int  # per package


@dataclass(frozen=True)
class Topology:
    """``siblings`` maps each cpu with a readable list to it, as it stands in the file.

    ``cores`` are the sets of online siblings; ``folders`` are the cpus that exist as cpuN;
    ``torn`` says where the lists contradict each other.
    """

    online: Fact[Cpus]
    present: Fact[Cpus]
    possible: Fact[Cpus]
    isolated: Fact[Cpus]
    nohz_full: Fact[Cpus]
    smt_control: Fact[str]
    smt_active: Fact[str]
    folders: Cpus
    siblings: dict[int, Cpus]
    cores: tuple[Cpus, ...]
    torn: str
    cpuinfo: Fact[CpuInfo]

    @property
    def up(self) -> Cpus:
        """The cpus that are online; on kernels that do not say, those with a sibling list."""
        return self.online.value if self.online.value is not None else frozenset(self.siblings)

    @property
    def offline(self) -> Cpus:
        """Cpus that exist as cpuN and are not online."""
        return self.folders - self.up

    def core_of(self, cpu: int) -> Cpus:
        """Return the online siblings of an online cpu, itself included."""
        return self.siblings.get(cpu, frozenset()) & self.up


def read_topology(tree: Tree) -> Topology:
    """Read the folder of cpus, and the first cpu of /proc/cpuinfo."""
    names = (_FOLDER.fullmatch(name) for name in tree.names(CPU))
    folders = frozenset(int(match[1]) for match in names if match)
    online = listed(tree, "online")
    for cpu in folders - (online.value or folders):
        text(tree, f"{CPU}/cpu{cpu}/online")  # for those who save what is read: the cpu exists
    siblings = {cpu: found for cpu in sorted(folders) if (found := _siblings(tree, cpu))}
    up = online.value if online.value is not None else frozenset(siblings)
    cores = {siblings[cpu] & up for cpu in siblings if cpu in up}
    return Topology(
        online=online,
        present=listed(tree, "present"),
        possible=listed(tree, "possible"),
        isolated=listed(tree, "isolated"),
        nohz_full=listed(tree, "nohz_full"),
        smt_control=text(tree, f"{CPU}/smt/control"),
        smt_active=text(tree, f"{CPU}/smt/active"),
        folders=folders,
        siblings=siblings,
        cores=tuple(sorted(cores, key=sorted)),
        torn=_torn(siblings, up),
        cpuinfo=_cpuinfo(tree),
    )


def listed(tree: Tree, name: str) -> Fact[Cpus]:
    """Return a file of the cpu folder that holds a list; "(null)" is an empty one."""
    found = text(tree, f"{CPU}/{name}")
    if found.value is None:
        return lost(found.where, found.why)
    try:
        value = cpu_list("" if found.value.strip() == "(null)" else found.value)
    except ValueError as error:
        return lost(found.where, str(error))
    return Fact(value, found.where, when=found.when)


def _siblings(tree: Tree, cpu: int) -> Cpus | None:
    """Return the siblings of a cpu, from the first of four files that says; None if none does."""
    for name, parse in _SIBLINGS:
        found = text(tree, f"{CPU}/cpu{cpu}/topology/{name}")
        if found.value:
            try:
                return parse(found.value)
            except ValueError:
                continue
    return None


def _torn(siblings: dict[int, Cpus], up: Cpus) -> str:
    """Say which lists contradict each other, as in a tree saved during hotplug."""
    missing = up - siblings.keys()
    if siblings and missing:
        return f"cpu {min(missing)} is online and has no sibling list"
    for cpu, found in siblings.items():
        if cpu not in found and cpu in up:
            return f"cpu {cpu} is not in its own sibling list {as_list(found)!r}"
        if cpu in up and found - up:
            return f"cpu {min(found - up)} is not online, but a sibling of cpu {cpu}"
        for other in found & up:
            if siblings.get(other, frozenset()) & up != found & up:
                theirs = as_list(siblings.get(other, frozenset()))
                return f"cpu {cpu} has siblings {as_list(found)!r}, cpu {other} has {theirs!r}"
    return ""


def _cpuinfo(tree: Tree) -> Fact[CpuInfo]:
    found = head(tree, "proc/cpuinfo", _HEAD)
    if found.value is None:
        return lost(found.where, found.why)
    first = found.value.split("\n\n", 1)[0]
    lines = dict(re.findall(r"^([^\t:]+?)\s*:[ \t]*(.*)$", first, re.MULTILINE))
    flags = frozenset(lines["flags"].split()) if "flags" in lines else None
    value = CpuInfo(
        flags=flags,
        vendor=lines.get("vendor_id", ""),
        model_name=lines.get("model name", ""),
        siblings=_count(lines.get("siblings", "")),
        cores=_count(lines.get("cpu cores", "")),
    )
    return Fact(value, found.where, when=found.when)


def _count(word: str) -> int:
    return int(word) if re.fullmatch(r"\d{1,6}", word) else 0


@dataclass(frozen=True)
class Ids:
    """physical_package_id and core_id of a cpu, as the files have them; None where absent."""

    package: str | None
    core: str | None


def read_ids(tree: Tree, cpus: Cpus) -> dict[int, Ids]:
    """Read the ids, for those who want to see how they differ from the sibling lists."""
    found = {}
    for cpu in sorted(cpus):
        place = f"{CPU}/cpu{cpu}/topology"
        package, core = text(tree, f"{place}/physical_package_id"), text(tree, f"{place}/core_id")
        found[cpu] = Ids(package.value, core.value)
    return found
