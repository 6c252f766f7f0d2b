"""vmlitmus audit collect: save what the audit reads."""

from __future__ import annotations

import time
from pathlib import Path

import click

from vmlitmus.cli.output.destination import Writing, write_whole
from vmlitmus.errors import UsageError

_ENDS = (".tar", ".tar.gz", ".tgz", ".tar.zst", ".tzst")


@click.command("collect", cls=Writing)
@click.option("-o", "--output", metavar="FILE.tar.zst", required=True, help="Where to save it.")
@click.option(
    "--anonymise",
    is_flag=True,
    help="Without names, UUIDs, addresses and command lines; names become numbers.",
)
@click.option(
    "--root", metavar="DIR|FILE", default="/", help="A saved tree, instead of this machine."
)
def command(output: str, anonymise: bool, root: str) -> int:
    """Save exactly the facts that the audit reads, so that others can audit this host.

    vmlitmus audit host --root FILE.tar.zst takes the archive. It names what could not be read.
    """
    if not output.endswith(_ENDS):
        raise UsageError(f"-o {output}: the name has to end in one of {', '.join(_ENDS)}")
    if not Path(output).parent.is_dir():
        raise UsageError(f"-o {output}: there is no folder {Path(output).parent}")
    from vmlitmus.audit.collect import collect
    from vmlitmus.host.saved.archive import archived, open_tree

    files = collect(open_tree(root), anonymise=anonymise)
    data = archived(output, files, int(time.time()))
    try:
        write_whole(data, output)
    except OSError as error:
        raise UsageError(f"-o {output}: {error.strerror or error}") from None
    click.echo(f"{output}: {len(files)} files, {len(data) // 1024 + 1} KiB")
    return 0
