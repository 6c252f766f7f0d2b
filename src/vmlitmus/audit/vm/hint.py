"""Whether the guest is shown bit 18 of Hyper-V leaf 0x40000004, NoNonArchitecturalCoreSharing.

Source: x86_cpu_expand_features() and hyperv_expand_features() of QEMU 10.2; docs/formatdomain.rst
of libvirt, which has no element for it.
"""

from __future__ import annotations

from dataclasses import dataclass

from vmlitmus.host.vmm.libvirt import DomainXml
from vmlitmus.host.vmm.qemu import HINT, QemuArgs, cpu_properties, parse_qemu

LEAVES = (
    "without another hv- property (or hv-passthrough, hv-spinlocks) QEMU sets up no Hyper-V leaves"
)


@dataclass(frozen=True)
class Shown:
    """``bit`` is "yes", "no", "auto" (copies KVM's) or "cannot tell"."""

    bit: str
    why: str
    where: str


def by_arguments(args: QemuArgs, where: str, *, kvm: bool) -> Shown:
    """Decide by QEMU's command line; ``kvm`` says whether KVM runs the guest."""
    if args.readconfig:
        return Shown("cannot tell", "-readconfig may say more than the command line", where)
    if args.elsewhere:
        why = f"{args.elsewhere[:60]} sets properties of cpus beside -cpu"
        return Shown("cannot tell", why, where)
    return _by_properties(args.properties, args.hyperv, kvm=kvm, where=where)


def by_xml(domain: DomainXml) -> Shown:
    """Decide by libvirt's description: a raw -cpu replaces the one that libvirt writes."""
    kvm = domain.kind == "kvm"
    raw = parse_qemu(("qemu", *domain.arguments))
    if raw.elsewhere or raw.readconfig:
        why = f"{raw.elsewhere[:60] or '-readconfig'} sets properties of cpus beside -cpu"
        return Shown("cannot tell", why, f"{domain.path}: <qemu:arg>")
    if raw.cpu:
        where = f"{domain.path}: <qemu:arg> -cpu {raw.cpu}"
        found = _by_properties(raw.properties, raw.hyperv, kvm=kvm, where=where)
        if found.bit == "yes":
            return Shown("yes", "raw -cpu replaces the one libvirt writes", where)
        return found
    on = [f"hv-{name}" for name in domain.hyperv]
    if domain.hyperv_mode == "passthrough":
        on.append("hv-passthrough")
    return _by_properties(cpu_properties(on), tuple(on), kvm=kvm, where=f"{domain.path}: <hyperv>")


def _by_properties(
    properties: dict[str, str], hyperv: tuple[str, ...], *, kvm: bool, where: str
) -> Shown:
    value = properties.get(HINT, "off").lower()
    if not kvm:
        return Shown("no", "Hyper-V leaves exist under KVM only", where)
    if value == "auto":
        if not hyperv:
            return Shown("no", LEAVES, where)
        return Shown("auto", "copies what KVM reports, and blocks migration", where)
    if value in ("off", "no", "false", "n") and "hv-passthrough" in hyperv:
        # until about 6.0 it copied the whole of EAX, off or not; 10.2 leaves bit 18 out
        return Shown("auto", "hv-passthrough of an old QEMU copies what KVM reports", where)
    if value in ("off", "no", "false", "n"):
        why = "set off" if HINT in properties else "default of the property is off"
        return Shown("no", why, where)
    if not hyperv:
        return Shown("no", LEAVES, where)
    return Shown("yes", f"{HINT}={value}", where)
