"""Groups of tests: every test of the catalogue is in exactly one, and the list shows them."""

from __future__ import annotations

import json

import pytest

from vmlitmus.cli.main import main
from vmlitmus.litmus.catalogue import ROOT, Catalogue
from vmlitmus.litmus.groups import Group, faults, groups_path, parse_groups, read_groups

TOPICS = Catalogue().topics()


def shipped(topic: str) -> list[str]:
    return [path.stem for path in (ROOT / topic).glob("*.toml")]


@pytest.mark.parametrize("topic", TOPICS)
def test_every_test_is_in_exactly_one_group(topic: str) -> None:
    place = f"src/vmlitmus/catalogue/{topic}/{groups_path(topic).name}"
    wrong = list(faults(read_groups(topic), shipped(topic), place))
    assert not wrong, "\n".join(["", *wrong])


@pytest.mark.parametrize("topic", TOPICS)
def test_no_group_is_too_large_to_read(topic: str) -> None:
    assert max(len(group.tests) for group in read_groups(topic)) <= 30


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Is it safe?\n    one\n", "f: add a line '    two' below the question"),
        ("Is it safe?\n    one\n    two\n    one\n", "f: one stands there 2 times"),
        ("Is it safe?\n    one\n    two\n    twoo\n", "f: twoo is no test of this topic: take"),
        ("    one\nIs it?\n    two\n", "f: '', above one, is no question"),
        ("Safe\n    one\n    two\n", "f: 'Safe', above one, is no question"),
        ("Is it?\n    one\n    two\nWhy?\n", "f: no test below 'Why?'"),
    ],
)
def test_what_is_wrong_is_said_with_what_to_do(text: str, message: str) -> None:
    found = list(faults(parse_groups(text), ["one", "two"], "f"))
    assert len(found) == 1
    assert found[0].startswith(message)


def test_comments_and_empty_lines_are_no_groups() -> None:
    assert parse_groups("# about\n\nIs it?\n\n    one\n") == (Group("Is it?", ("one",)),)


def test_a_list_of_a_topic_has_the_groups_as_headings(capsys) -> None:
    assert main(["list", "tests", "cache-flush"]) == 0
    lines = capsys.readouterr().out.splitlines()
    order = [name for group in read_groups("cache-flush") for name in group.tests]
    assert [n.removesuffix(" (wide)") for n in lines if n.removesuffix(" (wide)") in order] == order
    for group in read_groups("cache-flush"):
        at = lines.index(group.heading)
        assert lines[at + 1] == "-" * len(group.heading)
        assert lines[at + 2].removesuffix(" (wide)") == group.tests[0]


def test_only_groups_with_a_test_that_is_listed_are_headings(capsys) -> None:
    assert main(["list", "tests", "cache-flush", "df_flush"]) == 0
    out = capsys.readouterr().out
    shown = [g for g in read_groups("cache-flush") if g.heading in out]
    assert 1 <= len(shown) < len(read_groups("cache-flush"))
    assert all(any(name in out for name in group.tests) for group in shown)


def test_json_has_the_group_of_each_test(capsys) -> None:
    assert main(["list", "tests", "--json"]) == 0
    items = json.loads(capsys.readouterr().out)["items"]
    assert len(items) == sum(len(shipped(topic)) for topic in TOPICS)
    for item in items:
        (group,) = [g for g in read_groups(item["topic"]) if item["name"] in g.tests]
        assert item["group"] == group.heading
