"""The kernel's command line: the last of repeated options wins; quotes hold spaces.

Source: Documentation/admin-guide/kernel-parameters.rst; next_arg() in lib/cmdline.c.
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
