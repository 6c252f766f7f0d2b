"""vmlitmus list: what there is to ask, and what it is made of."""

from __future__ import annotations

import json
import sys
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import replace

import click

from vmlitmus.cli.catalogue.inventory import (
    OF_A_MODEL,
    Item,
    cell_items,
    in_groups,
    items_of_tests,
    key_items,
    point_items,
    schema_items,
    thread_items,
    timing_items,
)
from vmlitmus.cli.options import model_option, user_catalogue
from vmlitmus.cli.output.pager import show
from vmlitmus.cli.output.screen import width
from vmlitmus.cli.shell.test_names import complete_listed
from vmlitmus.decide.own_code import in_own_world
from vmlitmus.errors import UsageError, nearest
from vmlitmus.litmus import Catalogue
from vmlitmus.litmus.threads import discussions, find

WHAT = ("tests", "cells", "threads", "keys", "schemas", "timings", *OF_A_MODEL)


@click.command("list")
@click.argument("what", type=click.Choice(sorted(WHAT)), default="tests", metavar="[WHAT]")
@click.argument("words", nargs=-1, metavar="[TOPIC] [WORD]...", shell_complete=complete_listed)
@click.option(
    "--files",
    is_flag=True,
    help="With tests: also where each test's file is. With steps: their modules, and the labels as "
    "they are written there.",
)
@click.option("--json", "as_object", is_flag=True, help="Print one JSON object, vmlitmus/list/1.")
@model_option
def command(
    what: str, words: tuple[str, ...], files: bool, as_object: bool, model: str | None
) -> int:
    """List tests (with their questions), or what a litmus file of a topic may name.

    A TOPIC restricts the list; its tests come in groups, by question, in the order in which to read
    them. Only what mentions every WORD is listed: a test is searched with its question, reason,
    source, claim and settings, so that a kernel function or a commit finds the tests about it.

    WHAT is tests (the default), topics, claims, disturbances, mechanisms, parts, settings,
    assumptions, fairness, keys, schemas or timings. 'list cells TEST' lists the cells of a matrix,
    'list steps TOPIC' the steps of the models with their sources, 'list threads [THREAD]' what was
    asked and claimed in the mail threads behind the tests, with answers.
    """
    catalogue = user_catalogue(model)
    topic = words[0] if words and words[0] in catalogue.models else None
    if what == "cells":
        found, rest = _cells(catalogue, words), words[len(words) :]
    elif what == "threads" and words:
        found, rest = _points(words)
    else:
        found, rest = _items(catalogue, what, topic, model), words[1:] if topic else words
    shown = [item for item in found if item.mentions(rest)]
    if rest and not shown:
        raise UsageError(_nothing(catalogue, what, rest))
    if as_object:
        entries = [item.entry for item in shown]
        show(json.dumps({"schema": "vmlitmus/list/1", "what": what, "items": entries}, indent=1))
    else:
        in_order = in_groups(topic, shown) if what == "tests" and topic else [(None, shown)]
        show("\n".join(_lines(in_order, files=files and what in ("tests", "steps"))))
    return 0


def _lines(grouped: Sequence[tuple[str | None, list[Item]]], *, files: bool) -> Iterator[str]:
    """Yield the lines of items, those of a group below its heading."""
    for number, (heading, items) in enumerate(grouped):
        if number:
            yield ""
        if heading is not None:
            head = _wrapped(heading)
            yield f"{head}\n{'-' * max(map(len, head.splitlines()))}"
        for item in items:
            yield _wrapped(item.text)
            if files:
                written = map(json.dumps, item.entry.get("labels in code", ()))
                where = item.entry.get("file") or item.entry.get("code")
                yield from (f"    {line}" for line in (where, *written) if line)


def _cells(catalogue: Catalogue, words: tuple[str, ...]) -> list[Item]:
    if not words:
        raise UsageError("list cells: name a topic, a test or a path")
    selected = catalogue.select(words, wide=True)
    return cell_items([replace(test, cells=cells) for test, cells in selected])


def _points(words: tuple[str, ...]) -> tuple[list[Item], tuple[str, ...]]:
    """Return the points of the thread that the first word names, else of all; and what is left."""
    one = find(words[0])
    return point_items([one] if one else discussions()), words[1:] if one else words


def _items(
    catalogue: Catalogue, what: str, topic: str | None, own: str | None = None
) -> list[Item]:
    """Return what there is of a topic, or of all; ``own`` is the file of a user's model."""
    if what == "tests":
        return items_of_tests(catalogue.tests(topic))
    if what == "timings":
        topics = [topic] if topic else catalogue.topics()
        return [item for name in topics for item in timing_items(name)]
    if what in ("threads", "keys", "schemas"):
        return {"threads": thread_items, "keys": key_items, "schemas": schema_items}[what]()
    models = [topic] if topic else list(catalogue.models)

    def read() -> list[Item]:
        return [
            Item(item.text, {"topic": name, **item.entry}, item.more)
            for name in models
            for item in OF_A_MODEL[what](catalogue.models[name])
        ]

    return in_own_world(own, f"list {what}", read)


def _nothing(catalogue: Catalogue, what: str, words: tuple[str, ...]) -> str:
    """Say that nothing was found, and what the first word may have meant."""
    text = " and ".join(repr(word) for word in words)
    guess = nearest(words[0], [*catalogue.models, *(path.stem for path in catalogue.files())])
    hint = f"; did you mean {guess!r}?" if guess else ""
    if what == "tests":
        steps = [i for i in _items(catalogue, "steps", None) if i.mentions(words)]
        if steps:
            number = f"{len(steps)} step{'s' * (len(steps) != 1)}"
            hint = f"; {number} of the models: vmlitmus list steps {' '.join(words)}"
    return f"none of the {what} mentions {text}{hint}"


def _wrapped(text: str) -> str:
    """Return lines cut to the terminal's width; in a pipe each stays one line."""
    if not sys.stdout.isatty():
        return text
    lines = []
    for line in text.split("\n"):
        indent = line[: len(line) - len(line.lstrip())]
        lines += textwrap.wrap(
            line,
            width(),
            subsequent_indent=indent + "    ",
            break_on_hyphens=False,
            break_long_words=False,
        ) or [""]
    return "\n".join(lines)
