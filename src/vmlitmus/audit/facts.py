"""Everything that the readers say of one host, read once."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

from vmlitmus.audit.lifted.lift import HostCores
from vmlitmus.host.cpus.cpuidle import IdleState, read_idle_states
from vmlitmus.host.cpus.cpulist import Cpus
from vmlitmus.host.cpus.cpuset import Cpuset, read_cpuset
from vmlitmus.host.cpus.topology import Topology, read_topology
from vmlitmus.host.fact import Fact
from vmlitmus.host.kernel.cmdline import read_cmdline
from vmlitmus.host.kernel.release import Kernel, read_kernel
from vmlitmus.host.kernel.sev_features import Ask, read_sev_features
from vmlitmus.host.kernel.split_lock import SplitLock, read_split_lock
from vmlitmus.host.tasks.cookies import Cookies, Get, read_cookies
from vmlitmus.host.tasks.debugfs import KvmVm, read_kvm_vms
from vmlitmus.host.tasks.threads import NOBODY, Process, Thread, process_ids, read_process
from vmlitmus.host.tree import Tree
from vmlitmus.host.vmm.libvirt import LIMIT, DomainXml, parse_domain

STATUS = "run/libvirt/qemu"
_THREADS = 4  # of a core that the model knows
KTHREADD = 2  # its process id
# what control_show() in kernel/cpu.c prints: smt_states[], or a number, such as 1 after a write of
# off that has failed, and then cpu_smt_control is "on"
SMT_WORDS = ("on", "off", "forceoff", "notsupported", "notimplemented")


@dataclass(frozen=True, eq=False)
class HostFacts:
    """``doubt`` is "" or the reason why no claim about cores can be decided here."""

    tree: Tree
    topology: Topology
    kernel: Kernel
    cmdline: Fact[dict[str, str]]
    split_lock: SplitLock
    sev_features: Fact[int]
    idle_states: tuple[IdleState, ...]
    cookies: Cookies
    processes: dict[int, Process]
    kvm_vms: tuple[KvmVm, ...] | None
    statuses: tuple[DomainXml, ...]
    doubt: str
    cores: HostCores
    notes: tuple[str, ...] = ()
    for_ever: bool = True  # whether the model is asked what ends a claim
    _cpusets: dict[tuple[tuple[str, str], ...], Cpuset] = field(default_factory=dict)

    _here: dict[Cpus, Cpus] = field(default_factory=dict)

    @property
    def online(self) -> Cpus:
        return self.cores.online

    def here(self, cpus: Cpus) -> Cpus:
        """Return those of some cpus that are online; the same object for the same cpus."""
        if cpus not in self._here:
            self._here[cpus] = self.online if cpus >= self.online else cpus & self.online
        return self._here[cpus]

    @property
    def hidden(self) -> str:
        """Say why other processes may exist that are not seen; "" where all are.

        In the initial pid namespace, and without hidepid, kthreadd (2) is there. In another one
        a program may have that number.
        """
        second = self.processes.get(KTHREADD)
        saved = second is None and KTHREADD in self.cookies.values
        if saved or (second is not None and any(t.kernel for t in second.threads)):
            return ""
        return "not every process of the host is seen (no kthreadd: a container, or hidepid)"

    @cached_property
    def vms_of(self) -> dict[int, tuple[KvmVm, ...]]:
        """The VMs that KVM shows, by process.

        KVM_RUN needs the process that made the VM: so its vcpus' threads say which, else its maker.
        """
        process_of = {t.tid: pid for pid, p in self.processes.items() for t in p.threads}
        process_of |= {pid: pid for pid in self.processes}
        found: dict[int, tuple[KvmVm, ...]] = {}
        for vm in self.kvm_vms or ():
            known = [process_of[tid] for tid in vm.vcpus.values() if tid in process_of]
            pid = known[0] if known else process_of.get(vm.maker, NOBODY)
            found[pid] = (*found.get(pid, ()), vm)
        return found

    @property
    def smt_doubt(self) -> str:
        """Say why it is not known what smt/control says; "" where it is."""
        control = self.topology.smt_control
        if control.value is None:
            return f"smt/control: {control.why or 'empty'}"
        known = control.value in SMT_WORDS or control.value.isdecimal()
        return "" if known else f"smt/control says {control.value[:20]!r}"

    @property
    def stray_vms(self) -> tuple[KvmVm, ...]:
        """VMs that KVM shows, of which no process is seen."""
        return self.vms_of.get(NOBODY, ())

    def cpuset(self, thread: Thread) -> Cpuset:
        """Return the cpuset that a thread lives in."""
        key = tuple(sorted(thread.cgroups.items()))
        if key not in self._cpusets:
            self._cpusets[key] = read_cpuset(self.tree, thread.cgroups)
        return self._cpusets[key]

    @property
    def cookieless(self) -> bool:
        """Say whether the kernel has no core scheduling, so that nobody has a cookie."""
        options = self.kernel.config.value
        without = options is not None and not options.get("CONFIG_SCHED_CORE")
        return without or self.cookies.support == "EINVAL"

    def cookie(self, tid: int) -> int | str:
        """Return a thread's cookie, or in a few words why it is not known."""
        if self.cookieless:
            return 0
        found = self.cookies.values.get(tid)
        if found is not None:
            return found
        return self.cookies.why or self.cookies.support or "not read"


