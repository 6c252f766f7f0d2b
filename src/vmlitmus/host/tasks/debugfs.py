"""VMs as KVM itself shows them in debugfs: which thread runs which vcpu.

One folder PID-FD for each VM, so VMs of one process are told apart. Only root may look.
Source: kvm_create_vm_debugfs() and vcpu_get_pid() in virt/kvm/kvm_main.c.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from vmlitmus.host.tree import Tree, text

PLACE = "sys/kernel/debug/kvm"
_VM = re.compile(r"(\d{1,9})-(\d{1,9})")
_VCPU = re.compile(r"vcpu(\d{1,5})")


@dataclass(frozen=True)
class KvmVm:
    """``vcpus`` maps KVM's vcpu ids to thread ids; 0 is a vcpu that has not run yet."""

    folder: str
    pid: int
    vcpus: dict[int, int]


def read_kvm_vms(tree: Tree) -> tuple[KvmVm, ...]:
    """Return the VMs that debugfs shows; none where it is not mounted or not readable."""
    found = []
    for name in tree.names(PLACE):
        match = _VM.fullmatch(name)
        if match is not None:
            found.append(KvmVm(name, int(match[1]), _vcpus(tree, name)))
    return tuple(found)


def _vcpus(tree: Tree, name: str) -> dict[int, int]:
    vcpus = {}
    for entry in tree.names(f"{PLACE}/{name}"):
        match = _VCPU.fullmatch(entry)
        if match is None:
            continue
        pid = text(tree, f"{PLACE}/{name}/{entry}/pid", 64)
        if re.fullmatch(r"\d{1,9}", pid.value or ""):
            vcpus[int(match[1])] = int(pid.value or "0")
    return vcpus
