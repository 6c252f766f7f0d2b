"""libvirt's description of a domain: live XML, status file or configuration.

What a running domain's XML says is libvirt's memory, not the kernel's: /proc decides. Documents
with a DTD or entities are refused.
Source: docs/formatdomain.rst of libvirt 11.3; virBitmapParse().
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from xml.etree.ElementTree import Element, ParseError  # the parser is defusedxml's

from vmlitmus.errors import HostError
from vmlitmus.host.cpus.cpulist import Cpus, libvirt_cpuset

LIMIT = 8 << 20  # bytes
_QEMU = "{http://libvirt.org/schemas/domain/qemu/1.0}"
_VCPUS = 1 << 14


@dataclass(frozen=True)
class GuestTopology:
    """Sockets, dies, clusters, cores and threads that the guest is shown."""

    sockets: int
    dies: int
    clusters: int
    cores: int
    threads: int


@dataclass(frozen=True)
class LaunchSecurity:
    """The type as written (sev, sev-snp, tdx), and the policy as text; "" where absent."""

    kind: str
    policy: str

    @property
    def number(self) -> int | None:
        """The policy as a number, None where it is absent or no number."""
        try:
            return int(self.policy, 0)
        except ValueError:
            return None


@dataclass(frozen=True)
class DomainXml:
    """A domain as libvirt describes it.

    ``default`` is the cpuset of <vcpu>; ``pins`` maps vcpus, ``iothread_pins`` iothreads to cpus;
    None and a missing key mean every cpu. ``automatic`` says that numad chooses. ``tids`` maps
    vcpus to host threads, in status files. ``hyperv`` lists the enlightenments that are on.
    """

    path: str
    name: str
    uuid: str
    kind: str
    pid: int | None
    tids: dict[int, int]
    vcpus: int
    maximum: int
    enabled: frozenset[int]
    default: Cpus | None
    automatic: bool
    pins: dict[int, Cpus]
    emulator: Cpus | None
    iothreads: int
    iothread_pins: dict[int, Cpus]
    topology: GuestTopology | None
    cpu_mode: str
    cpu_model: str
    features: dict[str, str]
    hyperv_mode: str
    hyperv: tuple[str, ...]
    security: LaunchSecurity | None
    arguments: tuple[str, ...]  # of <qemu:commandline>

    def allowed(self, vcpu: int) -> Cpus | None:
        """Return where a vcpu is configured to run; None is everywhere."""
        return self.pins.get(vcpu, self.default)

    @property
    def emulator_allowed(self) -> Cpus | None:
        return self.emulator if self.emulator is not None else self.default

    def iothread_allowed(self, number: int) -> Cpus | None:
        return self.iothread_pins.get(number, self.default)


def parse_domain(content: bytes, path: str) -> DomainXml:
    """Read a <domain> or a <domstatus>; raises HostError with file and line."""
    root = _parse(content, path)
    status = root.tag == "domstatus"
    domain = root.find("domain") if status else root
    if domain is None or domain.tag != "domain":
        raise HostError(f"<{_shown(root.tag)}> is no <domain> of libvirt", path)
    try:
        return _domain(domain, root if status else None, path)
    except ValueError as error:
        raise HostError(str(error), path) from None


def _parse(content: bytes, path: str) -> Element:
    from defusedxml.common import DefusedXmlException
    from defusedxml.ElementTree import fromstring

    if len(content) > LIMIT:
        raise HostError(f"longer than {LIMIT} bytes", path)
    try:
        root: Element = fromstring(content, forbid_dtd=True)
    except DefusedXmlException:
        raise HostError(
            "has a DTD or entities, which libvirt never writes: refused", path
        ) from None
    except ParseError as error:
        message = str(error).split(":")[0]
        raise HostError(f"not XML: {message}", path, error.position[0]) from None
    except (ValueError, LookupError) as error:
        raise HostError(f"not XML: {error}", path) from None
    return root


def _domain(domain: Element, status: Element | None, path: str) -> DomainXml:
    vcpu, cpu = domain.find("vcpu"), domain.find("cpu")
    maximum = _number(_text(vcpu), "vcpu", 1) if vcpu is not None else 1
    current = _number(_attribute(vcpu, "current"), "vcpu current", maximum)
    hyperv = domain.find("features/hyperv")
    arguments = domain.findall(f"{_QEMU}commandline/{_QEMU}arg")
    return DomainXml(
        path=path,
        name=_text(domain.find("name")),
        uuid=_text(domain.find("uuid")),
        kind=domain.get("type", ""),
        pid=_pid(status),
        tids=_tids(status),
        vcpus=current,
        maximum=maximum,
        enabled=_enabled(domain, current),
        default=_cpuset(_attribute(vcpu, "cpuset"), "vcpu cpuset"),
        automatic=_attribute(vcpu, "placement") == "auto",
        pins=_pins(domain.findall("cputune/vcpupin"), "vcpu"),
        emulator=_cpuset(_attribute(domain.find("cputune/emulatorpin"), "cpuset"), "emulatorpin"),
        iothreads=_iothreads(domain),
        iothread_pins=_pins(domain.findall("cputune/iothreadpin"), "iothread"),
        topology=_topology(cpu),
        cpu_mode=_attribute(cpu, "mode"),
        cpu_model=_text(cpu.find("model")) if cpu is not None else "",
        features=_features(cpu),
        hyperv_mode=_attribute(hyperv, "mode"),
        hyperv=_hyperv(hyperv),
        security=_security(domain.find("launchSecurity")),
        arguments=tuple(arg.get("value", "") for arg in arguments),
    )


def _shown(word: object) -> str:
    return repr(word)[1:-1][:40]


def _text(element: Element | None) -> str:
    return (element.text or "").strip() if element is not None else ""


def _attribute(element: Element | None, name: str) -> str:
    return element.get(name, "") if element is not None else ""


def _number(word: str, what: str, default: int) -> int:
    if not word.strip():
        return default
    if not re.fullmatch(r"\d{1,9}", word.strip()) or int(word) > _VCPUS:
        raise ValueError(f"{what} = {word[:40]!r}: not a number up to {_VCPUS}")
    return int(word)


def _cpuset(word: str, what: str) -> Cpus | None:
    if not word.strip():
        return None
    try:
        return libvirt_cpuset(word)
    except ValueError as error:
        raise ValueError(f"{what} = {word[:40]!r}: {error}") from None


def _pins(elements: Iterable[Element], key: str) -> dict[int, Cpus]:
    found = {}
    for element in elements:
        cpus = _cpuset(element.get("cpuset", ""), f"{key}pin cpuset")
        if cpus is not None:
            found[_number(element.get(key, ""), f"{key}pin {key}", 0)] = cpus
    return found


def _pid(status: Element | None) -> int | None:
    word = _attribute(status, "pid")
    return int(word) if re.fullmatch(r"\d{1,9}", word) else None


def _tids(status: Element | None) -> dict[int, int]:
    found = {}
    for vcpu in status.findall("vcpus/vcpu") if status is not None else ():
        number, pid = vcpu.get("id", ""), vcpu.get("pid", "")
        if re.fullmatch(r"\d{1,5}", number) and re.fullmatch(r"\d{1,9}", pid):
            found[int(number)] = int(pid)
    return found


def _enabled(domain: Element, current: int) -> frozenset[int]:
    """Return the vcpus that are plugged: those of <vcpus>, else the first ones."""
    listed = domain.findall("vcpus/vcpu")
    if listed:
        on = (v for v in listed if v.get("enabled") == "yes")
        return frozenset(_number(v.get("id", ""), "vcpu id", 0) for v in on)
    return frozenset(range(current))


def _iothreads(domain: Element) -> int:
    listed = len(domain.findall("iothreadids/iothread"))
    return max(_number(_text(domain.find("iothreads")), "iothreads", 0), listed)


def _topology(cpu: Element | None) -> GuestTopology | None:
    found = cpu.find("topology") if cpu is not None else None
    if found is None:
        return None
    names = ("sockets", "dies", "clusters", "cores", "threads")
    sizes = [_number(found.get(name, ""), f"topology {name}", 1) for name in names]
    return GuestTopology(*sizes)


def _features(cpu: Element | None) -> dict[str, str]:
    found = cpu.findall("feature") if cpu is not None else ()
    return {f.get("name", ""): f.get("policy", "") for f in found}


def _hyperv(hyperv: Element | None) -> tuple[str, ...]:
    if hyperv is None:
        return ()
    return tuple(str(child.tag) for child in hyperv if child.get("state") == "on")


def _security(found: Element | None) -> LaunchSecurity | None:
    if found is None:
        return None
    return LaunchSecurity(found.get("type", ""), _text(found.find("policy")))
