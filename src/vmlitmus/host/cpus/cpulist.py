"""Sets of cpus as text: the kernel's lists and masks, and libvirt's cpusets.

Source: Documentation/admin-guide/kernel-parameters.rst, "cpu lists"; virBitmapParse() of libvirt.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

Cpus = frozenset[int]
MOST = 1 << 16  # cpu numbers; the kernel's NR_CPUS ends at 8192, libvirt's at 16384
_RANGE = re.compile(r"(\d{1,9})(?:-(\d{1,9})(?::(\d{1,9})(?:/(\d{1,9}))?)?)?")


@lru_cache(maxsize=4096)
def cpu_list(text: str) -> Cpus:
    """Return the cpus of a list such as "0-3,8" or "0-7:1/2"; an empty text is no cpu.

    Raises ValueError that names the part that is no range.
    """
    found: set[int] = set()
    for caret, cpus in _ranges(text) if text.strip() else ():
        if caret:
            raise ValueError("a caret is not part of a kernel's list")
        found.update(cpus)
    return frozenset(found)


def _ranges(text: str) -> Iterator[tuple[str, Sequence[int]]]:
    """Yield "^" or "", and the cpus, of each part of a list; of a bounded number of cpus."""
    spent = 0
    for part in text.strip().split(","):
        word = part.strip()
        cpus = _part(word.removeprefix("^").strip())
        spent += len(cpus)
        if spent > 4 * MOST:
            raise ValueError("a list that names too many cpus")
        yield word[: word.startswith("^")], cpus


def _part(part: str) -> Sequence[int]:
    match = _RANGE.fullmatch(part)
    if match is None:
        raise ValueError(f"{part!r} is no range of cpus")
    low, high = int(match[1]), int(match[2] or match[1])
    if high < low or high >= MOST:
        raise ValueError(f"{part!r} is no range of cpus below {MOST}")
    if match[3] is None:
        return range(low, high + 1)
    # "a-b:used/group", and "a-b:step" as older tools write it
    used, group = (int(match[3]), int(match[4])) if match[4] else (1, int(match[3]))
    if not 0 < used <= group:
        raise ValueError(f"{part!r} is no range of cpus")
    return [cpu for cpu in range(low, high + 1) if (cpu - low) % group < used]


@lru_cache(maxsize=4096)
def cpu_mask(text: str) -> Cpus:
    """Return the cpus of a mask such as "00000000,00000003"; raises ValueError."""
    groups = text.strip().rstrip("\0").split(",")
    if not all(re.fullmatch(r"[0-9a-fA-F]{1,8}", group) for group in groups):
        raise ValueError(f"{text[:40]!r} is no mask of cpus")
    if len(groups) * 32 > MOST:
        raise ValueError(f"a mask of {len(groups)} words is too long")
    bits = int("".join(group.zfill(8) for group in groups), 16)
    return frozenset(cpu for cpu in range(bits.bit_length()) if bits >> cpu & 1)


@lru_cache(maxsize=4096)
def libvirt_cpuset(text: str) -> Cpus:
    """Return the cpus of "0-4,^3"; a caret takes away from what stands before it."""
    found: set[int] = set()
    for caret, cpus in _ranges(text):
        if caret:
            found.difference_update(cpus)
        else:
            found.update(cpus)
    return frozenset(found)


def as_list(cpus: Iterable[int]) -> str:
    """Return cpus as the kernel prints them: "0-3,8"."""
    runs: list[list[int]] = []
    for cpu in sorted(cpus):
        if runs and runs[-1][-1] == cpu - 1:
            runs[-1][1:] = [cpu]
        else:
            runs.append([cpu])
    return ",".join(str(r[0]) if len(r) == 1 else f"{r[0]}-{r[-1]}" for r in runs)
