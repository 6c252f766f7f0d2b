"""Which fixes a kernel has: by its upstream release, its changelog, never by guessing.

A release is compared within its own stable branch. What a distribution lacks is never claimed: it
may have the fix under another number. A release newer than the newest one looked at may have what
that one lacks.
"""

from __future__ import annotations

import gzip
import re
import tomllib
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any

from vmlitmus.errors import HostError, UsageError
from vmlitmus.host.kernel.release import Kernel
from vmlitmus.host.tree import Tree
from vmlitmus.outcome.audit import Fix

HAS, LACKS, CANNOT_TELL, NOT_CONCERNED = "has", "lacks", "cannot tell", "not concerned"
_RELEASE = re.compile(r"(\d{1,3})\.(\d{1,3})(?:\.(\d{1,4}))?(-rc\d{1,2})?")
_DEBIAN = re.compile(r"#\d+ .*\bDebian (\d+\.\d+\.\d+)-\d")  # behind what gcc says of itself
_UBUNTU = re.compile(r"^Ubuntu \S+ (\d+\.\d+\.\d+)$")
_NEWEST = re.compile(r"\s*linux\S* \((\d+\.\d+(?:\.\d+)?)[-~+.]")  # Debian's first line
_NAMES = "the changelog names"
_CHANGELOG = 64 << 20  # bytes


@dataclass(frozen=True)
class Release:
    """An upstream release. ``vendor`` says that others have changed it; ``where`` who says so."""

    major: int
    minor: int
    patch: int
    candidate: bool
    vendor: bool
    where: str

    @property
    def branch(self) -> str:
        return f"{self.major}.{self.minor}"

    def __str__(self) -> str:
        return f"{self.branch}.{self.patch}" if self.patch else self.branch


def upstream(text: str, where: str, *, vendor: bool) -> Release | None:
    """Return the release that a text like "6.12.107" names; None where it is none."""
    match = _RELEASE.fullmatch(text)
    if match is None:
        return None
    major, minor, patch = (int(match[n] or "0") for n in (1, 2, 3))
    return Release(major, minor, patch, match[4] is not None, vendor, where)


def asked_release(text: str) -> Release:
    """Return the release that a user names; raises UsageError."""
    found = upstream(text, "--release", vendor=False)
    if found is None:
        start = _RELEASE.match(text)
        hint = f"; of a kernel made from {start[0]} give that, and --changelog" if start else ""
        raise UsageError(f"--release {text!r}: not an upstream release such as 6.12.107{hint}")
    return found


def release_of(kernel: Kernel) -> Release | None:
    """Return the upstream release of a running kernel, where it says so."""
    release = kernel.release.value or ""
    plain = upstream(release, kernel.release.where, vendor=False)
    if plain is not None:
        return plain
    debian = _DEBIAN.search(kernel.version.value or "")
    ubuntu = _UBUNTU.match(kernel.signature.value or "")
    told = debian or ubuntu
    if told is None:
        return None
    where = kernel.version.where if debian else kernel.signature.where
    found = upstream(told[1], where, vendor=True)
    same = found is not None and re.match(rf"{re.escape(found.branch)}\b", release)
    return found if same or not release else None


@lru_cache(maxsize=1)
def table() -> dict[str, Any]:
    """Return the table of fixes that is shipped."""
    return tomllib.loads(
        (files("vmlitmus.audit.claims") / "fixes.toml").read_text(encoding="utf-8")
    )


def judge_fixes(
    release: Release | None, changelog: str = "", *, livepatched: bool = False
) -> tuple[Fix, ...]:
    """Return for each fix of the table whether a kernel has it."""
    words = " ".join(changelog.split())
    return tuple(_judged(row, release, words, livepatched) for row in table()["fix"])


def _judged(row: dict[str, Any], release: Release | None, changelog: str, livepatched: bool) -> Fix:
    named = _named(row, changelog)
    if named:
        status, why = HAS, f"{_NAMES} {named}"
    elif release is None:
        status, why = CANNOT_TELL, "a vendor's kernel that does not tell its upstream release"
    else:
        status, why = _by_release(row, release)
    if status == LACKS and release is not None and release.vendor:
        status, why = CANNOT_TELL, f"{why}; the vendor may have added it"
    if status == LACKS and row.get("feature", False):
        status, why = NOT_CONCERNED, f"a feature, not a fix; {why}"
    if status == LACKS and livepatched:
        status, why = CANNOT_TELL, f"{why}; a livepatch may have added it"
    return Fix(
        commit=row["commit"],
        title=row["title"],
        cve=row["cve"],
        area=row["area"],
        status=status,
        why=why,
        protects=row["protects"],
        trigger=row["trigger"],
        test=row["test"],
        shown_by=row.get("shown_by", ""),
    )


