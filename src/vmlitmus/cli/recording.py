"""Options of the commands that read a recorded run: whose threads are which, and on which cores."""

from __future__ import annotations

from collections.abc import Callable

import click


def recording_options(command: Callable[..., int]) -> Callable[..., int]:
    """--vcpus, --core, --host: the command gets ``vcpus``, ``cores`` and ``host``."""
    for option in (
        click.option(
            "--host",
            metavar="DIR|FILE",
            help="Where to read threads, cookies and cores: the host (/), a saved tree, or what "
            "audit collect wrote.",
        ),
        click.option(
            "--core",
            "cores",
            metavar="LIST",
            multiple=True,
            help="The cpus of a core, such as 0-1 or 0,48; once for each core.",
        ),
        click.option(
            "--vcpus",
            metavar="FILE",
            help="A table of tid, process, vcpu and cookie, separated by tabs.",
        ),
    ):
        command = option(command)
    return command
