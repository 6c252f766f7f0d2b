"""Groups of a topic's tests: which belong to one question, and in which order to read them.

In goes ``catalogue/TOPIC/groups.txt``: a line with a question begins a group, and the names of its
tests stand indented below it. Out come the groups, and what is wrong with them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from vmlitmus.errors import nearest
from vmlitmus.litmus.catalogue import ROOT

FILE = "groups.txt"


@dataclass(frozen=True)
class Group:
    """A question that several tests answer, and their names in the order in which to read them."""

    heading: str
    tests: tuple[str, ...]


def groups_path(topic: str) -> Path:
    """Return where the groups of a topic's tests are listed."""
    return ROOT / topic / FILE


def read_groups(topic: str) -> tuple[Group, ...]:
    """Return the groups of a topic's tests; none where the topic lists none."""
    path = groups_path(topic)
    return parse_groups(path.read_text("utf-8")) if path.is_file() else ()


def parse_groups(text: str) -> tuple[Group, ...]:
    """Return the groups of a text; tests above the first question are in a group without one."""
    found: list[tuple[str, list[str]]] = []
    for line in text.splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        if not line[0].isspace():
            found.append((line.strip(), []))
        else:
            if not found:
                found.append(("", []))
            found[-1][1].append(line.strip())
    return tuple(Group(heading, tuple(tests)) for heading, tests in found)


def faults(groups: Sequence[Group], tests: Iterable[str], place: str) -> Iterator[str]:
    """Yield what to change in a file, ``place``, so that each test is in exactly one group."""
    known = sorted(tests)
    listed = Counter(name for group in groups for name in group.tests)
    for name in known:
        if not listed[name]:
            yield f"{place}: add a line '    {name}' below the question that the test belongs to"
        elif listed[name] > 1:
            yield f"{place}: {name} stands there {listed[name]} times; leave one of the lines"
    for name in sorted(listed.keys() - set(known)):
        guess = nearest(name, known)
        hint = f"; did you mean {guess!r}?" if guess else ""
        yield f"{place}: {name} is no test of this topic: take the line out{hint}"
    for group in groups:
        if not group.tests:
            yield f"{place}: no test below {group.heading!r}"
        elif not group.heading.endswith("?"):
            yield f"{place}: {group.heading!r}, above {group.tests[0]}, is no question"
