"""SMT Protection as in Zen 4: VMRUN of a protected vcpu beside a busy cpu exits with -3.

Nothing waits in hardware; software must bring the sibling to HLT or C2 and try again.
Source: APM vol. 2, 15.36.17 and table C-1 (VMEXIT_IDLE_REQUIRED).
"""

from __future__ import annotations

from vmlitmus.lang import World
from vmlitmus.model.hardware.smt.protection import SmtHardware, siblings_seen_idle
from vmlitmus.model.hardware.smt.readings import UNSUPPORTED_FAILS
from vmlitmus.world.smt_protection import Exit, Protection, Vcpu


class Smtp(SmtHardware):
    """CPUID Fn8000_001F EAX[25]; SEV_FEATURES bit 15."""

    def protects(self, w: World, vcpu: Vcpu) -> bool:
        return vcpu.asks == Protection.SMTP

    def outcome(self, w: World, vcpu: Vcpu) -> Exit:
        if vcpu.asks == Protection.SMTP:
            return Exit.NONE if siblings_seen_idle(w, vcpu.cpu) else Exit.IDLE_REQUIRED
        if vcpu.asks != Protection.NONE and w.assume(UNSUPPORTED_FAILS):
            return Exit.INVALID
        return Exit.NONE
