"""A tree that remembers what was read from it, so that exactly that can be saved."""

from __future__ import annotations

from vmlitmus.host.fact import Fact
from vmlitmus.host.tree import LIMIT, Tree

UNREAD = "unread.tsv"
_FIRST_ONLY = "proc/cpuinfo"  # of which readers look at the first cpu


class Remembering:
    """Passes everything on to a tree. ``files`` are what was read, ``unread`` why others were not.

    It is as live as the tree behind it, so that cookies and boot messages are asked of the kernel.
    """

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self.live = tree.live
        self.files: dict[str, bytes] = {}
        self.unread: dict[str, str] = {}

    def read(self, path: str, limit: int = LIMIT) -> Fact[bytes]:
        found = self.tree.read(path, limit)
        if found.value is None:
            if found.why != "absent":
                self.unread[path] = found.why
        else:
            first = found.value.split(b"\n\n", 1)[0] + b"\n"
            self.files[path] = first if path == _FIRST_ONLY else found.value
        return found

    def names(self, path: str) -> tuple[str, ...]:
        return self.tree.names(path)


def unread_table(unread: dict[str, str]) -> bytes:
    """Return the reasons as a table of two columns."""
    return "".join(f"{path}\t{why}\n" for path, why in sorted(unread.items())).encode()


def parse_unread(content: bytes) -> dict[str, str]:
    """Return the reasons of such a table."""
    lines = (line.split("\t", 1) for line in content.decode("utf-8", "replace").splitlines())
    return {line[0]: line[1] for line in lines if len(line) == 2}
