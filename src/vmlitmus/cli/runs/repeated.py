"""Options of the commands that run a test in time again and again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

seed_option = click.option(
    "--seed",
    metavar="N",
    type=click.IntRange(0, 2**63 - 1),
    default=1,
    show_default=True,
    help="The same seed gives the same runs.",
)


def runs_option(text: str, default: int | None = None) -> Callable[..., Any]:
    """Return --runs with its help text; without a default another option says how many."""
    return click.option(
        "--runs",
        metavar="N",
        type=click.IntRange(2, 65536),
        default=default,
        show_default=default is not None,
        help=text,
    )
