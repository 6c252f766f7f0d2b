"""What is left of a host when names, addresses and secrets are taken out.

Nothing is searched for secrets: each kind of file is written anew from the facts that its reader
takes, and everything else is dropped. Names that tie files together get numbers instead.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Callable
from xml.sax.saxutils import quoteattr

from vmlitmus.errors import HostError
from vmlitmus.host.cpus.cpulist import Cpus, as_list
from vmlitmus.host.kernel.cmdline import early_option, options
from vmlitmus.host.kernel.sev_features import SAVED as SEV_FEATURES
from vmlitmus.host.kernel.split_lock import OPTION as SPLIT_LOCKS
from vmlitmus.host.kernel.split_lock import asked_state
from vmlitmus.host.tasks.cookies import AFTER, SAVED
from vmlitmus.host.vmm.libvirt import DomainXml, parse_domain
from vmlitmus.host.vmm.qemu import HINT, QemuArgs, parse_qemu

_KEPT_OPTIONS = (
    "nosmt",
    "mitigations",
    "l1tf",
    "mds",
    "tsx_async_abort",
    "mmio_stale_data",
    "isolcpus",
    "nohz_full",
    "rcu_nocbs",
    "irqaffinity",
    "idle",
    "kvm.mitigate_smt_rsb",
)
_KEPT_COMM = re.compile(
    r"CPU \d+/(?:KVM|TCG)|IO (?:iothread\d*|mon_iothread)|vhost-\d+|kvm-[a-z-]+|worker|call_rcu"
    r"|(?:fc_|crosvm_)?vcpu ?\d+|qemu-system-\w*|qemu-kvm|cloud-hypervisor|firecracker|crosvm"
    r"|(?:kworker|ksoftirqd|migration|cpuhp|rcu_\w+|kthreadd)\S*"
)
_VCPU_OF = re.compile(r"(\S+)[^A-Za-z0-9](vcpu ?\d+)")
_PROGRAMS = re.compile(r"qemu-system-\w+|qemu-kvm|kvm|cloud-hypervisor|firecracker|crosvm")
_STATUS_LINES = re.compile(
    r"^(?:Tgid|Pid|PPid|Uid|NSpid|Kthread|Cpus_allowed_list):.*$", re.MULTILINE
)


class Anonymous:
    """Gives numbers to names, the same number to the same name."""

    def __init__(self) -> None:
        self._known: dict[str, dict[str, str]] = defaultdict(dict)

    def name(self, kind: str, word: str) -> str:
        """Return "domain-1" for the first domain, and so on; "" stays ""."""
        known = self._known[kind]
        return known.setdefault(word, f"{kind}-{len(known) + 1}") if word else ""

    def files(self, files: dict[str, bytes]) -> dict[str, bytes]:
        """Return all files anew, under paths without names."""
        found = {}
        for path, content in sorted(files.items()):
            kept = self._file(path, content)
            if kept is not None:
                found[self.path(path)] = kept
        return found

    def path(self, path: str) -> str:
        """Return a path without the names of cgroups, domains and livepatches."""
        if path.startswith("sys/fs/cgroup/"):
            *groups, last = path.removeprefix("sys/fs/cgroup/").split("/")
            return "/".join(["sys/fs/cgroup", *(self._group(g) for g in groups), last])
        if path.startswith("run/libvirt/qemu/"):
            return f"run/libvirt/qemu/{self.name('file', path)}.xml"
        if path.startswith("sys/kernel/livepatch/"):
            _, _, _, name, *rest = path.split("/")
            return "/".join(["sys/kernel/livepatch", self.name("livepatch", name), *rest])
        return path

    def _group(self, name: str) -> str:
        return (
            name
            if name in ("unified", "cpuset", "cpuset,cpu,cpuacct")
            else self.name("group", name)
        )

    def _file(self, path: str, content: bytes) -> bytes | None:
        rewrite = _rewriter(path)
        if rewrite is None:
            return content if path.startswith(_AS_THEY_ARE) else None
        kept = rewrite(self, content.decode("utf-8", "backslashreplace"))
        return kept.encode() if kept is not None else None

    def cgroup(self, content: str) -> str:
        lines = (line.split(":", 2) for line in content.splitlines())
        found = []
        for line in lines:
            if len(line) == 3:
                groups = [self._group(g) if g not in ("", "..") else g for g in line[2].split("/")]
                found.append(f"{line[0]}:{line[1]}:{'/'.join(groups)}\n")
        return "".join(found)

    def arguments(self, content: str) -> str:
        """Keep of a VMM what the readers take; of other programs nothing."""
        words = content.rstrip("\0").split("\0")
        program = words[0].rpartition("/")[2] if words else ""
        if not _PROGRAMS.fullmatch(program):
            return ""
        if "qemu" in program or program == "kvm":
            return "\0".join([program, *self._qemu(parse_qemu(words))]) + "\0"
        cpus = [w for n, w in enumerate(words) if w == "--cpus" or words[n - 1] == "--cpus"]
        kept = [w for w in cpus if re.fullmatch(r"--cpus|[\w=,@\[\]:-]*", w)]
        return "\0".join([program, *kept]) + "\0"

    def _qemu(self, args: QemuArgs) -> list[str]:
        threads = "on" if args.debug_threads else "off"
        found = ["-name", f"guest={self.name('domain', args.name)},debug-threads={threads}"]
        for accel in args.accel:
            found += ["-accel", re.sub(r"\W", "", accel)]
        if args.cpu:
            kept = [f"{k}={v}" for k, v in args.properties.items() if _kept_property(k, v)]
            found += ["-cpu", ",".join([re.sub(r"[^\w.-]", "", args.model), *kept])]
        numbers = [("cpus", args.smp.cpus), ("maxcpus", args.smp.maxcpus), *args.smp.parts.items()]
        smp = ",".join(f"{k}={n}" for k, n in numbers if n is not None)
        found += ["-smp", smp] if smp else []
        if args.sev is not None:
            policy = {} if args.sev.policy is None else {"policy": args.sev.policy}
            found += ["-object", json.dumps({"qom-type": args.sev.kind, **policy})]
        found += ["-global", "hv-taken-out"] if args.elsewhere else []
        return found + (["-readconfig", "taken-out"] if args.readconfig else [])

    def comm(self, content: str) -> str:
        name = content.rstrip("\n")
        vcpu = _VCPU_OF.fullmatch(name)
        if vcpu:
            return f"{self.name('vmm', vcpu[1])}/{vcpu[2]}\n"
        return (name if _KEPT_COMM.fullmatch(name) else self.name("task", name)) + "\n"

    def stat(self, content: str) -> str | None:
        head, bracket, rest = content.rpartition(")")
        number, opened, name = head.partition("(")
        if not bracket or not opened or not re.fullmatch(r"[\d\s]*", number):
            return None
        fields = [f for f in rest.split() if re.fullmatch(r"-?\d+|[A-Za-z]", f)]
        return f"{number}({self.comm(name).strip()}) {' '.join(fields)}\n"

    def status(self, content: str) -> str:
        return "".join(f"{line}\n" for line in _STATUS_LINES.findall(content))

    def cookies(self, content: str) -> str:
        found = []
        for line in content.splitlines():
            fields = line.split("\t")
            if not line.startswith("#") and len(fields) >= 4:
                kept = [*fields[:2], self.comm(fields[2]).strip(), fields[-1]]
                if all(re.fullmatch(r"[\w ]*", kept[n]) for n in (0, 1, 3)):
                    found.append("\t".join(kept) + "\n")
        return "# tgid\ttid\tcomm\tcookie\n" + "".join(found)

    def cmdline(self, content: str) -> str:
        kept = {k: v for k, v in options(content).items() if k in _KEPT_OPTIONS}
        words = [f"{k}={v}" if v else k for k, v in kept.items()]
        early = early_option(content, SPLIT_LOCKS)
        if early is not None:
            words.append(f"{SPLIT_LOCKS}={asked_state(early).replace('ratelimit', 'ratelimit:')}")
        return " ".join(words) + "\n"

    def version(self, content: str) -> str:
        release = re.match(r"Linux version [\w.+~-]+", content)
        upstream = re.search(r"(#\d+) .*\b(Debian \d[\w.+~-]*)", content)
        words = [release[0]] if release else []
        return " ".join([*words, *(upstream.groups() if upstream else ())]) + "\n"

    def cpuinfo(self, content: str) -> str:
        names = ("processor", "vendor_id", "model name", "flags", "siblings", "cpu cores")
        pattern = rf"^(?:{'|'.join(names)})\s*:.*$"
        return "\n".join(re.findall(pattern, content, re.MULTILINE)) + "\n"

    def dmesg(self, content: str) -> str:
        lines = content.splitlines()
        first = re.match(r"\[ *\d+\.\d+\]", lines[0]) if lines else None
        kept = [line for line in lines if "x86/split lock detection:" in line]
        return "\n".join([f"{first[0] if first else ''} (first line)", *kept]) + "\n"

    def status_file(self, content: str) -> str | None:
        try:
            domain = parse_domain(content.encode(), "")
        except HostError:
            return None
        return domain_text(domain, self.name("domain", domain.name))

    def unread(self, content: str) -> str:
        lines = (line.split("\t", 1) for line in content.splitlines())
        return "".join(f"{self.path(line[0])}\t{line[1]}\n" for line in lines if len(line) == 2)


def _kept_property(key: str, value: str) -> bool:
    known = key == HINT or key == "topoext" or key.startswith("hv-")
    return (
        known and re.fullmatch(r"on|off|auto|yes|no|true|false|0x[0-9a-f]+|\d+", value) is not None
    )


def domain_text(domain: DomainXml, name: str) -> str:
    """Return a status file with the facts of a domain and nothing else."""

    def pin(tag: str, key: str, pins: dict[int, Cpus]) -> str:
        return "".join(f"<{tag} {key}='{n}' cpuset='{as_list(c)}'/>" for n, c in pins.items())

    def attribute(key: str, value: str) -> str:
        return f" {key}={quoteattr(value)}" if value else ""

    default = "" if domain.default is None else as_list(domain.default)
    placement = "auto" if domain.automatic else "static"
    emulator = (
        "" if domain.emulator is None else f"<emulatorpin cpuset='{as_list(domain.emulator)}'/>"
    )
    t = domain.topology
    topology = (
        ""
        if t is None
        else (
            f"<topology sockets='{t.sockets}' dies='{t.dies}' clusters='{t.clusters}' "
            f"cores='{t.cores}' threads='{t.threads}'/>"
        )
    )
    plugged = "".join(f"<vcpu id='{n}' pid='{tid}'/>" for n, tid in domain.tids.items())
    on = "".join(
        f"<vcpu id='{n}' enabled='{'yes' if n in domain.enabled else 'no'}'/>"
        for n in range(domain.maximum)
    )
    hyperv = "".join(f"<{tag} state='on'/>" for tag in domain.hyperv if re.fullmatch(r"\w+", tag))
    security = domain.security
    launch = (
        ""
        if security is None or security.number is None
        else (
            f"<launchSecurity{attribute('type', security.kind)}><policy>{security.policy}</policy>"
            "</launchSecurity>"
        )
    )
    pid = "" if domain.pid is None else f" pid='{domain.pid}'"
    return (
        f"<domstatus state='running'{pid}><vcpus>{plugged}</vcpus>"
        f"<domain type='{'kvm' if domain.kind == 'kvm' else 'qemu'}'><name>{name}</name>"
        f"<vcpu placement='{placement}' current='{domain.vcpus}'{attribute('cpuset', default)}>"
        f"{domain.maximum}</vcpu><vcpus>{on}</vcpus><iothreads>{domain.iothreads}</iothreads>"
        f"<cputune>{pin('vcpupin', 'vcpu', domain.pins)}{emulator}"
        f"{pin('iothreadpin', 'iothread', domain.iothread_pins)}</cputune>"
        f"<cpu><model>{re.sub(r'[^A-Za-z0-9_.-]', '', domain.cpu_model)}</model>{topology}</cpu>"
        f"<features><hyperv{attribute('mode', domain.hyperv_mode)}>{hyperv}</hyperv></features>"
        f"{launch}</domain></domstatus>"
    )


Rewrite = Callable[[Anonymous, str], "str | None"]
_REWRITERS: tuple[tuple[re.Pattern[str], Rewrite], ...] = (
    (re.compile(r"proc/\d+/cmdline"), Anonymous.arguments),
    (re.compile(r"proc/\d+/(?:task/\d+/)?stat"), Anonymous.stat),
    (re.compile(r"proc/\d+/(?:task/\d+/)?status"), Anonymous.status),
    (re.compile(r"proc/\d+/(?:task/\d+/)?cgroup"), Anonymous.cgroup),
    (re.compile(rf"{SAVED}|{AFTER}"), Anonymous.cookies),
    (re.compile(r"proc/cmdline"), Anonymous.cmdline),
    (re.compile(r"proc/version"), Anonymous.version),
    (re.compile(r"proc/cpuinfo"), Anonymous.cpuinfo),
    (re.compile(r"dmesg"), Anonymous.dmesg),
    (re.compile(r"run/libvirt/qemu/[^/]*\.xml"), Anonymous.status_file),
    (re.compile(r"unread\.tsv"), Anonymous.unread),
)
# folders whose files hold numbers and the kernel's own words only
_AS_THEY_ARE = (
    "sys/devices/system/cpu/",
    "sys/module/kvm",
    "sys/module/processor/",
    "sys/fs/cgroup/",
    "sys/kernel/debug/kvm/",
    "sys/kernel/livepatch/",
    SEV_FEATURES,
    "proc/sys/kernel/",
    "proc/config.gz",
    "boot/config-",
)


def _rewriter(path: str) -> Rewrite | None:
    return next((rewrite for pattern, rewrite in _REWRITERS if pattern.fullmatch(path)), None)
