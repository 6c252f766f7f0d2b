"""Core scheduling as the only mechanism: no cookies, a cookie per vcpu task, or one per VM.

The QEMU hack of the RFC gives each vcpu task a cookie of its own by PR_SCHED_CORE_CREATE;
everything else keeps cookie 0, the other tasks of QEMU too. Nothing here waits for a sibling, looks
at what it executes, or asks for an idle state.
Source: the QEMU hack in the cover letter of 2025-08-07; kernel/sched/core_sched.c.
"""

from __future__ import annotations

from vmlitmus.lang import World
from vmlitmus.model.kvm.smt_protection.mechanism import Cookies, SmtMechanism


class CoreScheduling(SmtMechanism):
    """CONFIG_SCHED_CORE, and nobody asks for a cookie."""

    def core_wide(self, w: World) -> bool:
        return True


class CookiePerVcpu(CoreScheduling):
    """Each vcpu task has its own cookie."""

    cookies = Cookies.PER_VCPU


class CookiePerVm(CoreScheduling):
    """The vcpu tasks of a VM share a cookie."""

    cookies = Cookies.PER_VM
