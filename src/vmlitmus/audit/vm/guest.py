"""Which vcpus the guest is shown as threads of one core.

Source: x86_topo_ids_from_idx() of QEMU: threads within cores, cores within clusters, and so on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable
from dataclasses import dataclass

from vmlitmus.host.vmm.libvirt import DomainXml
from vmlitmus.host.vmm.qemu import QemuArgs, parse_qemu, truth
from vmlitmus.host.vmm.qmp import Qmp
from vmlitmus.host.vmm.rust_vmm import VmmConfig

# models of AMD cpus of which QEMU's versions have no topoext, so that threads are not shown
_WITHOUT_TOPOEXT = ("qemu64", "kvm64", "qemu32", "kvm32", "athlon", "phenom", "Opteron_G")


@dataclass(frozen=True)
class GuestView:
    """``cores`` maps vcpus to a name of their core; None where ``why`` says what is not known."""

    cores: dict[int, Hashable] | None
    why: str
    where: str

    def siblings(self, one: int, other: int) -> bool | None:
        """Say whether two vcpus are shown as threads of one core; None where it is not known."""
        if self.cores is None or one not in self.cores or other not in self.cores:
            return None
        return self.cores[one] == self.cores[other]


def by_threads(threads: int, count: int, where: str) -> GuestView:
    """Vcpus plugged in order: n divided by the threads of a core."""
    return GuestView({n: n // max(threads, 1) for n in range(count)}, "", where)


def by_apic_ids(view: GuestView, ids: frozenset[int]) -> GuestView:
    """Take what is known by index to vcpus that are numbered by APIC id.

    A core's ids begin at a power of two, so both agree on siblings where the number of threads is
    one; numbers beyond the last index then follow the same rule.
    """
    if view.cores is None:
        return view
    threads = max(Counter(view.cores.values()).values(), default=1)
    if threads & (threads - 1):
        why = f"vcpus are known by APIC id, and a core of {threads} threads leaves gaps in those"
        return GuestView(None, why, view.where)
    if any(view.siblings(n, n - n % threads) is False for n in view.cores):
        return GuestView(None, "vcpus are known by APIC id, not by index", view.where)
    cores = dict(view.cores)
    for n in sorted(ids - view.cores.keys()):
        first = n - n % threads
        cores[n] = cores.get(first, ("APIC id", first))
    return GuestView(cores, "", view.where)


def _model_doubt(model: str, topoext: str | None, threads: int, where: str) -> GuestView | None:
    """An AMD model without topoext may show no siblings, whatever -smp says."""
    if threads < 2 or topoext in ("on", "require", "force"):
        return None
    if model.startswith(_WITHOUT_TOPOEXT):
        why = f"cpu model {model} has no topoext: QEMU may show its threads as cores"
        return GuestView(None, why, where)
    return None


def by_xml(domain: DomainXml) -> GuestView:
    """Take libvirt's topology; without one it writes sockets of one thread."""
    where = f"{domain.path}: <topology>"
    raw = parse_qemu(("qemu", *domain.arguments))
    if raw.smp_text or raw.readconfig:
        return GuestView(None, "<qemu:arg> says more of the topology", where)
    threads = domain.topology.threads if domain.topology else 1
    doubt = _model_doubt(domain.cpu_model, domain.features.get("topoext"), threads, where)
    return doubt or by_threads(threads, domain.maximum, where)


def by_arguments(args: QemuArgs) -> GuestView:
    """Take -smp; threads are 1 unless it says otherwise."""
    where = f"-smp {args.smp_text}"
    if args.readconfig:
        return GuestView(None, "-readconfig may say more of the topology than -smp", where)
    threads = args.smp.parts.get("threads", 1)
    given = args.properties.get("topoext", "")
    doubt = _model_doubt(args.model, "on" if truth(given) else None, threads, where)
    count = max(args.smp.most, args.smp.count)
    return doubt or by_threads(threads, min(count, 1 << 14), where)


def by_qmp(qmp: Qmp) -> GuestView | None:
    """Take the monitor's word where it gives core ids."""
    if not qmp.vcpus or any(v.core is None for v in qmp.vcpus):
        return None
    cores: dict[int, Hashable] = {
        v.index: (v.socket, v.die, v.cluster, v.module, v.core) for v in qmp.vcpus
    }
    return GuestView(cores, "", f"{qmp.where}: query-cpus-fast")


def by_config(config: VmmConfig) -> GuestView:
    return by_threads(config.threads, config.maximum, config.path)
