"""Which kernel runs: release, version texts, configuration, vulnerabilities, modules, livepatches.

Source: Documentation/ABI/testing/sysfs-devices-system-cpu, /proc/version, /proc/config.gz.
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass

from vmlitmus.host.cpus.topology import CPU
from vmlitmus.host.fact import Fact, lost
from vmlitmus.host.tree import Tree, text

MODULES = ("kvm", "kvm_amd", "kvm_intel", "processor")
_CONFIG = 4 << 20  # bytes of an unpacked configuration
_OPTION = re.compile(r"^(?:(CONFIG_\w+)=(.*)|# (CONFIG_\w+) is not set)$", re.MULTILINE)


@dataclass(frozen=True)
class Kernel:
    """``modules`` maps "kvm_amd.sev_snp" to the parameter's text, ``vulnerabilities`` names to
    their lines, ``config`` options to their values ("" where not set)."""

    release: Fact[str]
    version: Fact[str]
    signature: Fact[str]
    config: Fact[dict[str, str]]
    vulnerabilities: dict[str, str]
    modules: dict[str, str]
    livepatches: tuple[str, ...]


def read_kernel(tree: Tree) -> Kernel:
    """Read all of it."""
    release = _release(tree)
    return Kernel(
        release=release,
        version=text(tree, "proc/version", 4096),
        signature=text(tree, "proc/version_signature", 4096),
        config=_config(tree, release.value),
        vulnerabilities=_vulnerabilities(tree),
        modules=_parameters(tree),
        livepatches=_livepatches(tree),
    )


def _livepatches(tree: Tree) -> tuple[str, ...]:
    """Return the livepatches that are loaded, enabled or not."""
    place = "sys/kernel/livepatch"
    return tuple(n for n in tree.names(place) if text(tree, f"{place}/{n}/enabled", 64).known)


def _release(tree: Tree) -> Fact[str]:
    """Return `uname -r`; /proc/version has it as its third word."""
    found = text(tree, "proc/sys/kernel/osrelease", 4096)
    if found.known:
        return found
    version = text(tree, "proc/version", 4096)
    words = (version.value or "").split()
    if len(words) > 2:
        return Fact(words[2], version.where, when=version.when)
    return lost(found.where, found.why)


def _config(tree: Tree, release: str | None) -> Fact[dict[str, str]]:
    packed = tree.read("proc/config.gz")
    if packed.value is not None:
        try:
            unpack = zlib.decompressobj(31)
            content = unpack.decompress(packed.value, _CONFIG)
        except zlib.error:
            return lost(packed.where, "not a gzip file")
        if not unpack.eof:
            return lost(packed.where, "cut short, or longer than a configuration")
        return Fact(_options(content.decode("ascii", "replace")), packed.where, when=packed.when)
    if release is None or "/" in release:
        return lost(packed.where, packed.why)
    plain = text(tree, f"boot/config-{release}", _CONFIG)
    if plain.value is None:
        return lost(plain.where, plain.why)
    return Fact(_options(plain.value), plain.where, when=plain.when)


def _options(content: str) -> dict[str, str]:
    return {m[1] or m[3]: m[2] or "" for m in _OPTION.finditer(content)}


def _vulnerabilities(tree: Tree) -> dict[str, str]:
    place = f"{CPU}/vulnerabilities"
    read = {name: text(tree, f"{place}/{name}", 4096) for name in tree.names(place)}
    return {name: found.value for name, found in read.items() if found.value is not None}


def _parameters(tree: Tree) -> dict[str, str]:
    found = {}
    for module in MODULES:
        place = f"sys/module/{module}/parameters"
        for name in tree.names(place):
            value = text(tree, f"{place}/{name}", 4096)
            if value.value is not None:
                found[f"{module}.{name}"] = value.value
    return found
