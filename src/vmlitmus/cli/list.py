"""vmlitmus list: what there is to ask, and what it is made of."""

from __future__ import annotations

from collections.abc import Callable

import click

from vmlitmus.lang import Model, scanned
from vmlitmus.litmus import Catalogue, load_model


@click.command("list")
@click.argument(
    "what",
    type=click.Choice(
        [
            "topics",
            "tests",
            "mechanisms",
            "claims",
            "parts",
            "assumptions",
            "disturbances",
            "fairness",
        ]
    ),
    default="tests",
)
@click.argument("topic", required=False)
@click.option("--model", metavar="FILE", help="A Python file with a model of your own.")
def command(what: str, topic: str | None, model: str | None) -> int:
    """List tests (with their questions), or what a litmus file of a topic may name."""
    catalogue = Catalogue(load_model(model) if model else None)
    if topic is not None:
        catalogue.model_of(topic)
    if what == "tests":
        for test in catalogue.tests(topic):
            click.echo(f"{test.name}{' (wide)' if test.wide else ''}\n    {test.question}")
        return 0
    for name in [topic] if topic else list(catalogue.models):
        if what == "topics":
            click.echo(f"{name}: {catalogue.models[name].doc}")
            continue
        for line in _LISTS[what](catalogue.models[name]):
            click.echo(line)
    return 0


def _mechanisms(model: Model) -> list[str]:
    lines = []
    for table, settings in model.settings.items():
        for key, setting in settings.items():
            if setting.hooks is not None:
                for name, kind in model.hooks[setting.hooks].items():
                    lines.append(f"{table}.{key} = {name}: {_first_line(kind.__doc__)}")
            elif setting.release:
                for name, fixes in model.versions.items():
                    inside = ", ".join(fix.part for fix in fixes) or "no fix"
                    lines.append(f"{table}.{key} = {name}: {inside}")
    return lines + [f"fix {fix}" for fix in model.fixes]


def _first_line(text: str | None) -> str:
    return (text or "").strip().split("\n")[0]


def _claims(model: Model) -> list[str]:
    return [f"{c.name}: {c.text}" for c in model.conditions]


def _parts(model: Model) -> list[str]:
    found: dict[str, None] = {}
    for settings in model.alternatives():
        found.update(dict.fromkeys(scanned(model, settings, allow=model.disturbances).parts))
    return list(found)


def _assumptions(model: Model) -> list[str]:
    return [f"{a.name} = {str(a.default).lower()}: {a.text}" for a in model.assumptions]


def _disturbances(model: Model) -> list[str]:
    return list(model.disturbances)


def _fairness(model: Model) -> list[str]:
    return [f"{step.name}: {step.fair}" for step in model.steps if step.fair is not None]


_LISTS: dict[str, Callable[[Model], list[str]]] = {
    "mechanisms": _mechanisms,
    "claims": _claims,
    "parts": _parts,
    "assumptions": _assumptions,
    "disturbances": _disturbances,
    "fairness": _fairness,
}
