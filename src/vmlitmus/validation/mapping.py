"""Mappings: which step of a model a recorded event may stand for. Data, a file for each topic."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any

from vmlitmus.errors import UsageError, unknown


@dataclass(frozen=True)
class Observed:
    """An event: where it comes from, and the steps that it may stand for."""

    tracepoint: str
    steps: frozenset[str]


@dataclass(frozen=True)
class TraceMapping:
    """A mapping. ``abstractions`` are sentences by name: what the model does not tell apart."""

    topic: str
    question: str
    allow: tuple[str, ...]
    leave_out: tuple[str, ...]
    settings: Mapping[str, Mapping[str, Any]]
    assume: Mapping[str, bool | str]
    events: Mapping[str, Observed]
    abstractions: Mapping[str, str]


def topics() -> tuple[str, ...]:
    """Return the topics that have a mapping."""
    folder = resources.files("vmlitmus.validation") / "mappings"
    return tuple(sorted(f.name.removesuffix(".toml") for f in folder.iterdir()))


def read_mapping(topic: str) -> TraceMapping:
    """Return the mapping of a topic; raises UsageError for one that has none."""
    if topic not in topics():
        raise UsageError(unknown("topic with a mapping", topic, topics()))
    file = resources.files("vmlitmus.validation") / "mappings" / f"{topic}.toml"
    text = tomllib.loads(file.read_text("utf-8"))
    return TraceMapping(
        topic=text["topic"],
        question=text["question"],
        allow=tuple(text["allow"]),
        leave_out=tuple(text["leave_out"]),
        settings=text["settings"],
        assume=text["assume"],
        events={
            n: Observed(e["tracepoint"], frozenset(e["steps"])) for n, e in text["event"].items()
        },
        abstractions=text["abstractions"],
    )
