"""VMs as KVM itself shows them in debugfs: which thread runs which vcpu.

One folder TID-FD for each VM, so VMs of one process are told apart. Only root may look. The number
is that of the thread that made the VM, which need not be the main one, and may have ended.
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
    """``vcpus`` maps KVM's vcpu ids, which are APIC ids, to thread ids; 0 has not run yet.

    None is one whose thread could not be read. ``maker`` is the thread that made the VM.
    """

    folder: str
    maker: int
    vcpus: dict[int, int | None]


def read_kvm_vms(tree: Tree) -> tuple[KvmVm, ...] | None:
    """Return the VMs that debugfs shows; None where it is not mounted or not readable.

    KVM's folder has a counter for each statistic, also where no VM runs.
    """
    names = tree.names(PLACE)
    for name in [n for n in names if not _VM.fullmatch(n)][:1]:
        text(tree, f"{PLACE}/{name}", 64)  # for those who save what is read: the folder is there
    vms = [(name, match) for name in names if (match := _VM.fullmatch(name))]
    if not names:
        return None
    return tuple(KvmVm(name, int(match[1]), _vcpus(tree, name)) for name, match in vms)


def _vcpus(tree: Tree, name: str) -> dict[int, int | None]:
    vcpus: dict[int, int | None] = {}
    for entry in tree.names(f"{PLACE}/{name}"):
        match = _VCPU.fullmatch(entry)
        if match is None:
            continue
        pid = text(tree, f"{PLACE}/{name}/{entry}/pid", 64)
        whole = re.fullmatch(r"\d{1,9}", pid.value or "")
        vcpus[int(match[1])] = int(whole[0]) if whole else None
    return vcpus
