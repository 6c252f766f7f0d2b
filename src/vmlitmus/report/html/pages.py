"""The pages: one outcome, many, grids, and what a test needs."""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from vmlitmus.outcome import Ablation, Outcome, Part, Verdict
from vmlitmus.report.ablation.one_test import command, needed, nothing, rests_on, sets, status
from vmlitmus.report.explain import explain
from vmlitmus.report.grids.grid import Grid
from vmlitmus.report.grids.grid_text import Block, blocks, share, shortened, shown_value
from vmlitmus.report.grids.published_claims import said_lines
from vmlitmus.report.html.run import Runs
from vmlitmus.report.summary import row, summary

if TYPE_CHECKING:
    from jinja2 import Environment

STYLES = ("page.css", "timeline.css")
SCRIPTS = ("state.js", "timeline.js", "arrows.js", "inspector.js", "run.js", "page.js")
SIGNS = {"holds": "\u2713", "violated": "\u2717", "inconclusive": "?", "error": "!"}


def explain_page(outcomes: Sequence[Outcome]) -> str:
    """Return the page of one outcome, or of several with a list of them."""
    if len(outcomes) != 1:
        return check_page(outcomes)
    runs = Runs()
    runs.add(outcomes[0])
    plain = explain(outcomes[0], verbose=True)
    return render("explain.html", outcomes[0].name, runs, outcome=outcomes[0], plain=plain)


def check_page(outcomes: Sequence[Outcome], seconds: float | None = None) -> str:
    """Return the page of a check: topics, their tests, and the cells of each."""
    runs = Runs()
    rows = [(o, runs.add(o)) for o in outcomes]
    topics = [
        (topic, [list(cells) for _, cells in itertools.groupby(found, key=_test)])
        for topic, found in itertools.groupby(rows, key=lambda row: row[0].topic)
    ]
    title = "vmlitmus check" if seconds is not None else ", ".join(_names(outcomes))
    total = summary([row(o) for o in outcomes], seconds) if seconds is not None else ""
    return render("check.html", title, runs, topics=topics, total=total)


def _test(row: tuple[Outcome, int]) -> str:
    return row[0].name.partition("[")[0]


def _names(outcomes: Sequence[Outcome]) -> list[str]:
    return list(dict.fromkeys(o.name.partition("[")[0] for o in outcomes))


def table_page(grids: Sequence[Grid]) -> str:
    """Return the page of some grids; each cell opens its run, or what was reached."""
    runs = Runs()
    shown = [_grid(grid, runs) for grid in grids]
    title = grids[0].cells[0].topic if grids and grids[0].cells else "tables"
    return render("table.html", f"{title}: tables", runs, grids=shown)


def _grid(grid: Grid, runs: Runs) -> dict[str, Any]:
    cells = {tuple(o.where.items()): (o, runs.add(o)) for o in grid.cells}
    apart = itertools.product(*(grid.axes[axis] for axis in grid.apart))
    return {
        "title": grid.title,
        "claim": next((o.claim for o in grid.cells), ""),
        "one_claim": len({o.claim for o in grid.cells}) == 1,
        "blocks": [
            _block(grid, block, dict(zip(grid.apart, chosen, strict=True)), cells)
            for block, chosen in zip(blocks(grid), apart, strict=True)
        ],
        "shared": [share(axis, grid.axes[axis]) for axis in shortened(grid)],
        "said": said_lines(grid.said, grid.cells) if grid.said else [],
    }


def _block(
    grid: Grid,
    block: Block,
    apart: Mapping[str, str],
    cells: Mapping[tuple[tuple[str, str], ...], tuple[Outcome, int]],
) -> dict[str, Any]:
    """Return one table: for each axis across the heads with their spans, and rows of cells."""

    def cell(label: tuple[str, ...], column: tuple[str, ...]) -> tuple[Outcome, int] | None:
        where = {**apart, **dict(zip((*block.down, *block.across), (*label, *column), strict=True))}
        return cells.get(tuple((axis, where[axis]) for axis in grid.axes))

    def shown(axis: str, text: str) -> str:
        return shown_value(grid, axis, text, short)

    short = shortened(grid)
    heads = [
        (axis, [(shown(axis, g[0][level]), len(g)) for g in _spans(block.columns, level)])
        for level, axis in enumerate(block.across)
    ]
    rows = [
        (list(map(shown, block.down, label)), [cell(label, column) for column in block.columns])
        for label in block.labels
    ]
    return {"title": block.title, "down": block.down, "heads": heads, "rows": rows}


def _spans(columns: Sequence[tuple[str, ...]], level: int) -> list[list[tuple[str, ...]]]:
    """Return the columns in groups that share a head."""
    groups = itertools.groupby(columns, key=lambda column: column[: level + 1])
    return [list(group) for _, group in groups]


def ablate_page(found: Sequence[Ablation], runs_of: Mapping[tuple[str, str], Outcome]) -> str:
    """Return the page of ablations.

    ``runs_of`` gives, by test and part, what happens without a load-bearing part.
    """
    runs = Runs()
    opened = {key: runs.add(o) for key, o in runs_of.items()}
    shown = [_ablation(a, opened) for a in found]
    title = ", ".join(dict.fromkeys(a.name.partition("[")[0] for a in found))
    return render("ablate.html", f"{title}: what it needs", runs, ablations=shown)


def _ablation(a: Ablation, opened: Mapping[tuple[str, str], int]) -> dict[str, Any]:
    decided = a.result.verdict is Verdict.HOLDS and bool(a.result.parts)
    return {
        "name": a.name,
        "question": a.question,
        "claim": a.claim,
        "verdict": a.result.verdict.value,
        "parts": [_part(a, part, opened) for part in a.result.parts] if decided else [],
        "nothing": nothing(a),
        "sets": " ".join(sets(a)) if decided else "",
        "rests_on": [f"Based on: {a.result.argument}."] * bool(a.result.argument) + rests_on(a),
        "where": a.where,
    }


def _part(a: Ablation, part: Part, opened: Mapping[tuple[str, str], int]) -> dict[str, Any]:
    return {
        "name": part.name,
        "status": part.status.value,
        "text": status(a, part),
        "needed": needed(a, part),
        "run": opened.get((a.name, part.name)),
        "command": command(a, [part.name]),
    }


def render(template: str, title: str, runs: Runs, **given: Any) -> str:
    """Return a whole page: template, styles, scripts and data, under a policy that allows no other.

    The policy names the hashes of the project's own styles and scripts.
    """
    style, script = "\n".join(map(asset, STYLES)), "\n".join(map(asset, SCRIPTS))
    policy = (
        f"default-src 'none'; style-src '{digest(style)}'; script-src '{digest(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    return (
        environment()
        .get_template(template)
        .render(
            title=title,
            policy=policy,
            style=style,
            script=script,
            data=as_script(runs.data()),
            signs=SIGNS,
            **given,
        )
    )


@cache
def environment() -> Environment:
    """Return the templates; every value is escaped unless it is marked as safe."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader("vmlitmus.report.html"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@cache
def asset(name: str) -> str:
    """Return the text of a style or script of the project."""
    return (resources.files("vmlitmus.report.html") / "assets" / name).read_text(encoding="utf-8")


def digest(text: str) -> str:
    """Return the hash of an inline style or script, as a content security policy writes it."""
    found = hashlib.sha256(text.encode()).digest()
    return f"sha256-{base64.b64encode(found).decode()}"


def as_script(data: object) -> str:
    """Return data as JSON that can stand in a script element: no character ends the element."""
    text = json.dumps(data, separators=(",", ":"), ensure_ascii=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text
