"""Approaches to keep siblings of a protected vcpu idle, a file each, and the mechanisms by name.

``MECHANISMS`` names them as ``host.mechanism`` of a litmus file does: the approaches of this
folder, and what the kernel has without them (none, cookies, hot unplug). A new approach is a file
beside this one, and a line here.
"""

from vmlitmus.model.kvm.smt_protection.mechanism import SmtMechanism
from vmlitmus.model.registered import registered

MECHANISMS = registered(
    SmtMechanism,
    "vmlitmus.model.kvm.smt_protection",
    {
        "none": "mechanism.SmtMechanism",
        "core-scheduling": "cookies.CoreScheduling",
        "cookie-per-vcpu": "cookies.CookiePerVcpu",
        "cookie-per-vm": "cookies.CookiePerVm",
        "kernel-entry": "approaches.kernel_entry.KernelEntryProtection",
        "hot-unplug": "hot_unplug.HotUnplug",
        "hot-unplug-outside": "hot_unplug.HotUnplugOutside",
        "gang": "approaches.gang.Gang",
        "tif-handshake": "approaches.tif_handshake.TifHandshake",
        "isolation": "approaches.isolation.Isolation",
        "rendezvous": "approaches.rendezvous.Rendezvous",
        "idle-task-wait": "approaches.idle_wait.IdleTaskWait",
        "idle-cpu-wait": "approaches.idle_wait.IdleCpuWait",
    },
)
