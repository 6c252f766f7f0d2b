"""A group of commands, each with a module of its own that is imported when it is used."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

import click

from vmlitmus.errors import nearest


class LazyGroup(click.Group):
    """Offers ``commands``, in that order: each name with its module and a line of help.

    Modules are named from ``package`` on; ``kind`` is what a command is called in messages.
    """

    def __init__(
        self,
        *args: Any,
        kind: str,
        package: str,
        commands: Mapping[str, tuple[str, str]],
        **more: Any,
    ):
        super().__init__(*args, **more)
        self.kind = kind
        self.modules = {name: f"{package}.{module}" for name, (module, _) in commands.items()}
        self.short = {name: line for name, (_, line) in commands.items()}

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.short)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in self.short:
            return None
        module = importlib.import_module(self.modules[name])
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
