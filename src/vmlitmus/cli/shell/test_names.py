"""What a shell completes where a name is asked for: topics, tests and conditions.

Topics and tests are found without reading a test; conditions need the model of the test's topic.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from vmlitmus.errors import VmlitmusError

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from vmlitmus.lang import Model

_ROOT = Path(__file__).parents[2] / "catalogue"


def _beginning(incomplete: str, names: Iterable[str]) -> list[CompletionItem]:
    from click.shell_completion import CompletionItem

    return [CompletionItem(name) for name in names if name.startswith(incomplete)]


def _topics() -> list[str]:
    return sorted(path.name for path in _ROOT.iterdir() if any(path.glob("*.toml")))


def complete_topics(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Return topics that begin with what was typed."""
    return _beginning(incomplete, _topics())


def complete_tests(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Return topics and tests that begin with what was typed; for a path, the shell's own files."""
    from click.shell_completion import CompletionItem

    if "/" in incomplete or incomplete.startswith("."):
        return [CompletionItem(incomplete, type="file")]
    tests = [path.stem for topic in _topics() for path in sorted((_ROOT / topic).glob("*.toml"))]
    return _beginning(incomplete, [*_topics(), *tests])


def complete_listed(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Return what ``list`` takes behind the kind of things: a topic, of cells also a test."""
    tests = "cells" in (*context.args, context.params.get("what"))
    return (complete_tests if tests else complete_topics)(context, parameter, incomplete)


def complete_conditions(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Return conditions of the typed test's model that begin with what was typed."""
    test = context.params.get("test") or next(iter(context.args), "")
    try:
        return _beginning(incomplete, [c.name for c in _model_of(test).conditions])
    except VmlitmusError:
        return []


def _model_of(test: str) -> Model:
    from vmlitmus.litmus import Catalogue

    catalogue = Catalogue()
    return catalogue.model_of(catalogue.select([test], wide=True)[0][0].topic)
