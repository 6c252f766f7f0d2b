"""QEMU command lines: the last -cpu counts; -smp, and -machine with its smp.*, add up.

Source: QEMU 10.2 qemu-options.hx, docs/system/i386/hyperv.rst, qapi/qom.json.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from math import prod

from vmlitmus.errors import HostError

_ON, _OFF = ("on", "yes", "true", "y"), ("off", "no", "false", "n")
_SEV = ("sev-guest", "sev-snp-guest", "tdx-guest")
_PARTS = ("sockets", "dies", "clusters", "modules", "cores", "threads")
HINT = "hv-no-nonarch-coresharing"


@dataclass(frozen=True)
class Smp:
    """Numbers of -smp; None where it does not say."""

    cpus: int | None = None
    maxcpus: int | None = None
    parts: dict[str, int] = field(default_factory=dict)  # sockets, dies, ..., threads

    @property
    def count(self) -> int:
        """The vcpus at the start, as machine_parse_smp_config() makes them of what is given."""
        return self.cpus or self.maxcpus or prod(self.parts.values())

    @property
    def most(self) -> int:
        """The vcpus that may be plugged: with sockets and cores given, as many as they hold."""
        whole = {"sockets", "cores"} <= self.parts.keys()
        return self.maxcpus or (prod(self.parts.values()) if whole else self.count)


@dataclass(frozen=True)
class Sev:
    """A confidential guest: the kind of its object, and the policy as it is in force."""

    kind: str
    policy: int | None


@dataclass(frozen=True)
class QemuArgs:
    """``cpu`` is the text of the last -cpu; ``model`` and ``properties`` are what it says.

    ``elsewhere`` is a -global or -device that sets Hyper-V properties of a cpu, "" where none does.
    """

    program: str
    name: str
    debug_threads: bool
    cpu: str
    model: str
    properties: dict[str, str]
    smp_text: str
    smp: Smp
    accel: tuple[str, ...]
    sev: Sev | None
    readconfig: bool
    elsewhere: str = ""

    @property
    def hyperv(self) -> tuple[str, ...]:
        """The Hyper-V properties that are on, other than the hint itself."""
        return tuple(
            name
            for name, value in self.properties.items()
            if name.startswith("hv-") and name != HINT and value.lower() not in _OFF
        )


def read_args(lines: str, path: str) -> tuple[str, ...]:
    """Return the arguments of a file as a shell would split it, or separated by NUL bytes.

    Assignments of environment variables before the program are left out. Raises HostError.
    """
    if "\0" in lines:
        words = lines.rstrip("\0").split("\0")
    else:
        try:
            words = shlex.split(lines.replace("\\\n", " "))
        except ValueError as error:
            raise HostError(f"not a command line: {error}", path) from None
    while words and re.fullmatch(r"[A-Za-z_]\w*=.*", words[0], re.DOTALL):
        del words[0]
    return tuple(words)


def parse_qemu(words: Sequence[str]) -> QemuArgs:
    """Take QEMU's arguments apart; what is not understood is left out."""
    given = _options(words)
    cpu = given.get("cpu", [""])[-1]
    model, *properties = _split(cpu)
    smp, texts = _smp_options(words), given.get("smp", [])
    single = len(texts) == 1 and not any("smp." in text for text in given.get("machine", []))
    name = _pairs(given.get("name", [""])[-1], first="guest")
    return QemuArgs(
        program=words[0] if words else "",
        name=name.get("guest", ""),
        debug_threads=truth(name.get("debug-threads", "off")) is True,
        cpu=cpu,
        model=model,
        properties=cpu_properties(properties),
        smp_text=texts[0] if single else ",".join(f"{key}={value}" for key, value in smp.items()),
        smp=_smp(smp),
        accel=_accel(words, given),
        sev=_sev(given.get("object", [])),
        readconfig="readconfig" in given,
        elsewhere=_elsewhere(given),
    )


def _options(words: Sequence[str]) -> dict[str, list[str]]:
    """Return the values of each option, in order; an option without one has ""."""
    found: dict[str, list[str]] = {}
    for name, value in _in_order(words):
        found.setdefault(name, []).append(value)
    return found


