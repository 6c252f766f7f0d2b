"""Mappings: which step of a model a recorded event may stand for. Data, a file for each topic."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from typing import Any

from vmlitmus.errors import UsageError, nearest


@dataclass(frozen=True)
class Observed:
    """An event: where it comes from, and the steps that it may stand for.

    ``read`` is how a row of the recording becomes this event, where the mapping says so itself.
    """

    tracepoint: str
    steps: frozenset[str]
    read: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class TraceMapping:
    """A mapping. ``abstractions`` are sentences by name: what the model does not tell apart.

    ``follows`` says what is followed through the model, "cores" or "vcpus"; ``observed`` are
    fields, and ``begin`` the fields of the states in which a vcpu may be at the beginning, which is
    the event ``begins_at`` ("": any). ``unseen`` says of an event, or of a step, in which situation
    it may happen unseen; vcpus of the numbers ``skip`` are not followed. ``senders``
    stand for the threads that send to a vcpu, the last for all that are no vcpus. ``required`` are
    kinds of events, and their tracepoints, without which nothing can be said.
    """

    topic: str
    question: str
    follows: str
    allow: tuple[str, ...]
    leave_out: tuple[str, ...]
    settings: Mapping[str, Mapping[str, Any]]
    assume: Mapping[str, bool | str]
    events: Mapping[str, Observed]
    abstractions: Mapping[str, str]
    observed: Mapping[str, Any]
    subject: str = ""
    begin: tuple[Mapping[str, str], ...] = ()
    begins_at: str = ""
    unseen: Mapping[str, str] = field(default_factory=dict)
    skip: tuple[int, ...] = ()
    senders: tuple[str, ...] = ()
    required: Mapping[str, str] = field(default_factory=dict)


def topics() -> tuple[str, ...]:
    """Return the topics that have a mapping."""
    folder = resources.files("vmlitmus.validation") / "mappings"
    return tuple(sorted(f.name.removesuffix(".toml") for f in folder.iterdir()))


def read_mapping(topic: str) -> TraceMapping:
    """Return the mapping of a topic; raises UsageError for one that has none."""
    if topic not in topics():
        found = nearest(topic, topics())
        known = f"did you mean {found!r}?" if found else f"only {', '.join(topics())} can"
        raise UsageError(f"{topic!r}: it cannot be compared with a recording; {known}")
    file = resources.files("vmlitmus.validation") / "mappings" / f"{topic}.toml"
    text = tomllib.loads(file.read_text("utf-8"))
    return TraceMapping(
        topic=text["topic"],
        question=text["question"],
        follows=text["follows"],
        allow=tuple(text["allow"]),
        leave_out=tuple(text["leave_out"]),
        settings=text["settings"],
        assume=text.get("assume", {}),
        events={
            name: Observed(e.pop("tracepoint"), frozenset(e.pop("steps")), e)
            for name, e in text["event"].items()
        },
        abstractions=text["abstractions"],
        observed=text["observed"],
        subject=text.get("subject", ""),
        begin=tuple(text.get("begin", ())),
        begins_at=text.get("begins_at", ""),
        unseen=text.get("unseen", {}),
        skip=tuple(text.get("skip", ())),
        senders=tuple(text.get("senders", ())),
        required=text.get("required", {}),
    )
