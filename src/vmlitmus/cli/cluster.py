"""Options of the commands that can use a Ray cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import wraps
from typing import TYPE_CHECKING, Any

import click

from vmlitmus.cli.options import Deciding
from vmlitmus.errors import UsageError

if TYPE_CHECKING:
    from vmlitmus.decide import Job

cluster_option = click.option(
    "--cluster",
    metavar="ADDRESS|local",
    help="Spread the work over a Ray cluster; local starts one on this machine. Needs "
    "vmlitmus[ray], and the same vmlitmus on all machines.",
)
_shards_option = click.option(
    "--shards",
    type=click.IntRange(2, 4096),
    metavar="N",
    help="Divide each search among N workers of the cluster, if it is too large for one "
    "machine. Only for never and possible.",
)


def cells_on_cluster(command: Callable[..., int]) -> Callable[..., int]:
    """--cluster for cells: the command gets it with ``deciding``."""
    return cluster_option(_passed_on(command))


def searches_on_cluster(command: Callable[..., int]) -> Callable[..., int]:
    """--cluster for cells and --shards for searches: the command gets them with ``deciding``."""
    return cluster_option(_shards_option(_passed_on(command)))


def _passed_on(command: Callable[..., int]) -> Callable[..., int]:
    @wraps(command)
    def called(
        *, deciding: Deciding, cluster: str | None, shards: int | None = None, **others: Any
    ) -> int:
        deciding = replace(deciding, cluster=cluster, shards=shards)
        if cluster is None and shards is not None:
            raise UsageError("--shards: say with --cluster ADDRESS|local where the workers are")
        if cluster is not None:
            refuse_here(_for_this_machine(deciding, others.get("jobs")))
        return command(deciding=deciding, **others)

    return called


def _for_this_machine(deciding: Deciding, jobs: int | None) -> dict[str, object]:
    limits = deciding.limits
    given = {"--model": deciding.model, "--checkpoint": limits.checkpoints, "--jobs": jobs}
    if deciding.shards is None:
        return {**given, "--spill": limits.spill}
    return {**given, "--engine reference": True if deciding.engine == "reference" else None}


def refuse_here(given: dict[str, object]) -> None:
    """Raise UsageError for an option that was given and does not go with --cluster."""
    for option, value in given.items():
        if value is not None:
            raise UsageError(f"--cluster does not go with {option}, which is for this machine")


@contextmanager
def placed(job: Job, deciding: Deciding) -> Iterator[Job]:
    """Give the job as it is to be done: here, or where ``deciding`` says."""
    if deciding.cluster is None:
        yield job
    elif deciding.shards is None:
        yield replace(job, cluster=deciding.cluster)
    else:
        from vmlitmus.decide.cluster import shards_on

        with shards_on(deciding.cluster, deciding.shards) as workers:
            yield replace(job, workers=workers)
