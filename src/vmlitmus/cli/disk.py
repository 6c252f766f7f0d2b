"""Options of the commands that search, for searches that are larger than the memory."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from pathlib import Path
from typing import Any

import click

from vmlitmus.cli.options import Deciding
from vmlitmus.engine.limits import Checkpoints
from vmlitmus.errors import UsageError


def _writable(_: click.Context, option: click.Parameter, path: str | None) -> str | None:
    """Refuse a folder in which no file can be made before anything is searched."""
    if path is None:
        return None
    name = option.opts[0]
    if not os.path.exists(path):
        raise UsageError(f"{name} {path}: there is no such folder")
    if not os.path.isdir(path):
        raise UsageError(f"{name} {path}: not a folder")
    from vmlitmus.engine.native.storage.log_file import unnamed

    try:
        os.close(unnamed(path))
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise UsageError(f"{name} {path}: no file can be made there: {reason}") from None
    return path


_spill_option = click.option(
    "--spill",
    metavar="DIR",
    callback=_writable,
    help="Keep the states that are found in a file there, not in memory: 10^8 states take "
    "0.7 GB of memory and 0.8 GB of disk. The file is deleted when the search ends, however it "
    "ends.",
)


def disk_options(command: Callable[..., int]) -> Callable[..., int]:
    """--spill, --checkpoint, --resume: the command gets them with the limits of ``deciding``."""

    @wraps(command)
    def called(
        *,
        deciding: Deciding,
        spill: str | None,
        checkpoint: str | None,
        resume: bool,
        **others: Any,
    ) -> int:
        if resume and checkpoint is None:
            raise UsageError("--resume: say with --checkpoint DIR from where")
        if resume and not any(Path(checkpoint or "").glob("*/manifest.json")):
            raise UsageError(f"--resume: {checkpoint} has no checkpoint")
        for option, given in (("--spill", spill), ("--checkpoint", checkpoint)):
            if given is not None:
                _compiled(deciding, option)
        kept = Checkpoints(checkpoint, resume) if checkpoint is not None else None
        limits = replace(deciding.limits, spill=spill, checkpoints=kept)
        return command(deciding=replace(deciding, limits=limits), **others)

    for option in (
        click.option(
            "--resume",
            is_flag=True,
            help="Go on from the checkpoints in the folder of --checkpoint.",
        ),
        click.option(
            "--checkpoint",
            metavar="DIR",
            callback=_writable,
            help="Write checkpoints there, one for each level of a search, so that a search that "
            "was killed can go on with --resume. They are deleted once there is an answer.",
        ),
        _spill_option,
    ):
        called = option(called)
    return called


def _compiled(deciding: Deciding, option: str) -> None:
    if deciding.engine == "reference":
        raise UsageError(
            f"{option}: the reference engine keeps all in memory; use --engine compiled"
        )
