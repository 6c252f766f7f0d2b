"""Configurations of Cloud Hypervisor and Firecracker.

Source: vm.info of Cloud Hypervisor v52 (vmm/src/vm_config.rs); Firecracker's machine-config.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from vmlitmus.errors import HostError
from vmlitmus.host.cpus.cpulist import Cpus, cpu_list

_VCPUS = 1 << 14


@dataclass(frozen=True)
class VmmConfig:
    """``pins`` maps vcpus to cpus, None where the file has no such knob or pins nothing.

    ``core_scheduling`` is Vm, Vcpu or Off; "" where the file does not say.
    """

    path: str
    vmm: str
    vcpus: int
    maximum: int
    threads: int
    pins: dict[int, Cpus] | None
    core_scheduling: str


_NO_VMM = "not a configuration of Cloud Hypervisor or Firecracker"


def parse_config(content: str, path: str) -> VmmConfig:
    """Read a configuration of either program; raises HostError with file and line."""
    try:
        found = json.loads(content)
    except json.JSONDecodeError as error:
        raise HostError(f"not JSON: {error.msg}", path, error.lineno) from None
    except RecursionError:
        raise HostError("not JSON: nested too deeply", path) from None
    try:
        return _config(found, path)
    except KeyError as error:
        raise HostError(f"{_NO_VMM}: {error} is missing", path) from None
    except (TypeError, AttributeError):
        raise HostError(f"{_NO_VMM}: a value in it is of another kind", path) from None
    except (ValueError, OverflowError) as error:
        raise HostError(f"{_NO_VMM}: {error}", path) from None


def _config(found: Any, path: str) -> VmmConfig:
    if "machine-config" in found or "vcpu_count" in found:
        machine = found.get("machine-config", found)
        count, smt = _count(machine["vcpu_count"]), machine.get("smt", False) is True
        return VmmConfig(path, "firecracker", count, count, 2 if smt else 1, None, "")
    cpus = found.get("config", found)["cpus"]
    topology = cpus.get("topology") or {}
    return VmmConfig(
        path=path,
        vmm="cloud-hypervisor",
        vcpus=_count(cpus["boot_vcpus"]),
        maximum=_count(cpus["max_vcpus"]),
        threads=_count(topology.get("threads_per_core", 1)),
        pins=_pins(cpus.get("affinity")),
        core_scheduling=str(cpus.get("core_scheduling") or ""),
    )


def _count(value: Any) -> int:
    count = int(value)
    if not 1 <= count <= _VCPUS:
        raise ValueError(f"{value!r} is not in 1..{_VCPUS}")
    return count


def _pins(affinity: Any) -> dict[int, Cpus] | None:
    if not affinity:
        return None
    return {int(pin["vcpu"]): frozenset(int(cpu) for cpu in pin["host_cpus"]) for pin in affinity}


_PIN = re.compile(r"(\d{1,5})@\[([\d,\s-]*)\]")


def parse_cloud_hypervisor(words: Sequence[str]) -> VmmConfig | None:
    """Read --cpus of a Cloud Hypervisor command line; None where there is none."""
    text = next((after for word, after in pairwise(words) if word == "--cpus"), "")
    fields: dict[str, str] = dict(re.findall(r"(\w+)=(\[(?:[^\[\]]|\[[^\]]*\])*\]|[^,]*)", text))
    boot = fields.get("boot", "1")
    if not text or not re.fullmatch(r"\d{1,5}", boot):
        return None
    threads = fields.get("topology", "1:1:1:1").split(":")[0]
    most = fields.get("max", boot)
    try:
        pins = {int(n): cpu_list(cpus) for n, cpus in _PIN.findall(fields.get("affinity", ""))}
    except ValueError:
        pins = {}
    return VmmConfig(
        path="--cpus",
        vmm="cloud-hypervisor",
        vcpus=int(boot),
        maximum=int(most) if re.fullmatch(r"\d{1,5}", most) else int(boot),
        threads=int(threads) if re.fullmatch(r"\d{1,5}", threads) else 1,
        pins=pins or None,
        core_scheduling=fields.get("core_scheduling", "").capitalize(),
    )
