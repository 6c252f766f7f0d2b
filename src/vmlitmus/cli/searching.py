"""The options of the commands that search: alike states, engine and limits, disk, cluster."""

from __future__ import annotations

from collections.abc import Callable

from vmlitmus.cli.cluster import searches_on_cluster
from vmlitmus.cli.disk import disk_options
from vmlitmus.cli.options import engine_options, symmetry_option


def search_options(command: Callable[..., int]) -> Callable[..., int]:
    """--symmetry as ``symmetry``; the engine, its limits, disk and cluster as ``deciding``."""
    return symmetry_option(engine_options(disk_options(searches_on_cluster(command))))
