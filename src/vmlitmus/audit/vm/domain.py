"""One VM, joined from what /proc, KVM, libvirt, the monitor and the VMM's configuration say.

What a live thread may do is decided by /proc alone; a description without a live process stands for
itself, as configured.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import Enum

from vmlitmus.audit.facts import HostFacts
from vmlitmus.audit.lifted.actor import Actor
from vmlitmus.audit.vm import guest, hint, unseen
from vmlitmus.audit.vm.guest import GuestView
from vmlitmus.audit.vm.hint import Shown
from vmlitmus.audit.vm.roles import Role, classify, vmm_of
from vmlitmus.host.cpus.cpulist import Cpus
from vmlitmus.host.cpus.cpuset import Partition
from vmlitmus.host.fact import Fact
from vmlitmus.host.tasks.debugfs import KvmVm
from vmlitmus.host.tasks.threads import Process, Thread
from vmlitmus.host.vmm.libvirt import DomainXml
from vmlitmus.host.vmm.qemu import QemuArgs, parse_qemu
from vmlitmus.host.vmm.qmp import Qmp
from vmlitmus.host.vmm.rust_vmm import VmmConfig, parse_cloud_hypervisor


class Numbers(Enum):
    """Whose numbers the vcpus of a domain have; APIC ids are those of KVM, which shows the VM."""

    INDEX = "index"
    APIC_ID = "APIC id"


@dataclass(frozen=True)
class Policy:
    """SEV: the kind of guest and its policy; None where no number was found."""

    kind: str
    policy: int | None
    where: str


@dataclass(frozen=True)
class Domain:
    """``wanted`` maps vcpus to the cpus that they are configured to run on, for comparison; None
    where no configuration is known.

    ``kvm`` is false for a domain whose vcpus KVM does not run. ``partition`` is what the cgroup of
    the vcpus is; ``kept`` are the cpus that partitions keep for them alone. ``live`` is false for
    a description without a process. ``unseen`` is "" or says why a vcpu may run in a thread that is
    not known.
    """

    name: str
    vmm: str
    pid: int | None
    uid: int | None
    source: str
    vcpus: tuple[Actor, ...]
    threads: tuple[Actor, ...]
    roles: tuple[Role, ...]
    view: GuestView
    shown: Shown
    kvm: bool
    policy: Policy | None
    wanted: dict[int, Cpus] | None
    partition: Fact[Partition] | None
    live: bool
    kept: Cpus = frozenset()
    unseen: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Given:
    """What the user names beside the host, or what was found with a process."""

    xml: DomainXml | None = None
    qmp: Qmp | None = None
    config: VmmConfig | None = None


def described(host: HostFacts, given: Given) -> Domain:
    """Return a domain that has no process here: as it is configured, without cookies."""
    if given.xml is not None:
        return _by_xml(host, given.xml)
    assert given.config is not None
    return _by_config(host, given.config)


def _by_xml(host: HostFacts, xml: DomainXml) -> Domain:
    online, where = host.online, xml.path

    def actor(label: str, kind: str, cpus: Cpus | None, **more: object) -> Actor:
        allowed = online if cpus is None else cpus & online
        if xml.automatic and cpus is None:
            return Actor(label, kind, None, f"{where}: placement auto", online, 0, **more)  # type: ignore[arg-type]
        return Actor(label, kind, allowed, where, online, 0, **more)  # type: ignore[arg-type]

    vcpus = tuple(
        actor(f"vcpu {n}", "vcpu", xml.allowed(n), here=n in xml.enabled, number=n)
        for n in range(xml.maximum)
    )
    emulator = actor("emulator", "emulator", xml.emulator_allowed)
    iothreads = [
        actor(f"iothread {n}", "emulator", xml.iothread_allowed(n))
        for n in range(1, xml.iothreads + 1)
    ]
    return Domain(
        name=xml.name,
        vmm="qemu",
        pid=None,
        uid=None,
        source=f"{xml.path}, as configured",
        vcpus=vcpus,
        threads=(emulator, *iothreads),
        roles=(),
        view=guest.by_xml(xml),
        shown=hint.by_xml(xml),
        kvm=xml.kind == "kvm",
        policy=_xml_policy(xml),
        wanted=None,
        partition=None,
        live=False,
        notes=("judged as configured: no live threads, no cookies",),
    )


def _xml_policy(xml: DomainXml) -> Policy | None:
    found = xml.security
    return Policy(found.kind, found.number, f"{xml.path}: <launchSecurity>") if found else None


def _by_config(host: HostFacts, config: VmmConfig) -> Domain:
    online = host.online
    vcpus = tuple(
        Actor(
            f"vcpu {n}",
            "vcpu",
            (config.pins[n] if config.pins and n in config.pins else online) & online,
            config.path,
            online,
            _scope(config, n),
            here=n < config.vcpus,
            number=n,
        )
        for n in range(config.maximum)
    )
    return Domain(
        name=config.path,
        vmm=config.vmm,
        pid=None,
        uid=None,
        source=f"{config.path}, as configured",
        vcpus=vcpus,
        threads=(Actor("vmm", "emulator", online, config.path, online, 0),),
        roles=(),
        view=guest.by_config(config),
        shown=Shown("cannot tell", f"whether {config.vmm} passes KVM's bit on", config.path),
        kvm=True,
        policy=None,
        wanted=None,
        partition=None,
        live=False,
        notes=("judged as configured: no live threads",),
    )


def _scope(config: VmmConfig, vcpu: int) -> int | str:
    """Return a vcpu's cookie as configured: one for the VM, one for each vcpu, or none."""
    if config.vmm != "cloud-hypervisor" or config.core_scheduling == "Off":
        return 0
    return {"Vm": 1, "Vcpu": vcpu + 1}.get(config.core_scheduling, "the file does not say")