def _in_order(words: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield options with their values; -M is -machine."""
    for word, after in pairwise([*words[1:], ""]):
        if re.fullmatch(r"--?[A-Za-z][\w-]*", word):
            value = "" if re.fullmatch(r"--?[A-Za-z][\w-]*", after) else after
            name = word.lstrip("-")
            yield ("machine" if name == "M" else name), value


def _machine(words: Sequence[str]) -> dict[str, str]:
    """Return the keys of -machine, of which each option keeps what it does not replace."""
    found: dict[str, str] = {}
    for name, value in _in_order(words):
        if name == "machine":
            found |= _pairs(value, first="type")
        elif name == "enable-kvm":
            found["accel"] = "kvm"
    return found


def _smp_options(words: Sequence[str]) -> dict[str, str]:
    """Return the keys of -smp and of -machine smp.*, which QEMU puts into one."""
    found: dict[str, str] = {}
    for name, value in _in_order(words):
        if name == "smp":
            found |= _pairs(value, first="cpus")
        elif name == "machine":
            keys = _pairs(value, first="type")
            found |= {key[4:]: word for key, word in keys.items() if key.startswith("smp.")}
    return found


def _elsewhere(given: dict[str, list[str]]) -> str:
    """Return the first -global or -device that sets Hyper-V properties of a cpu; "" for none."""
    texts = [*given.get("global", []), *given.get("device", [])]
    return next((text for text in texts if re.search(r"\bhv[-_]", text)), "")


def _split(text: str) -> list[str]:
    """Split at commas; a doubled comma stands for one."""
    return [part.replace("\0", ",") for part in text.replace(",,", "\0").split(",")]


def _pairs(text: str, first: str) -> dict[str, str]:
    """Return key=value pairs; a bare first word is the value of ``first``, others are on."""
    found = {}
    for position, part in enumerate(_split(text)):
        key, equals, value = part.partition("=")
        if equals:
            found[key] = value
        elif part:
            found[first if position == 0 else part] = part if position == 0 else "on"
    return found


def cpu_properties(parts: Iterable[str]) -> dict[str, str]:
    """Return the properties of a -cpu: "+x" and a bare name are on, "-x" off; "_" is "-"."""
    found = {}
    for part in parts:
        key, equals, value = part.partition("=")
        if part[:1] in "+-" and part:
            key, value = part[1:], "on" if part[0] == "+" else "off"
        elif not equals:
            value = "on"
        if key:
            found[key.replace("_", "-")] = value
    return found


def truth(word: str) -> bool | None:
    """Return what QEMU takes a word for; None where it is no truth value."""
    return True if word.lower() in _ON else False if word.lower() in _OFF else None


def _number(word: str) -> int | None:
    try:
        value = int(word, 0)
    except ValueError:
        return int(word) if re.fullmatch(r"0\d{1,18}", word) else None
    return value if 0 <= value < 1 << 64 else None


def _smp(pairs: dict[str, str]) -> Smp:
    parts = {key: n for key in _PARTS if (n := _number(pairs.get(key, ""))) is not None}
    return Smp(_number(pairs.get("cpus", "")), _number(pairs.get("maxcpus", "")), parts)


def _accel(words: Sequence[str], given: dict[str, list[str]]) -> tuple[str, ...]:
    """Return the accelerators in the order in which QEMU tries them.

    None given is TCG, or KVM for a program whose name ends with "kvm".
    """
    if "accel" in given:
        return tuple(_pairs(text, first="accel").get("accel", "") for text in given["accel"])
    machine = _machine(words)
    if "accel" in machine:
        return tuple(machine["accel"].split(":"))
    return ("kvm", "tcg") if words and words[0].endswith("kvm") else ()


def _sev(objects: Iterable[str]) -> Sev | None:
    for text in objects:
        fields = _object(text)
        kind = str(fields.get("qom-type", ""))
        if kind in _SEV:
            return Sev(kind, _policy(kind, fields.get("policy")))
    return None


def _object(text: str) -> dict[str, object]:
    """Return the fields of an -object, in JSON or as pairs."""
    if text.startswith("{"):
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}
    return dict(_pairs(text, first="qom-type"))


def _policy(kind: str, given: object) -> int | None:
    """Return the policy, or QEMU's default: 0x30000 for SNP, 1 for SEV."""
    if given is None:
        return {"sev-snp-guest": 0x30000, "sev-guest": 1}.get(kind)
    if isinstance(given, int) and not isinstance(given, bool):
        return given
    return _number(str(given))
