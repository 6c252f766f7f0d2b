"""vmlitmus man: the manual page, made of the help texts."""

from __future__ import annotations

import re
from collections.abc import Iterator

import click

from vmlitmus import __version__


@click.command("man")
def command() -> int:
    """Print the manual page, in the format that man reads.

    \b
    vmlitmus man > ~/.local/share/man/man1/vmlitmus.1
    """
    context = click.get_current_context().find_root()
    click.echo("\n".join(_page(context)))
    return 0


def _page(context: click.Context) -> Iterator[str]:
    group = context.command
    assert isinstance(group, click.Group)
    yield f'.TH VMLITMUS 1 "" "vmlitmus {__version__}" "User Commands"'
    yield from (".SH NAME", r"vmlitmus \- litmus tests for how KVM on x86 isolates guests")
    yield from (".SH SYNOPSIS", ".B vmlitmus", ".I COMMAND", "[OPTION]... [ARGUMENT]...")
    yield ".SH DESCRIPTION"
    yield from _paragraphs(group.help or "")
    yield ".SH COMMANDS"
    for name in group.list_commands(context):
        found = group.get_command(context, name)
        if found is not None and not found.hidden:
            yield from _command(found, click.Context(found, info_name=name, parent=context))
    yield ".SH EXIT STATUS"
    yield from _paragraphs(group.epilog or "")


def _command(command: click.Command, context: click.Context) -> Iterator[str]:
    pieces = " ".join(command.collect_usage_pieces(context))
    yield f".SS {_text(f'vmlitmus {context.info_name} {pieces}')}"
    yield from _paragraphs(command.help or "")
    for parameter in (p for p in command.get_params(context) if isinstance(p, click.Option)):
        record = parameter.get_help_record(context)
        if record is not None:
            yield from (".TP", f".B {_text(record[0])}", _text(record[1]))
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            if found is not None:
                yield from _command(
                    found, click.Context(found, info_name=f"{context.info_name} {name}")
                )


def _paragraphs(text: str) -> Iterator[str]:
    """Yield the paragraphs of a help text; one that begins with a backspace keeps its lines."""
    for paragraph in re.split(r"\n\s*\n", text.strip()):
        lines = [line.strip() for line in paragraph.splitlines()]
        if lines and lines[0] == "\b":
            yield from (".PP", ".nf", *map(_text, lines[1:]), ".fi")
        else:
            yield from (".PP", _text(" ".join(lines)))


def _text(text: str) -> str:
    """Return a line in which nothing is a request: no backslash, no dot or quote in front."""
    line = text.replace("\\", r"\e").replace("-", r"\-")
    return rf"\&{line}" if line[:1] in (".", "'") else line
