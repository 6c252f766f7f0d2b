"""Which bits of SEV_FEATURES this KVM lets a guest have, as KVM itself answers.

What one guest has asked for stands in its encrypted VMSA and cannot be read from outside.
Source: KVM_X86_SEV_VMSA_FEATURES, sev_dev_get_attr() in arch/x86/kvm/svm/sev.c (since 6.10).
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import re
from collections.abc import Callable

from vmlitmus.host.fact import Fact, lost
from vmlitmus.host.tree import Tree, reason, text

SAVED = "sev_features"
WHERE = "/dev/kvm: KVM_X86_SEV_VMSA_FEATURES"
SMT_PROTECTION = 1 << 15
_GET_DEVICE_ATTR = 0x4018AEE2  # _IOW(KVMIO, 0xe2, struct kvm_device_attr)
_GRP_SEV, _VMSA_FEATURES = 1, 0
Ask = Callable[[], int]


class _Attribute(ctypes.Structure):
    _fields_ = (
        ("flags", ctypes.c_uint32),
        ("group", ctypes.c_uint32),
        ("attr", ctypes.c_uint64),
        ("addr", ctypes.c_uint64),
    )


def read_sev_features(tree: Tree, ask: Ask | None = None) -> Fact[int]:
    """Return the mask that KVM supports: asked of this machine, else as it was saved.

    ``ask`` stands for the call in tests: it returns the mask or raises OSError.
    """
    if ask is None and not tree.live:
        found = text(tree, SAVED, 64)
        whole = re.fullmatch(r"0x[0-9a-f]{1,16}", found.value or "")
        return Fact(int(whole[0], 16), WHERE) if whole else lost(WHERE, found.why or "no number")
    try:
        return Fact((ask or _ask)(), WHERE)
    except OSError as error:
        if error.errno == errno.ENXIO:
            return lost(WHERE, "KVM runs no SEV guests here, or is older than 6.10")
        return lost(WHERE, reason(error))


def _ask() -> int:
    """Ask KVM; no VM is made for it."""
    mask = ctypes.c_uint64(0)
    asked = _Attribute(0, _GRP_SEV, _VMSA_FEATURES, ctypes.addressof(mask))
    device = os.open("/dev/kvm", os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.ioctl(device, _GET_DEVICE_ATTR, asked)
    finally:
        os.close(device)
    return mask.value
