"""vmlitmus audit: hosts, kernels and recorded runs, judged by the claims of the models."""

from __future__ import annotations

import importlib

import click

from vmlitmus.errors import nearest

_SHORT = {
    "host": "which isolation claims are true on this machine, and what would end them",
    "collect": "save the facts that the audit reads, to audit somebody else's host",
    "kernel": "which fixes a kernel has, lacks, or cannot be told to have",
    "trace": "who ran beside whom in a recorded run, and which claims are true of it",
}


class _Audits(click.Group):
    """Loads a command's module only when the command is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_SHORT)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in _SHORT:
            return None
        module = importlib.import_module(f"vmlitmus.cli.audit_{name}")
        command: click.Command = module.command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in _SHORT:
            guess = nearest(args[0], _SHORT)
            hint = f"; did you mean {guess!r}?" if guess else ""
            ctx.fail(f"no audit {args[0]!r}{hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(_SHORT.items()))


@click.command("audit", cls=_Audits)
def command() -> None:
    """Judge real machines by the claims of the models. Nothing is changed, nothing is executed.

    \b
    vmlitmus audit host                      this machine and every VM on it
    vmlitmus audit host --root saved.tar.zst a machine that was saved elsewhere
    vmlitmus audit kernel --release 6.12.107
    vmlitmus audit trace trace.dat --core 0-1 --core 2-3 --vcpus vcpus.tsv
    """
