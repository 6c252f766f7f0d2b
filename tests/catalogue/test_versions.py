"""Kernel versions: those that were read are said to be; words of earlier releases still work."""

from __future__ import annotations

import pytest

from vmlitmus.compiler import build
from vmlitmus.model import TOPICS

OLD = [("ap-creation", "kvm", "version", "7.3")]
OLD += [("smt-protection", "host", "kernel", v) for v in ("6.4", "6.16")]


@pytest.mark.parametrize(("topic", "table", "key", "version"), OLD)
def test_a_word_of_an_earlier_release_still_works(
    topic: str, table: str, key: str, version: str
) -> None:
    model = TOPICS[topic]
    assert build(model, {table: {key: version}}).instances
    assert version not in model.read
    assert "not read" in model.known_by(version)


@pytest.mark.parametrize(
    ("topic", "version"), [("ap-creation", "6.12.117"), ("ap-creation", "7.2.13")]
)
def test_a_word_that_is_read_by_now_still_works(topic: str, version: str) -> None:
    model = TOPICS[topic]
    assert build(model, {"kvm": {"version": version}}).instances
    assert version in model.read


@pytest.mark.parametrize("topic", ["ap-creation", "smt-protection"])
def test_the_default_version_is_one_that_was_read(topic: str) -> None:
    model = TOPICS[topic]
    releases = [s for known in model.settings.values() for s in known.values() if s.release]
    assert [s.default for s in releases] == ["7.2.8"]
    assert {"7.2.8"} <= set(model.read) <= set(model.versions)


def test_a_table_says_which_versions_were_read() -> None:
    said = TOPICS["ap-creation"].read_or_not(["rfc-v8", "6.11", "7.2.8", "7.3"])
    assert said == (
        "Linux source read: 7.2.8.",
        "Not read, but followed by their commits: 6.11.",
        "Not read: rfc-v8, the patch as posted; 7.3, 7.3.4 was.",
    )
