"""Write a result to a file: whole or not at all, with the file's mode, behind its link."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import click
from click.core import ParameterSource

from vmlitmus.errors import UsageError

UNWRITTEN = "vmlitmus.unwritten"  # in a context: a page could not be written
_TEXT = {"mode": "w", "encoding": "utf-8", "errors": "backslashreplace"}


class Writing(click.Command):
    """A command with options that name a file to write; none may be a file that it reads."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        rest = super().parse_args(ctx, args)
        targets = {
            n: ctx.params[n] for n in ("output", "html", "perfetto", "plot") if ctx.params.get(n)
        }
        for name, target in targets.items():
            for text in _texts(v for n, v in ctx.params.items() if n not in targets):
                if _same(text, target):
                    option = {"output": "-o"}.get(name, f"--{name}")
                    raise UsageError(f"{option} {target}: the command reads this file")
        _refuse_two_forms(ctx)
        _refuse_nothing(ctx)
        if len({os.path.realpath(t) for t in targets.values()}) < len(targets):
            raise UsageError(f"{' and '.join(targets)} name the same file")
        return rest

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; the exit code is 2 where its page could not be written."""
        code = super().invoke(ctx)
        return 2 if ctx.meta.get(UNWRITTEN) else code


def _refuse_two_forms(ctx: click.Context) -> None:
    """Refuse --json beside the name of another format: only one of them can be printed."""
    layout = ctx.params.get("layout")
    named = ctx.get_parameter_source("layout") is ParameterSource.COMMANDLINE
    if ctx.params.get("as_object") and named and layout != "json":
        raise click.UsageError(f"--json and --format {layout} exclude each other", ctx)


def _refuse_nothing(ctx: click.Context) -> None:
    """Refuse an empty value, as of a shell variable that is not set: it would mean another thing.

    ``audit kernel --release ""`` would answer for this machine.
    """
    for param in ctx.command.params:
        given = ctx.get_parameter_source(param.name or "") is ParameterSource.COMMANDLINE
        if given and "" in _texts(iter((ctx.params.get(param.name or ""),))):
            name = param.opts[0] if isinstance(param, click.Option) else "a word"
            raise click.UsageError(f"{name} is empty", ctx)


def _texts(values: Iterator[object]) -> Iterator[str]:
    for value in values:
        if isinstance(value, str):
            yield value
        elif isinstance(value, (tuple, list)):
            yield from _texts(iter(value))


def _same(text: str, target: str) -> bool:
    """Say whether a word of the command line names the file, as a path or as a cell of it."""
    for path in (text, text.partition("[")[0], text.removeprefix("@")):
        with suppress(OSError, ValueError):
            if stat.S_ISREG(os.stat(target).st_mode) and os.path.samefile(path, target):
                return True
    return False


def write_whole(data: str | bytes, path: str) -> None:
    """Write a text or bytes to a file; raises OSError, and leaves a regular file as it was then."""
    with whole(path, binary=isinstance(data, bytes)) as file:
        file.write(data)


@contextmanager
def whole(path: str, *, binary: bool = False) -> Iterator[IO[Any]]:
    """Yield a file to write: it is at its place when all is written, or nothing has changed there.

    A new file gets the mode that the umask says; one that exists keeps its mode, and a link stays
    a link. Devices, pipes and what /dev and /proc name are written straight. Raises OSError.
    """
    import tempfile

    form: dict[str, Any] = {"mode": "wb"} if binary else _TEXT
    target = Path(path)
    if _is_straight(target):
        with target.open(**form) as file:
            yield file
        return
    target = Path(os.path.realpath(target))
    before = target.stat() if target.exists() else None
    if before is not None and not os.access(target, os.W_OK):
        raise PermissionError(13, "Permission denied", path)
    handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name[:200]}.")
    try:
        with os.fdopen(handle, **form) as file:
            yield file
        Path(temporary).chmod(stat.S_IMODE(before.st_mode) if before else 0o666 & ~_umask())
        if before is not None:
            with suppress(OSError):
                os.chown(temporary, before.st_uid, before.st_gid)
        Path(temporary).replace(target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _is_straight(target: Path) -> bool:
    if target.exists() and not target.is_file():
        return True
    whole = os.path.normpath(Path.cwd() / target)
    first = os.readlink(whole) if Path(whole).is_symlink() else ""
    return whole.startswith(("/dev/", "/proc/")) or first.startswith("/proc/")


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