def read_host(
    tree: Tree,
    *,
    trust: bool = False,
    for_ever: bool = True,
    get: Get | None = None,
    ask: Ask | None = None,
) -> HostFacts:
    """Read a host. ``trust`` takes the topology of a guest or of a tree without cpuinfo as true."""
    topology = read_topology(tree)
    processes = {pid: p for pid in process_ids(tree) if (p := read_process(tree, pid))}
    tids = [t.tid for p in processes.values() for t in p.threads]
    statuses, notes = _statuses(tree)
    return HostFacts(
        tree=tree,
        topology=topology,
        kernel=read_kernel(tree),
        cmdline=read_cmdline(tree),
        split_lock=read_split_lock(tree),
        sev_features=read_sev_features(tree, ask),
        idle_states=read_idle_states(tree, min(topology.up, default=0)),
        cookies=read_cookies(tree, tids, get),
        processes=processes,
        kvm_vms=read_kvm_vms(tree),
        statuses=statuses,
        doubt=doubt(topology, trust=trust),
        cores=host_cores(topology),
        notes=notes,
        for_ever=for_ever,
    )


def _statuses(tree: Tree) -> tuple[tuple[DomainXml, ...], tuple[str, ...]]:
    """Read libvirt's status files; one that is damaged is a note."""
    from vmlitmus.errors import HostError

    found, notes = [], []
    for name in tree.names(STATUS):
        if not name.endswith(".xml"):
            continue
        content = tree.read(f"{STATUS}/{name}", LIMIT)
        if content.value is None:
            notes.append(f"{content.where}: {content.why}")
            continue
        try:
            found.append(parse_domain(content.value, content.where))
        except HostError as error:
            notes.append(str(error))
    return tuple(found), tuple(notes)


def doubt(topology: Topology, *, trust: bool) -> str:
    """Return "" where the sibling lists may be believed, else the reason why not."""
    info = topology.cpuinfo.value
    if not topology.cores:
        return "no list of siblings can be read in /sys/devices/system/cpu"
    if topology.torn:
        return f"the lists of siblings contradict each other: {topology.torn}; save the tree again"
    if info is not None and info.flags is None:
        return "not an x86 host: /proc/cpuinfo has no flags"
    if any(len(core) > _THREADS for core in topology.cores):
        return f"a core has more than {_THREADS} threads, which no x86 host has"
    if trust:
        return ""
    if info is None:
        return (
            "whether this host is itself a guest cannot be told (no /proc/cpuinfo); "
            "--trust-topology takes its word"
        )
    if info.flags is not None and "hypervisor" in info.flags:
        return (
            "this host is itself a guest (flag hypervisor): what it takes for cores may be "
            "anything; --trust-topology takes its word"
        )
    if info.siblings > info.cores > 0 and all(len(core) == 1 for core in topology.cores):
        return (
            f"/proc/cpuinfo has {info.siblings} siblings on {info.cores} cores a package, but no "
            "cpu has a sibling in its list; --trust-topology takes the lists"
        )
    return ""


def host_cores(topology: Topology) -> HostCores:
    """Return the cores with their offline threads, for the model.

    To which core an offline cpu belongs cannot be read. Where SMT was found at boot each is taken
    for a sibling of a core that is online, which is the worst case.
    """
    control = topology.smt_control.value or ""
    cores = [[(cpu, True) for cpu in sorted(core)] for core in topology.cores]
    offline = sorted(topology.offline)
    if control in ("notsupported",) or not cores:
        cores += [[(cpu, False)] for cpu in offline]
    else:
        cores.sort(key=len)  # a core with a thread missing is where one may come back
        for n, cpu in enumerate(offline):
            core = cores[n % len(cores)]
            if len(core) < _THREADS:
                core.append((cpu, False))
        cores.sort()
    smt = control if control in SMT_WORDS else "on"
    return HostCores(tuple(tuple(core) for core in cores), smt)
