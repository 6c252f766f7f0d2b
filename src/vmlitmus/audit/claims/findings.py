"""Which findings a kernel still has: by the releases that were read, never beyond them.

A finding was looked for in named releases. Of another one it is said what the nearest releases of
its branch have that were read, and no more. A release has mended a finding where it was read, or
where that was read of an earlier release of its branch, or is in that one's changelog.
"""

from __future__ import annotations

import tomllib
from functools import lru_cache
from importlib.resources import files
from typing import Any

from vmlitmus.audit.claims.fixes import Release, upstream
from vmlitmus.outcome.audit import UNMENDED, Finding

HAS, NOT_READ, NOT_KNOWN = "has", "not read", "not known"
MENDED, NOT_CONCERNED = "mended", "not concerned"


@lru_cache(maxsize=1)
def table() -> tuple[dict[str, Any], ...]:
    """Return the findings that are shipped, in the order of docs/findings.md."""
    text = (files("vmlitmus.audit.claims") / "findings.toml").read_text(encoding="utf-8")
    return tuple(tomllib.loads(text)["finding"])


def judge_findings(release: Release | None, *, livepatched: bool = False) -> tuple[Finding, ...]:
    """Return for each finding about a kernel whether a kernel has it."""
    return tuple(_judged(row, release, livepatched) for row in table() if "of" not in row)


def _judged(row: dict[str, Any], release: Release | None, livepatched: bool) -> Finding:
    if release is None:
        status, why = NOT_KNOWN, "as it does not tell its upstream release"
    else:
        status, why = _by_release(row, release)
    if status == HAS and release is not None and release.vendor:
        status, why = NOT_READ, f"{release} as it is upstream has it; the vendor may have mended it"
    if status == HAS and livepatched:
        status, why = NOT_READ, f"{release} has it; a livepatch may have mended it"
    return Finding(
        title=row["title"],
        hurts=row["hurts"],
        status=status,
        why=why,
        mended_by=mended_by(row),
        needs=row["needs"],
        test=row["test"],
        cure=row["cure"],
    )


def mended_by(row: dict[str, Any]) -> str:
    """Say which releases have mended a finding; the first ones, where they are known."""
    return ", ".join(row.get("first", row.get("mended", ()))) or UNMENDED


def _by_release(row: dict[str, Any], release: Release) -> tuple[str, str]:
    for key, status in (("has", HAS), ("mended", MENDED), ("other", NOT_CONCERNED)):
        if str(release) in row.get(key, ()) and not release.candidate:
            return status, f"read in {release}"
    for first in map(_release, row.get("first", ())):
        branch_later = not first.patch and _numbers(first)[:2] < _numbers(release)[:2]
        if branch_later or (first.branch == release.branch and _has_come(first, release)):
            return MENDED, f"since {first}"
    for older in map(_release, row.get("mended", ())):
        if older.branch == release.branch and _has_come(older, release):
            return MENDED, f"read in {older}"
    return _nearest(row, release)


def _has_come(first: Release, release: Release) -> bool:
    return first.patch <= release.patch and not release.candidate


def _nearest(row: dict[str, Any], release: Release) -> tuple[str, str]:
    """Say what those releases of the branch have that were read and are nearest."""
    known = {
        _release(name): said
        for key, said in (("has", "has it"), ("mended", "has mended it"), ("other", "has it not"))
        for name in row.get(key, ())
    }
    branch = sorted((r for r in known if r.branch == release.branch), key=_numbers)
    if not branch:
        return NOT_KNOWN, f"as no release of {release.branch} was read for them"
    before = [r for r in branch if _numbers(r) < _numbers(release)][-1:]
    after = [r for r in branch if _numbers(r) > _numbers(release)][:1]
    near = [*before, *after]
    if len({known[r] for r in near}) == 1 and len(near) > 1:
        return NOT_READ, f"{near[0]} and {near[1]} {known[near[0]].replace('has', 'have', 1)}"
    return NOT_READ, ", ".join(f"{r} {known[r]}" for r in near)


def _numbers(release: Release) -> tuple[int, int, int]:
    return release.major, release.minor, release.patch


@lru_cache(maxsize=64)
def _release(name: str) -> Release:
    found = upstream(name, "findings.toml", vendor=False)
    assert found is not None, name
    return found