def _named(row: dict[str, Any], changelog: str) -> str:
    """Return how a changelog, on one line, names a fix: commit, CVE, subject, or nothing."""
    for key in ("commit", "cve"):
        end = r"(?!\d)" if key == "cve" else ""  # a commit may be given in full
        if row[key] and re.search(rf"\b{re.escape(row[key])}{end}", changelog):
            return str(row[key])
    subject = row.get("subject", "")
    if subject and re.search(rf'(?<!"){re.escape(subject)}', changelog):  # not: Revert "..."
        return f'"{subject}"'
    return ""


def _by_release(row: dict[str, Any], release: Release) -> tuple[str, str]:
    here = (release.major, release.minor)
    introduced = _numbers(row["introduced"])
    if introduced and here < introduced[:2]:
        return NOT_CONCERNED, f"the code came with {row['introduced']}"
    first = _first_fixed(row, release.branch)
    if first is not None:
        return _in_branch(first, release)
    mainline = _numbers(row["mainline"])
    if not mainline:
        return CANNOT_TELL, "the release that brought the fix is not known"
    if here > mainline[:2] or (here == mainline[:2] and not release.candidate):
        return HAS, f"mainline since {row['mainline'].split(',')[0]}"
    return CANNOT_TELL, f"the branch {release.branch} is not in the table"


def _first_fixed(row: dict[str, Any], branch: str) -> str | None:
    """Return what the table says of a branch; a mainline column may name a stable release too."""
    if branch in row["branches"]:
        return str(row["branches"][branch])
    others = [part.strip() for part in row["mainline"].split(",")[1:]]
    return next((part for part in others if part.startswith(f"{branch}.")), None)


def _in_branch(first: str, release: Release) -> tuple[str, str]:
    if first == "n/a":
        return NOT_CONCERNED, f"{release.branch} has no such code"
    if first.endswith("?"):
        read = _numbers(first)
        if len(read) > 2 and release.patch >= read[2]:
            return HAS, f"by {first[:-1]} at the latest"
        return CANNOT_TELL, f"the first fixed release of {release.branch} is not known"
    if first == "no":
        newest = table()["newest"].get(release.branch)
        if newest is None or release.patch > newest:
            last = f"{release.branch}.{newest}" if newest is not None else "what was looked at"
            return (
                (CANNOT_TELL, f"newer than {last}") if newest else (LACKS, "never in this branch")
            )
        return LACKS, f"not in {release.branch}.{newest} either"
    numbers = _numbers(first)
    patch = numbers[2] if len(numbers) > 2 else 0
    if release.patch >= patch and not release.candidate:
        return HAS, f"since {first}"
    return LACKS, f"first in {first}"


def _numbers(text: str) -> tuple[int, ...]:
    match = _RELEASE.match(text)
    return tuple(int(g) for g in match.groups()[:3] if g) if match else ()


def named_changelog(content: bytes, path: str) -> str:
    """Return the text of a changelog that somebody names; raises HostError where it is none."""
    text = read_changelog(content)
    if not text.strip() or "\0" in text or "\ufffd" in text[:4096]:
        raise HostError("not the changelog of a package: empty, damaged, or no text", path)
    return text


def doubt(changelog: str, release: Release | None, fixes: Iterable[Fix]) -> str:
    """Say why a changelog may not be that of a kernel; "" where nothing speaks against it."""
    newest = _NEWEST.match(changelog)
    of = upstream(newest[1], "", vendor=True) if newest else None
    ubuntu = of and release and of.branch == release.branch and not of.patch  # theirs say x.y.0
    if of is not None and release is not None and str(of) != str(release) and not ubuntu:
        return f"is of {of}, not of {release}: what it names is taken for what {release} has"
    if not any(fix.why.startswith(_NAMES) for fix in fixes):
        return "names none of the fixes"
    return ""


def read_changelog(content: bytes) -> str:
    """Return the text of a changelog, packed or not; "" where its packing is damaged."""
    if content.startswith(b"\x1f\x8b"):
        try:
            content = zlib.decompressobj(31).decompress(content, _CHANGELOG)
        except (zlib.error, gzip.BadGzipFile):
            return ""
    return content.decode("utf-8", "replace")


def find_changelog(tree: Tree, release: str) -> str:
    """Return the changelog of a Debian kernel package in a tree; "" where there is none."""
    places = [f"usr/share/doc/linux-image-{release}"]
    for place in places:
        found = tree.read(f"{place}/changelog.Debian.gz", _CHANGELOG)
        if found.value is not None:
            return read_changelog(found.value)
    return ""
