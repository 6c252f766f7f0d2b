"""A group of commands, each with a module of its own that is imported when it is used."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

import click

from vmlitmus.errors import nearest


class LazyGroup(click.Group):
    """Offers the commands of ``short``, in that order, with a line of help each.

    ``place`` and a command's name together name its module; ``kind`` is what a command is called.
    """

    def __init__(self, *args: Any, kind: str, place: str, short: Mapping[str, str], **more: Any):
        super().__init__(*args, **more)
        self.kind = kind
        self.place = place
        self.short = short

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.short)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in self.short:
            return None
        module = importlib.import_module(f"{self.place}{name}")
        command: click.Command = module.command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in self.short:
            guess = nearest(args[0], self.short)
            hint = f"; did you mean {guess!r}?" if guess else ""
            ctx.fail(f"no {self.kind} {args[0]!r}{hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(self.short.items()))