def find_domains(host: HostFacts) -> tuple[Domain, ...]:
    """Return the VMs that run on the host, by process."""
    statuses = {status.pid: status for status in host.statuses if status.pid}
    found = []
    for pid, process in sorted(host.processes.items()):
        given = Given(xml=statuses.get(pid))
        found += list(live(host, process, given))
    return tuple(found)


def live(host: HostFacts, process: Process, given: Given) -> Iterator[Domain]:
    """Yield the VMs of a process; none where it is no VMM. KVM tells VMs of one process apart."""
    vmm = vmm_of(process)
    args = parse_qemu(process.arguments) if vmm == "qemu" else None
    folders = host.vms_of.get(process.pid, ())
    for vm in folders:
        tids, by_kvm = _kvm_tids(vm, given)
        others = {tid for other in folders if other is not vm for tid in other.vcpus.values()}
        roles = classify(process, vmm, tids, args)
        roles = tuple(r for r in roles if r.thread.tid not in others)
        more = f" ({vm.folder})" if len(folders) > 1 else ""
        place = f"/sys/kernel/debug/kvm/{vm.folder}"
        idle = frozenset(n for n, tid in vm.vcpus.items() if tid == 0)
        why = unseen.by_kvm(vm, process)
        yield _live(host, process, given, vmm, args, roles, more, place, why, idle, by_kvm)
    if folders:
        return
    known = dict(_given_tids(given))
    roles = classify(process, vmm, known, args)
    if vmm or any(role.vcpu is not None for role in roles):
        why = unseen.by_names(process, known, roles, _count(process, given, args))
        yield _live(host, process, given, vmm, args, roles, "", f"/proc/{process.pid}", why)


def _kvm_tids(vm: KvmVm, given: Given) -> tuple[dict[int, tuple[int, str]], Numbers]:
    """Return the threads of vcpus that KVM lists, and whose numbers they have.

    The monitor and libvirt number vcpus from 0 on; KVM by APIC id, which has gaps where a core has
    3 threads or a socket 6 cores. So the former's numbers are taken where they have every thread.
    """
    where = f"debugfs: kvm/{vm.folder}"
    known = dict(_given_tids(given))
    if vm.vcpus and all(tid in known for tid in vm.vcpus.values()):
        return {tid: (known[tid][0], where) for tid in vm.vcpus.values() if tid}, Numbers.INDEX
    return {tid: (n, where) for n, tid in vm.vcpus.items() if tid}, Numbers.APIC_ID


