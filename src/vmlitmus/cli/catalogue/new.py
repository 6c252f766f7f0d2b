"""vmlitmus new: write the scaffold of a mechanism, a test, a claim or a topic."""

from __future__ import annotations

import re
from pathlib import Path

import click

from vmlitmus.cli.output.destination import write_whole
from vmlitmus.cli.shell.test_names import complete_topics
from vmlitmus.errors import UsageError

_NAME = re.compile(r"[a-z][a-z0-9-]{0,60}")


@click.command("new")
@click.argument("kind", type=click.Choice(["mechanism", "test", "claim", "topic"]))
@click.argument("name")
@click.option(
    "--topic",
    metavar="TOPIC",
    default="cache-flush",
    show_default=True,
    help="The topic it belongs to.",
    shell_complete=complete_topics,
)
@click.option(
    "--setting",
    metavar="TABLE.KEY",
    help="The setting that gets the mechanism as a value, such as kvm.kick; by default the "
    "topic's main one.",
)
@click.option(
    "-o",
    "--output",
    default=".",
    metavar="DIR",
    help="The folder to write to; by default the current one.",
)
def command(kind: str, name: str, topic: str, setting: str | None, output: str) -> int:
    """Write files that run as they are, for you to change.

    A mechanism, a claim or a topic becomes a Python file for --model, with a litmus file that uses
    it; a test becomes a litmus file. Nothing that exists is overwritten.

    A test that is to be part of the catalogue goes to src/vmlitmus/catalogue/TOPIC, and its name
    to groups.txt there, below the question it helps to answer.

    \b
    vmlitmus new mechanism my-policy
    vmlitmus new mechanism my-kick --topic ap-creation --setting kvm.kick
    vmlitmus new claim never-late --topic smt-protection
    """
    from vmlitmus.cli.catalogue import scaffold

    if not _NAME.fullmatch(name):
        raise UsageError(f"{name!r}: a name has small letters, digits and '-', such as my-policy")
    if setting is not None and kind != "mechanism":
        raise UsageError("--setting is for a mechanism")
    folder = Path(output)
    if not folder.is_dir():
        raise UsageError(f"-o {output}: not a folder")
    if kind == "mechanism":
        texts = scaffold.mechanism_files(topic, name, setting)
    elif kind == "claim":
        texts = scaffold.claim_files(topic, name)
    elif kind == "topic":
        texts = scaffold.topic_files(name)
    else:
        texts = scaffold.test_file(topic, name)
    _write(folder, texts)
    model = next((file for file in texts if file.endswith(".py")), None)
    option = f" --model {folder / model}" if model else ""
    click.echo(f"try: vmlitmus check {folder / f'{name}.toml'}{option}")
    return 0


def _write(folder: Path, texts: dict[str, str]) -> None:
    for file in texts:
        if (folder / file).exists():
            raise UsageError(f"{folder / file} exists; nothing was written")
    written: list[Path] = []
    try:
        for file, text in texts.items():
            write_whole(text, str(folder / file))
            written.append(folder / file)
    except OSError as error:
        for path in written:
            path.unlink(missing_ok=True)
        reason = error.strerror or error
        raise UsageError(f"{folder / file}: {reason}; nothing was written") from None
    for path in written:
        click.echo(f"wrote {path}")
