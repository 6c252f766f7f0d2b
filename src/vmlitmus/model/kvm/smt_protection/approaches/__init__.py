"""Approaches to keep siblings of a protected vcpu idle, a file each, and the mechanisms by name.

``MECHANISMS`` names them as ``host.mechanism`` of a litmus file does: the approaches of this
folder, and what the kernel has without them (none, cookies, hot unplug).
"""

from vmlitmus.model.kvm.smt_protection.approaches.gang import Gang
from vmlitmus.model.kvm.smt_protection.approaches.idle_wait import IdleCpuWait, IdleTaskWait
from vmlitmus.model.kvm.smt_protection.approaches.isolation import Isolation
from vmlitmus.model.kvm.smt_protection.approaches.kernel_entry import KernelEntryProtection
from vmlitmus.model.kvm.smt_protection.approaches.rendezvous import Rendezvous
from vmlitmus.model.kvm.smt_protection.approaches.tif_handshake import TifHandshake
from vmlitmus.model.kvm.smt_protection.cookies import CookiePerVcpu, CookiePerVm, CoreScheduling
from vmlitmus.model.kvm.smt_protection.hot_unplug import HotUnplug, HotUnplugOutside
from vmlitmus.model.kvm.smt_protection.mechanism import SmtMechanism

MECHANISMS: dict[str, type[SmtMechanism]] = {
    "none": SmtMechanism,
    "core-scheduling": CoreScheduling,
    "cookie-per-vcpu": CookiePerVcpu,
    "cookie-per-vm": CookiePerVm,
    "kernel-entry": KernelEntryProtection,
    "hot-unplug": HotUnplug,
    "hot-unplug-outside": HotUnplugOutside,
    "gang": Gang,
    "tif-handshake": TifHandshake,
    "isolation": Isolation,
    "rendezvous": Rendezvous,
    "idle-task-wait": IdleTaskWait,
    "idle-cpu-wait": IdleCpuWait,
}