def _count(process: Process, given: Given, args: QemuArgs | None) -> int | None:
    """Return how many vcpus are plugged, as configured; None where nothing says."""
    if args is not None:
        return None if args.readconfig else args.smp.count
    if given.xml is not None:
        return given.xml.vcpus
    config = given.config or parse_cloud_hypervisor(process.arguments)
    return config.vcpus if config else None


def _given_tids(given: Given) -> Iterator[tuple[int, tuple[int, str]]]:
    """Yield thread ids of vcpus from the monitor, else from libvirt's status file."""
    if given.qmp and given.qmp.vcpus:
        for vcpu in given.qmp.vcpus:
            yield vcpu.tid, (vcpu.index, f"{given.qmp.where}: query-cpus-fast")
    elif given.xml:
        for number, tid in given.xml.tids.items():
            yield tid, (number, f"{given.xml.path}: <vcpu pid>")


def _live(
    host: HostFacts,
    process: Process,
    given: Given,
    vmm: str,
    args: QemuArgs | None,
    roles: tuple[Role, ...],
    more: str,
    source: str,
    unseen: str,
    idle: frozenset[int] = frozenset(),
    numbers: Numbers | None = None,
) -> Domain:
    vcpus = [_actor(host, role) for role in roles if role.vcpu is not None]
    missing = _unplugged(host, given, args, {v.number for v in vcpus}, idle)
    main = process.threads[0] if process.threads else None
    config = given.config or parse_cloud_hypervisor(process.arguments) if vmm != "qemu" else None
    first = next((role.thread for role in roles if role.vcpu is not None), main)
    ids = frozenset(v.number for v in vcpus) | idle if numbers is Numbers.APIC_ID else None
    kvm = numbers is not None or _kvm(process, given, args)
    return Domain(
        name=_name(process, given, args) + more,
        vmm=vmm or "unknown program",
        pid=process.pid,
        uid=main.uid if main else None,
        source=source,
        vcpus=(*sorted(vcpus, key=lambda v: v.number), *missing),
        threads=tuple(_actor(host, role) for role in roles if role.vcpu is None),
        roles=roles,
        view=_view(given, args, config, len(vcpus), ids),
        shown=_shown(given, args, vmm, kvm),
        kvm=kvm,
        policy=_policy(given, args),
        wanted=_wanted(given, config, ids),
        partition=host.cpuset(first).partition if first else None,
        live=True,
        kept=frozenset().union(*(host.cpuset(r.thread).kept for r in roles if r.vcpu is not None)),
        unseen=unseen,
        notes=tuple(_live_notes(given, args, vcpus, roles)),
    )


def _actor(host: HostFacts, role: Role) -> Actor:
    thread = role.thread
    helpers = ("vhost", "kernel helper")
    kind = "vcpu" if role.vcpu is not None else "vhost" if role.name in helpers else "emulator"
    label = role.name if role.vcpu is not None else f"{role.name} {thread.tid} ({thread.comm})"
    return replace(task(host, thread, label, kind), number=-1 if role.vcpu is None else role.vcpu)


def task(host: HostFacts, thread: Thread, label: str, kind: str) -> Actor:
    """Return a thread as somebody who may run somewhere."""
    allowed = thread.allowed.value
    cpuset = host.cpuset(thread).effective.value
    return Actor(
        label=label,
        kind=kind,
        allowed=host.here(allowed) if allowed is not None else None,
        where=thread.allowed.where,
        cpuset=host.here(cpuset) if cpuset is not None else host.online,
        cookie=host.cookie(thread.tid),
        tid=thread.tid,
    )


def _unplugged(
    host: HostFacts, given: Given, args: QemuArgs | None, plugged: set[int], idle: frozenset[int]
) -> tuple[Actor, ...]:
    """Vcpus that may be plugged later: with the pin that libvirt has for them, else without.

    A thread gets the cookie of the one that makes it, or what its manager gives it: that is not
    known before. ``idle`` are vcpus that KVM has and no thread has run yet.
    """
    most = given.xml.maximum if given.xml else args.smp.most if args else 0
    cookie = 0 if host.cookieless else "it is not plugged"

    def allowed(number: int) -> Cpus:
        pin = given.xml.allowed(number) if given.xml else None
        return (pin if pin is not None else host.online) & host.online

    return tuple(
        Actor(f"vcpu {n}", "vcpu", allowed(n), "not plugged", host.online, cookie, False, n)
        for n in sorted({*range(min(most, 1 << 12)), *idle} - plugged)
    )


