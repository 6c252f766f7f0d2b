"""What must be forbidden for an SMT hint to stay true: the smallest sets, as the page says them."""

from __future__ import annotations

import json
from collections.abc import Iterable

import pytest

from vmlitmus.cli.main import main

SUFFICIENT = {
    "forbidden-for-enforced-no-smt": [
        {"store smt/control last"},
        {"forbid smt/control"},
        {"forbid live migration"},
    ],
    "forbidden-for-the-default": [{"forbid live migration"}],
    "forbidden-for-no-smt-now": [
        {"forbid smt/control", "forbid cpu hotplug"},
        {"forbid smt/control", "forbid live migration"},
    ],
    "forbidden-for-pinning": [
        {
            "forbid smt/control",
            "forbid cpu hotplug",
            "forbid repinning",
            "forbid live migration",
        }
    ],
    "forbidden-for-cookies": [
        {"forbid changing cookies", "forbid live migration"},
        {
            "forbid changing cookies",
            "forbid smt/control",
            "forbid cpu hotplug",
            "repeat the cookies",
        },
    ],
    "forbidden-lying": [{"forbid lying"}],
    "forbidden-hibernation": [{"forbid hibernation"}],
}


@pytest.mark.parametrize("test", SUFFICIENT)
def test_smallest_sets_of_bans(test: str, capsys) -> None:
    assert main(["ablate", test, "--needed-by", "no", "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)["results"]
    assert by_size(found["sufficient"]) == by_size(SUFFICIENT[test])


def by_size(sets: Iterable[Iterable[str]]) -> list[list[str]]:
    """Return the sets in an order of their own, whatever order they came in."""
    return sorted((sorted(parts) for parts in sets), key=lambda parts: (len(parts), parts))
