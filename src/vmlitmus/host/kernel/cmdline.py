"""The kernel's command line: the last of repeated options wins; quotes hold spaces.

What x86 needs early it looks for by other rules: see :func:`early_option`.
Source: Documentation/admin-guide/kernel-parameters.rst; next_arg() in lib/cmdline.c;
cmdline_find_option() in arch/x86/lib/cmdline.c.
"""

from __future__ import annotations

import re

from vmlitmus.host.fact import Fact, lost
from vmlitmus.host.tree import Tree, text

_WORD = re.compile(r'(?:[^\s"]|"[^"]*"?)+')


def read_cmdline(tree: Tree) -> Fact[dict[str, str]]:
    """Return options and their last values; dashes in names become underscores."""
    found = text(tree, "proc/cmdline", 1 << 16)
    if found.value is None:
        return lost(found.where, found.why)
    return Fact(options(found.value), found.where, when=found.when)


def options(line: str) -> dict[str, str]:
    """Take a command line apart; what comes after "--" is for init."""
    found: dict[str, str] = {}
    for word in _WORD.findall(line):
        if word == "--":
            break
        name, _, value = word.replace('"', "").partition("=")
        found[name.replace("-", "_")] = value
    return found


def early_option(line: str, name: str) -> str | None:
    """Return the last value of an option as cmdline_find_option() does; None where it is absent.

    A dash is no underscore there, a quote is part of the value, and "--" ends nothing.
    """
    words = [word for word in re.split(r"[\x00-\x20]+", line) if word.startswith(f"{name}=")]
    return words[-1].removeprefix(f"{name}=") if words else None