def _name(process: Process, given: Given, args: QemuArgs | None) -> str:
    if given.xml and given.xml.name:
        return given.xml.name
    if args and args.name:
        return args.name
    return f"process {process.pid}"


def _view(
    given: Given,
    args: QemuArgs | None,
    config: VmmConfig | None,
    count: int,
    ids: frozenset[int] | None,
) -> GuestView:
    """Return what the guest is shown. ``ids`` are the vcpus' numbers where those are APIC ids."""
    found = _view_by_index(given, args, config, count)
    return found if ids is None else guest.by_apic_ids(found, ids)


def _view_by_index(
    given: Given, args: QemuArgs | None, config: VmmConfig | None, count: int
) -> GuestView:
    if given.qmp and (found := guest.by_qmp(given.qmp)):
        return found
    if args is not None:
        return guest.by_arguments(args)
    if given.xml is not None:
        return guest.by_xml(given.xml)
    if config is not None:
        return guest.by_config(config)
    return GuestView(None, "what this VMM shows its guest cannot be read", f"{count} vcpus")


def _shown(given: Given, args: QemuArgs | None, vmm: str, kvm: bool) -> Shown:
    if args is not None:
        return hint.by_arguments(args, "the command line of QEMU", kvm=kvm)
    if given.xml is not None:
        return hint.by_xml(given.xml)
    return Shown("cannot tell", f"whether {vmm or 'this VMM'} passes KVM's bit on", "")


def _kvm(process: Process, given: Given, args: QemuArgs | None) -> bool:
    if any(thread.helper and thread.comm.startswith("kvm-") for thread in process.threads):
        return True
    if given.qmp and given.qmp.kvm:
        return given.qmp.kvm[0]
    if args is not None:
        return args.accel[0] == "kvm" if args.accel else args.readconfig
    if given.xml is not None:
        return given.xml.kind == "kvm"
    return True


def _policy(given: Given, args: QemuArgs | None) -> Policy | None:
    if given.qmp and given.qmp.sev:
        return Policy(given.qmp.sev, given.qmp.sev_policy, f"{given.qmp.where}: query-sev")
    if args and args.sev:
        kind = args.sev.kind.removesuffix("-guest")
        return Policy(kind, args.sev.policy, "the command line of QEMU: -object")
    return _xml_policy(given.xml) if given.xml else None


def _wanted(
    given: Given, config: VmmConfig | None, ids: frozenset[int] | None
) -> dict[int, Cpus] | None:
    """Return the pins by vcpu; None where it is not known which vcpu has which."""
    most = given.xml.maximum if given.xml else config.maximum if config else 0
    if ids and max(ids) >= most:
        return None
    if given.xml is not None:
        pins = {n: given.xml.allowed(n) for n in range(given.xml.maximum)}
        return {n: cpus for n, cpus in pins.items() if cpus is not None}
    return dict(config.pins or {}) if config else None


def _live_notes(
    given: Given, args: QemuArgs | None, vcpus: list[Actor], roles: tuple[Role, ...]
) -> Iterator[str]:
    unknown = sum(role.name == "unknown" for role in roles)
    if unknown:
        yield f"{unknown} threads of the process are explained by nothing; each may be anybody"
    if not vcpus:
        yield "no vcpu thread can be told: no debugfs, no status file, no monitor, no names"
    if args and args.smp_text and vcpus and len(vcpus) != args.smp.count:
        yield f"-smp says {args.smp.count} vcpus, {len(vcpus)} threads of vcpus were found"
    if args and len(args.accel) > 1 and not (given.qmp and given.qmp.kvm):
        yield f"-accel has a choice ({', '.join(args.accel)}); the first is assumed"
