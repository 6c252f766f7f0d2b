"""Split locks: the mode that the host was booted with, and what the model says of it.

Source: Documentation/arch/x86/buslock.rst; sld_state_show() in arch/x86/kernel/cpu/bus_lock.c.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

from vmlitmus.audit.claims.fixes import Release
from vmlitmus.audit.claims.judge import cannot_tell
from vmlitmus.audit.facts import HostFacts
from vmlitmus.audit.lifted.ask import SECONDS
from vmlitmus.compiler import build
from vmlitmus.engine.limits import Limits
from vmlitmus.engine.run import run
from vmlitmus.host.kernel.split_lock import OPTION, state_of
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
_DETECTS = ("warn", "fatal")
_SYSCTL = "kernel.split_lock_mitigate"


@dataclass(frozen=True)
class Mode:
    """The mode, "" where ``why`` says why not; ``by_db`` that the host has #DB only, not #AC."""

    mode: str
    by_db: bool
    why: str
    evidence: Evidence


def mode_of(host: HostFacts) -> Mode:
    """Return the mode: by the boot messages, else by command line and flags of the cpu."""
    message, option = host.split_lock.message, host.split_lock.option
    info = host.topology.cpuinfo.value
    flags = info.flags if info is not None else None
    if message.value:
        state = state_of(message.value)
        shown = Evidence(message.where, message.value)
        why = "" if state else "a boot message that is not known here"
        return Mode(state, message.value.startswith("#DB"), why, shown)
    if message.value == "":
        shown = Evidence(message.where, "no message about split locks")
        if flags and OPTION in flags and option.value in _DETECTS:
            why = f"the cpu has the flag {OPTION}, but the boot messages say nothing of it"
            return Mode("", False, why, shown)
        return Mode("off", False, "", shown)
    if flags is None or option.value is None:
        why = "no boot messages, and no cpu flags or command line"
        return Mode("", False, why, Evidence(message.where, message.why))
    return _by_flags(flags, option.value)


def _by_flags(flags: frozenset[str], option: str) -> Mode:
    names = [n for n in (OPTION, "bus_lock_detect") if n in flags]
    said = f"flags: {', '.join(names) or 'none'}; the command line asks for {option}"
    shown = Evidence("/proc/cpuinfo and /proc/cmdline", said)
    if not names:
        return Mode("off", False, "", shown)
    return Mode(option, OPTION not in flags, "", shown)


def judge_split_locks(host: HostFacts, release: Release | None) -> list[Judged]:
    """Ask the split-lock model about two tenants, on the mode and the kernel of this host."""
    mode = mode_of(host)
    if host.doubt and not on_bare_metal(host):
        why = (
            "this host is itself a guest, or may be one: a split lock of its guests meets its own "
            "host's detection first; --trust-topology leaves that out"
        )
        return [cannot_tell(claim, "host", why, "/proc/cpuinfo") for claim in CONDITIONS]
    if not mode.mode:
        return [
            cannot_tell(claim, "host", f"the mode is not known: {mode.why}", mode.evidence.where)
            for claim in CONDITIONS
        ]
    return [_judged(host, release, mode, claim) for claim in CONDITIONS]


def on_bare_metal(host: HostFacts) -> bool:
    """Say whether the host is known to be no guest: split_lock_setup() asks for the same flag.

    Without it there is no #AC for split locks, and no message about that.
    """
    info = host.topology.cpuinfo.value
    if (host.split_lock.message.value or "").startswith("#AC:"):
        return True
    return info is not None and info.flags is not None and "hypervisor" not in info.flags


def _judged(host: HostFacts, release: Release | None, mode: Mode, claim: str) -> Judged:
    """Ask for every value of what is not known: the kernel, the sysctl, whether SMT is on."""
    condition, holds, fails = CONDITIONS[claim]
    versions, note = model_versions(release)
    if not versions:
        return cannot_tell(claim, "host", note)
    mitigates, smt = _mitigates(host), _smt(host)
    asked = [
        _ask(mode, version, mitigate, wide, condition)
        for version, mitigate, wide in itertools.product(versions, mitigates, smt)
    ]
    verdicts = {verdict for verdict, _ in asked}
    shown = (mode.evidence, Evidence("the model's kernel", ", ".join(versions) + note))
    words = "not known" if len(smt) > 1 else "on" if smt[0] else "off"
    where = f"mode {mode.mode}{' by #DB' if mode.by_db else ''}, SMT {words}"
    if Verdict.INCONCLUSIVE in verdicts:
        return cannot_tell(claim, "host", "the search took too long")
    if len(verdicts) > 1:
        facts = (("the kernel", versions), (_SYSCTL, mitigates), ("whether SMT is on", smt))
        missing = tuple(name for name, values in facts if len(values) > 1)
        why = f"it depends on what is not known: {', '.join(missing)}"
        return cannot_tell(claim, "host", why, *missing)
    if verdicts == {Verdict.HOLDS}:
        return Judged(claim, "host", Answer.TRUE, f"{where}: {holds}", shown)
    return Judged(claim, "host", Answer.FALSE, f"{where}: {fails}", shown, asked[0][1])


def _mitigates(host: HostFacts) -> tuple[bool, ...]:
    return {"0": (False,), "1": (True,)}.get(host.split_lock.mitigate.value or "", (True, False))


def _smt(host: HostFacts) -> tuple[bool, ...]:
    if host.doubt:
        return (True, False)
    return (any(len(core) > 1 for core in host.topology.cores),)


def model_versions(release: Release | None) -> tuple[tuple[str, ...], str]:
    """Return the newest kernel that the model knows and that is not newer than the host's.

    All that it knows where the host's is not known; none, and why, where it is newer than all.
    """
    from vmlitmus.model.kvm.split_lock.versions import VERSIONS

    known = {tuple(map(int, name.split("."))): name for name in VERSIONS if "-" not in name}
    if release is None:
        return tuple(known[numbers] for numbers in sorted(known)), " (the host's is not known)"
    here = (release.major, release.minor, release.patch)
    if here[:2] > max(known)[:2]:
        return (), f"kernel {release} is newer than {known[max(known)]}, the newest that was read"
    older = [numbers for numbers in known if (*numbers, 0)[:3] <= here] or [min(known)]
    return (known[max(older)],), f" (for {release})"


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
