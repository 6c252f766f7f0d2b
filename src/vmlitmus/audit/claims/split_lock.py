"""Split locks: the mode that the host was booted with, and what the model says of it.

Source: Documentation/arch/x86/buslock.rst; sld_state_show() in arch/x86/kernel/cpu/bus_lock.c.
"""

from __future__ import annotations

from dataclasses import dataclass

from vmlitmus.audit.claims.fixes import Release
from vmlitmus.audit.claims.judge import cannot_tell
from vmlitmus.audit.facts import HostFacts
from vmlitmus.audit.lifted.ask import SECONDS
from vmlitmus.compiler import build
from vmlitmus.engine.limits import Limits
from vmlitmus.engine.run import run
from vmlitmus.lang import never
from vmlitmus.outcome import Verdict
from vmlitmus.outcome.audit import Answer, Evidence, Judged

CONDITIONS = {
    "SPLIT_LOCK_GUEST_LIVES": (
        "guest-killed",
        "the host ends no guest for a split lock",
        "the host ends a guest whose VMM does not expect it",
    ),
    "SPLIT_LOCK_SLOWED": (
        "two-locks-unslowed",
        "a guest that locks the bus again is slowed down or stopped",
        "a guest locks the bus as often as it likes",
    ),
    "SPLIT_LOCK_NEIGHBOUR_SEEN": (
        "tenant-unseen",
        "no guest locks the bus unseen because of another",
        "while one guest's split lock is let through, its neighbour's are not seen",
    ),
}
_MESSAGES = (
    ("disabled", "off"),
    ("#AC: crashing the kernel on kernel split_locks and warning", "warn"),
    ("#AC: crashing the kernel on kernel split_locks and sending SIGBUS", "fatal"),
    ("#DB: warning on user-space bus_locks", "warn"),
    ("#DB: sending SIGBUS on user-space bus_locks", "fatal"),
    ("#DB: setting system wide bus lock rate limit", "ratelimit"),
)
_WORDS = ("off", "warn", "fatal")


@dataclass(frozen=True)
class Mode:
    """The mode, "" where it is not known; ``by_db`` that the host has #DB only, not #AC."""

    mode: str
    by_db: bool
    why: str
    evidence: Evidence


def mode_of(host: HostFacts) -> Mode:
    """Return the mode: by the boot messages, else by command line and flags of the cpu."""
    message = host.split_lock.message
    if message.value:
        found = next((m for text, m in _MESSAGES if message.value.startswith(text)), "")
        shown = Evidence(message.where, message.value)
        return Mode(
            found, message.value.startswith("#DB"), "" if found else "unknown message", shown
        )
    if message.value == "":
        shown = Evidence(message.where, "no message about split locks")
        return Mode("off", False, "the cpu has neither feature", shown)
    info, options = host.topology.cpuinfo.value, host.cmdline.value
    if info is None or info.flags is None or options is None:
        why = "no boot messages, and no cpu flags or command line"
        return Mode("", False, why, Evidence(message.where, message.why))
    return _by_flags(info.flags, options.get("split_lock_detect", ""))


def _by_flags(flags: frozenset[str], option: str) -> Mode:
    has_ac, has_db = "split_lock_detect" in flags, "bus_lock_detect" in flags
    names = [n for n in ("split_lock_detect", "bus_lock_detect") if n in flags]
    said = f"flags: {', '.join(names) or 'none'}; option: {option or 'none'}"
    shown = Evidence("/proc/cpuinfo and /proc/cmdline", said)
    if not names:
        return Mode("off", False, "the cpu has neither feature", shown)
    if option.startswith("ratelimit:"):
        mode = "ratelimit" if has_db else "warn"
    else:
        mode = option if option in _WORDS else "warn"
    return Mode(mode, not has_ac, "", shown)


def judge_split_locks(host: HostFacts, release: Release | None) -> list[Judged]:
    """Ask the split-lock model about two tenants, on the mode and the kernel of this host."""
    mode = mode_of(host)
    if not mode.mode:
        return [
            cannot_tell(claim, "host", f"the mode is not known: {mode.why}", mode.evidence.where)
            for claim in CONDITIONS
        ]
    return [_judged(host, release, mode, claim) for claim in CONDITIONS]


def _judged(host: HostFacts, release: Release | None, mode: Mode, claim: str) -> Judged:
    condition, holds, fails = CONDITIONS[claim]
    smt = any(len(core) > 1 for core in host.topology.cores)
    version, note = model_version(release)
    verdict, steps = _ask(mode, version, _mitigates(host), smt, condition)
    shown = (mode.evidence, Evidence("the model's kernel", version + note))
    where = f"mode {mode.mode}{' by #DB' if mode.by_db else ''}, SMT {'on' if smt else 'off'}"
    if verdict is Verdict.INCONCLUSIVE:
        return cannot_tell(claim, "host", "the search took too long")
    if verdict is Verdict.HOLDS:
        return Judged(claim, "host", Answer.TRUE, f"{where}: {holds}", shown)
    return Judged(claim, "host", Answer.FALSE, f"{where}: {fails}", shown, steps)


def _mitigates(host: HostFacts) -> bool:
    return host.split_lock.mitigate.value != "0"


def model_version(release: Release | None) -> tuple[str, str]:
    """Return the newest kernel that the model knows and that is not newer than the host's."""
    from vmlitmus.model.kvm.split_lock.versions import VERSIONS

    known = {tuple(map(int, name.split("."))): name for name in VERSIONS if "-" not in name}
    if release is None:
        return known[max(known)], " (the host's is not known)"
    here = (release.major, release.minor, release.patch)
    older = [numbers for numbers in known if (*numbers, 0)[:3] <= here] or [min(known)]
    return known[max(older)], f" (for {release})"


def _ask(
    mode: Mode, version: str, mitigate: bool, smt: bool, condition: str
) -> tuple[Verdict, tuple[str, ...]]:
    from vmlitmus.model.kvm.split_lock.topic import MODEL

    tables: dict[str, dict[str, object]] = {
        "machine": {"smt": "on" if smt else "off", "vendor": "amd" if mode.by_db else "intel"},
        "host": {"mode": mode.mode, "version": version, "mitigate": mitigate},
    }
    machine = build(MODEL, tables, {"vm": [{}, {}]}, allow=("stopping",))
    found = run(machine, never(condition), limits=Limits(SECONDS, None))
    return found.verdict, tuple(step.label for step in found.trace or ())
