"""vmlitmus export: a test as text for another model checker."""

from __future__ import annotations

import textwrap

import click

from vmlitmus.cli.options import model_option, one_cell, output_option, user_catalogue, write_out
from vmlitmus.cli.output.destination import Writing
from vmlitmus.cli.shell.test_names import complete_tests
from vmlitmus.decide import Job
from vmlitmus.decide.own_code import apart, own_code
from vmlitmus.litmus.user_model.load import SECONDS
from vmlitmus.scenario import Cell, Test


@click.command("export", cls=Writing)
@click.argument("test", shell_complete=complete_tests)
@click.option(
    "--to",
    "language",
    type=click.Choice(["promela", "murphi"]),
    required=True,
    help="promela is read by SPIN, murphi by Rumur.",
)
@model_option
@output_option
def command(test: str, language: str, model: str | None, output: str | None) -> int:
    """Write a test for another model checker, so that it can decide it too.

    The text has the same states and steps as the test, with the names of the model's fields, and
    looks for the claim's condition: the other checker reports an error exactly if it can be
    reached. The first lines say how to run it. Only 'never' and 'possible' can be exported: the
    other claims need our fairness.

    \b
    vmlitmus export bsp-only-create-window --to promela -o window.pml
    """
    catalogue = user_catalogue(model)
    found, cell = one_cell(catalogue, test)
    job = Job(catalogue, model)
    write_out(apart(model, cell.name, lambda: _exported(job, found, cell, language)), output)
    return 0


def _exported(job: Job, test: Test, cell: Cell, language: str) -> str:
    from vmlitmus.export import exported

    machine = job.machine(test, cell)
    with own_code(job.model, cell.name, SECONDS):
        return exported(machine, cell.claim, _title(test, cell), language).rstrip("\n")


def _title(test: Test, cell: Cell) -> list[str]:
    """Return what the text says of itself: the test, its question, and what an error means."""
    question = textwrap.wrap(" ".join(test.question.split()), 75)
    means = "the claim is violated" if cell.claim.kind == "never" else "the claim holds"
    return [cell.name, *question, "", f"Claim: {cell.claim}. Where an error is found, {means}."]
