"""vmlitmus explore: choose the steps of a run on a local web page."""

from __future__ import annotations

import importlib.util
import socket
from urllib.parse import urldefrag

import click

from vmlitmus.cli.options import Deciding, engine_options, one_cell
from vmlitmus.cli.shell.test_names import complete_tests
from vmlitmus.errors import UsageError

_NEEDED = ("starlette", "uvicorn")


@click.command("explore")
@click.argument("test", shell_complete=complete_tests)
@click.option(
    "--port",
    metavar="N",
    type=click.IntRange(0, 65535),
    default=0,
    help="The port; without it, a free one.",
)
@click.option("--link", metavar="LINK", help="Open at the run of a link that was copied before.")
@engine_options
def command(
    test: str,
    port: int,
    link: str | None,
    deciding: Deciding,
) -> int:
    """Explore a test on a local web page: take steps, switch parts, search from any state.

    TEST is a test's name, or one cell of a matrix. Prints the address of the page, on 127.0.0.1
    with a random token; requests without the token are refused. Ctrl-C ends it. Searches end after
    a minute, or at --time-limit.
    """
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise UsageError(f"no {' and '.join(missing)}: pip install 'vmlitmus[explore]'")
    catalogue = deciding.catalogue()
    found, cell = one_cell(catalogue, test)
    from vmlitmus.explore.answers import Answers, limited, opened

    job = limited(deciding.job(catalogue), 60.0)
    opened(job, found, cell)
    answers = Answers(catalogue, found, cell, job)
    _serve(answers, port, urldefrag(link or "").fragment)
    return 0


def _serve(answers: object, port: int, fragment: str) -> None:
    import uvicorn

    from vmlitmus.explore.answers import Answers
    from vmlitmus.explore.server import Server

    assert isinstance(answers, Answers)
    listening = _listening(port)
    number = listening.getsockname()[1]
    server = Server(answers, number)
    address = f"http://127.0.0.1:{number}/?token={server.token}"
    click.echo(address + (f"#{fragment}" if fragment else ""))
    config = uvicorn.Config(server.app, log_level="error", access_log=False, lifespan="off")
    try:
        uvicorn.Server(config).run(sockets=[listening])
    except KeyboardInterrupt:
        return


def _listening(port: int) -> socket.socket:
    """Return a socket that listens on this machine only; raises UsageError for a taken port."""
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind(("127.0.0.1", port))
        made.listen()  # before the address is printed, so that it works at once
    except OSError as error:
        made.close()
        raise UsageError(f"--port {port}: {error.strerror}") from None
    return made
