"""vmlitmus audit: hosts, kernels and recorded runs, judged by the claims of the models."""

from __future__ import annotations

import click

from vmlitmus.cli.lazy_group import LazyGroup

_COMMANDS = {
    "host": ("host", "which isolation claims are true on this machine, and what would end them"),
    "collect": ("collect", "save the facts that the audit reads, to audit somebody else's host"),
    "kernel": ("kernel", "which fixes a kernel has, lacks, or may have"),
    "trace": ("trace", "who ran beside whom in a recorded run, and which claims are true of it"),
}


@click.command(
    "audit", cls=LazyGroup, kind="audit", package="vmlitmus.cli.audit", commands=_COMMANDS
)
def command() -> None:
    """Judge real machines by the claims of the models. It only reads.

    \b
    vmlitmus audit host                      this machine and every VM on it
    vmlitmus audit host --root saved.tar.zst a machine that was saved elsewhere
    vmlitmus audit kernel --release 6.12.107
    vmlitmus audit trace trace.dat --core 0-1 --core 2-3 --vcpus vcpus.tsv
    """
