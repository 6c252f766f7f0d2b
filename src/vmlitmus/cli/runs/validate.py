"""vmlitmus validate: is there a run of a model that explains what a real kernel did?"""

from __future__ import annotations

import click

from vmlitmus.cli.options import output_option, write_out
from vmlitmus.cli.output.destination import Writing
from vmlitmus.cli.recording import recording_options
from vmlitmus.cli.shell.test_names import complete_topics
from vmlitmus.errors import UsageError

EPILOG = "Exit codes: 0 explained, 1 not, 3 cannot tell, 2 wrong usage or nothing that can be read."


@click.command("validate", cls=Writing, epilog=EPILOG)
@click.argument("file")
@click.option(
    "--topic",
    required=True,
    metavar="TOPIC",
    help="The topic whose model is searched, such as smt-protection.",
    shell_complete=complete_topics,
)
@recording_options
@click.option(
    "--set",
    "settings",
    metavar="TABLE.KEY=VALUE",
    multiple=True,
    help="A setting of the model, such as host.mechanism=none.",
)
@click.option("--buffer", metavar="NAME", help="One of several buffers of a trace.dat file.")
@click.option("--all", "everything", is_flag=True, help="Show every event that is not explained.")
@click.option("--json", "as_json", is_flag=True, help="Print vmlitmus/validation/1.")
@output_option
def command(
    file: str,
    topic: str,
    vcpus: str | None,
    cores: tuple[str, ...],
    host: str | None,
    settings: tuple[str, ...],
    buffer: str | None,
    everything: bool,
    as_json: bool,
    output: str | None,
) -> int:
    """Search the runs of a topic's model for one that does what a recorded kernel did.

    If there is none, the report goes through the events that no run explains. For each it names
    the steps that might have caused it, and the guard or the field that rules each of them out.
    """
    from vmlitmus.audit.trace.roster import refuse_foreign_cores
    from vmlitmus.audit.who import find_out
    from vmlitmus.report.audit.validation import as_json as in_json
    from vmlitmus.report.audit.validation import terminal
    from vmlitmus.trace.recording import open_recording
    from vmlitmus.validation.mapping import read_mapping
    from vmlitmus.validation.question import Question
    from vmlitmus.validation.validate import validate

    mapping = read_mapping(topic)
    known = find_out(vcpus, cores, host, trust=True)  # the kernel's own view is what it acts on
    recording = open_recording(file, buffer)
    question = Question(mapping, _settings(settings), known.cores)
    found = validate(recording, known.roster, question)
    refuse_foreign_cores(cores, recording)
    write_out(in_json(found) if as_json else terminal(found, everything=everything), output)
    return found.code


def _settings(words: tuple[str, ...]) -> dict[str, dict[str, object]]:
    """Return settings by table and key; "true", "false" and numbers are what they say."""
    found: dict[str, dict[str, object]] = {}
    for word in words:
        name, equals, value = word.partition("=")
        table, dot, key = name.partition(".")
        if not (equals and dot and table and key and value):
            raise UsageError(f"--set {word!r}: not TABLE.KEY=VALUE, such as host.mechanism=none")
        given: object = {"true": True, "false": False}.get(value, value)
        if value.isdecimal() and len(value) < 10:
            given = int(value)
        found.setdefault(table, {})[key] = given
    return found
