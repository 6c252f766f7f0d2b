"""vmlitmus audit trace: who ran beside whom in a recorded run, and which claims are true of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO, cast

import click

from vmlitmus.cli.options import destination, html_option, output_option, write_html, write_out
from vmlitmus.cli.output.destination import Writing, whole
from vmlitmus.cli.recording import recording_options
from vmlitmus.errors import UsageError

if TYPE_CHECKING:
    from vmlitmus.audit.trace.interval import Sink
    from vmlitmus.outcome.recorded_run import RunAudit

EPILOG = (
    "Exit codes: 0 all asked claims true of the run, 1 some false, 3 some cannot be decided, 2 "
    "wrong usage or nothing that can be read."
)


@click.command("trace", cls=Writing, epilog=EPILOG)
@click.argument("file")
@recording_options
@click.option(
    "--trust-topology", is_flag=True, help="Believe the sibling lists of a host that is a guest."
)
@click.option("--claim", "claims", metavar="NAME", multiple=True, help="Judge these claims only.")
@click.option(
    "--clock", metavar="NAME", default="", help="The trace clock, if the text does not name it."
)
@click.option(
    "--guest-threads",
    metavar="N",
    type=click.IntRange(1, 64),
    help="How many consecutive vcpus share a core in the guest.",
)
@click.option(
    "--ipi-window",
    metavar="US",
    type=click.IntRange(0, 10**9),
    default=1000,
    show_default=True,
    help="How long a reschedule IPI may take.",
)
@click.option(
    "--stats",
    metavar="FILE",
    help="Counts of lost events: per_cpu/cpuN/stats of all cpus, each below a line cpuN.",
)
@click.option("--buffer", metavar="NAME", help="One of several buffers of a trace.dat file.")
@click.option("--all", "everything", is_flag=True, help="Show every pair and every core.")
@click.option("--json", "as_json", is_flag=True, help="Print vmlitmus/audit/1.")
@click.option(
    "--perfetto",
    metavar="FILE",
    callback=destination,
    help="Also write the run for Perfetto's viewer.",
)
@html_option
@output_option
def command(
    file: str,
    vcpus: str | None,
    cores: tuple[str, ...],
    host: str | None,
    trust_topology: bool,
    claims: tuple[str, ...],
    clock: str,
    guest_threads: int | None,
    ipi_window: int,
    stats: str | None,
    buffer: str | None,
    everything: bool,
    as_json: bool,
    perfetto: str | None,
    html: str | None,
    output: str | None,
) -> int:
    """Judge a recorded run (trace.dat, ftrace text, perf script; - is standard input).

    Says which vcpus and tasks ran beside which on one core, for how long at most, and with which
    events; what was not recorded is answered "cannot tell".
    """
    from vmlitmus.audit.trace.identity import last_own_cookies
    from vmlitmus.audit.trace.recorded import RunQuestion, audit_recording
    from vmlitmus.audit.trace.roster import refuse_foreign_cores
    from vmlitmus.audit.who import find_out
    from vmlitmus.cli.audit.host import content
    from vmlitmus.trace.recording import named_overruns, open_recording

    RunQuestion(claims).check()
    known = find_out(vcpus, cores, host, trust=trust_topology)
    question = RunQuestion(claims, clock, guest_threads, 1000 * ipi_window, known.doubt)
    roster, found_cores = known.roster, known.cores
    recording = open_recording(file, buffer)
    settled = None if file == "-" else last_own_cookies(open_recording(file, buffer))
    if stats is not None:
        recording.overruns |= named_overruns(content(stats).decode("utf-8", "replace"), stats)

    def judged(sink: Sink | None) -> RunAudit:
        found = audit_recording(recording, roster, found_cores, question, sink, settled)
        refuse_foreign_cores(cores, recording)
        return found

    if perfetto is None:
        audit = judged(None)
    else:
        from vmlitmus.report.audit.trace_perfetto import PerfettoWriter

        named = {tid: (m.vm, m.vcpu or 0) for tid, m in roster.vcpus.items()}
        with _written(perfetto) as stream:
            writer = PerfettoWriter(stream, found_cores, named, recording.name)
            audit = judged(writer)
            writer.finish(audit)
    if html:
        from vmlitmus.report.audit.trace_html import page

        write_html(page(audit), html)
    if as_json:
        from vmlitmus.report.audit.trace_json import as_json as in_json

        write_out(in_json(audit), output)
    else:
        from vmlitmus.report.audit.trace import terminal

        write_out(terminal(audit, everything=everything), output)
    return audit.code


@contextmanager
def _written(path: str) -> Iterator[TextIO]:
    """Give the file of --perfetto to write to; raises UsageError where that cannot be."""
    try:
        with whole(path) as written:
            yield cast(TextIO, written)
    except OSError as error:
        raise UsageError(f"--perfetto {path}: {error.strerror or error}") from None
