"""What there is to ask, and what it is made of: the items that ``vmlitmus list`` prints.

Each function returns items with their text and their entry in ``vmlitmus/list/1``.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import vmlitmus
from vmlitmus.compiler import scanned
from vmlitmus.lang import Model
from vmlitmus.lang.syntax.label import in_words
from vmlitmus.lang.syntax.trees import function_syntax, names_of
from vmlitmus.litmus.groups import read_groups
from vmlitmus.litmus.keys import KEYS
from vmlitmus.litmus.threads import Discussion, Point, discussions, thread_of
from vmlitmus.scenario import Test


@dataclass(frozen=True)
class Item:
    """One line, or a few, with the JSON entry; ``more`` is searched too, and not printed."""

    text: str
    entry: dict[str, Any]
    more: str = ""

    def mentions(self, words: tuple[str, ...]) -> bool:
        """Say whether every word stands in the text, whatever its case."""
        found = f"{self.text}\n{self.more}".lower()
        return all(word.lower() in found for word in words)


def items_of_tests(tests: list[Test]) -> list[Item]:
    """Return tests with their questions; searched is all that the file and its thread say."""
    group = {
        (topic, name): group.heading
        for topic in {test.topic for test in tests if test.shipped}
        for group in read_groups(topic)
        for name in group.tests
    }
    return [_test(test, group.get((test.topic, test.name))) for test in tests]


def in_groups(topic: str, items: list[Item]) -> list[tuple[str | None, list[Item]]]:
    """Return the tests of a topic by group, in order of reading; those of no group come last."""
    found: list[tuple[str | None, list[Item]]] = []
    for group in read_groups(topic):
        place = {name: n for n, name in enumerate(group.tests)}
        members = [item for item in items if item.entry["group"] == group.heading]
        found.append((group.heading, sorted(members, key=lambda i: place[i.entry["name"]])))
    found.append((None, [item for item in items if item.entry["group"] is None]))
    return [(heading, members) for heading, members in found if members]


def _test(test: Test, group: str | None) -> Item:
    thread = thread_of(test.source)
    source = str(thread) if thread else test.source
    entry = {
        "name": test.name,
        "topic": test.topic,
        "group": group,
        "question": test.question,
        "source": source,
        "claim": sorted({str(cell.claim) for cell in test.cells}),
        "cells": len(test.cells),
        "wide": test.wide,
        "file": test.file,
    }
    text = f"{test.name}{' (wide)' if test.wide else ''}\n    {test.question}"
    return Item(text, entry, f"{test.text}\n{source}")


def cell_items(tests: list[Test]) -> list[Item]:
    """Return the cells of tests, each as it is written to select it."""
    return [
        Item(
            f"{cell.name}: {cell.expect.value if cell.expect else 'no expectation'}",
            {
                "name": cell.name,
                "test": test.name,
                "where": dict(cell.where),
                "claim": str(cell.claim),
                "expected": cell.expect.value if cell.expect else None,
            },
        )
        for test in tests
        for cell in test.cells
    ]


def thread_items() -> list[Item]:
    """Return the threads behind the tests, with how much was said in each."""
    return [
        Item(
            f"{d.name}: {d.thread}\n    {_points(d)}",
            {"name": d.name, "source": str(d.thread), "points": len(d.points)},
        )
        for d in discussions()
    ]


def _points(d: Discussion) -> str:
    number = f"{len(d.points)} point{'s' * (len(d.points) != 1)}"
    return f"{number}; only what tests cite" if d.excerpt else f"{number}; everything in it"


def point_items(found: Iterable[Discussion]) -> list[Item]:
    """Return what was asked, claimed and proposed in threads, with the answers."""
    return [_point(d, number, p) for d in found for number, p in enumerate(d.points, 1)]


def _point(d: Discussion, number: int, p: Point) -> Item:
    said = f"{d.name}, {number}. {p.by}, {p.date}, {p.kind}: {p.text}"
    if p.not_asked:
        answer = f"    Not asked: {p.not_asked}"
    else:
        tests = [f"{t} ({p.found[t]})" if t in p.found else t for t in p.tests]
        answer = f"    Answer: {p.answer}\n    Tests: {', '.join(tests)}"
    entry = {
        "name": f"{d.name}/{number}",
        "thread": d.thread.subject,
        "by": p.by,
        "date": p.date,
        "kind": p.kind,
        "text": p.text,
        "answer": p.answer or None,
        "tests": list(p.tests),
        "not_asked": p.not_asked or None,
    }
    return Item(f"{said}\n{answer}", entry)


def key_items() -> list[Item]:
    """Return the keys of a litmus file that every topic has."""
    return [
        Item(
            f"{_place(key.table)}{key.name}: {key.meaning}"
            f" ({key.type}; {key.need or 'default: ' + key.default})",
            {
                "name": key.name,
                "table": key.table,
                "type": key.type,
                "required": key.required,
                "required_with": key.required_with or None,
                "default": None if key.need else key.default,
                "meaning": key.meaning,
                "example": key.example,
            },
        )
        for key in KEYS
    ]


def _place(table: str) -> str:
    if not table:
        return ""
    return f"[[{table}]] " if table in ("expect", "word", "said", "measure") else f"[{table}] "


def timing_items(topic: str) -> list[Item]:
    """Return the timings of a topic with their parameters, and who says what those are."""
    from vmlitmus.simulation.laws.timing import read_timing
    from vmlitmus.simulation.simulate import timings_of

    found = []
    for name, path in timings_of(topic).items():
        timing = read_timing(path)
        lines = [f"{topic} {name}: {timing.about}"]
        for p in timing.parameters.values():
            lines.append(f"    {p.name} = {p.value} ({p.low} to {p.high}): {p.means}")
            lines.append(f"        source: {p.source}")
        parameters = [vars(p) for p in timing.parameters.values()]
        entry = {"topic": topic, "name": name, "file": str(path), "parameters": parameters}
        found.append(Item("\n".join(lines), entry))
    return found


def schema_items() -> list[Item]:
    """Return the JSON schemas that are installed."""
    folder = Path(vmlitmus.__file__).parent / "schemas"
    return [
        Item(f"{path.stem}: {path}", {"name": path.stem, "file": str(path)})
        for path in sorted(folder.glob("*.json"))
    ]


def _topics(model: Model) -> Iterator[Item]:
    yield Item(f"{model.name}: {model.doc}", {"name": model.name, "question": model.doc})


def _mechanisms(model: Model) -> Iterator[Item]:
    for table, settings in model.settings.items():
        for key, setting in settings.items():
            if setting.hooks is not None:
                for name, kind in model.hooks[setting.hooks].items():
                    yield _named(f"{table}.{key} = {name}", _first_line(kind.__doc__), name=name)
            elif setting.release:
                for name, fixes in model.versions.items():
                    inside = ", ".join(fix.part for fix in fixes) or "no fix"
                    if name not in model.read:
                        inside = f"({model.known_by(name)}) {inside}"
                    yield _named(f"{table}.{key} = {name}", inside, name=name)
    for fix in model.fixes:
        yield Item(f"fix {fix}", {"name": fix.part, "text": f"{fix.source}, {fix.release}"})


def _named(text: str, meaning: str, **entry: str) -> Item:
    return Item(f"{text}: {meaning}", {**entry, "text": meaning, "setting": text.split(" = ")[0]})


def _first_line(text: str | None) -> str:
    return (text or "").strip().split("\n")[0]


def _settings(model: Model) -> Iterator[Item]:
    for table, known in {**model.settings, **model.lists}.items():
        shown = f"[[{table}]]" if table in model.lists else f"[{table}]"
        for key, setting in known.items():
            values = [_toml(value) for value in model.choices(setting)]
            words = ", ".join(values) or f"{setting.low} to {setting.high}"
            if setting.in_time is not None:
                words += f"; in time to {setting.in_time}"
            yield Item(
                f"{shown} {key}: {setting.doc} ({words}; default: {_toml(setting.default)})",
                {
                    "name": f"{table}.{key}",
                    "values": list(model.choices(setting)) or [setting.low, setting.high],
                    **({} if setting.in_time is None else {"in_time": setting.in_time}),
                    "default": setting.default,
                    "meaning": setting.doc,
                },
            )


def _toml(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _claims(model: Model) -> Iterator[Item]:
    for c in model.conditions:
        yield Item(f"{c.name}: {c.text}", {"name": c.name, "text": c.text})


def _parts(model: Model) -> Iterator[Item]:
    found: dict[str, None] = {}
    for settings in model.alternatives():
        found.update(dict.fromkeys(scanned(model, settings, allow=model.disturbances).parts))
    return (Item(part, {"name": part}) for part in found)


def _assumptions(model: Model) -> Iterator[Item]:
    for a in model.assumptions:
        entry = {"name": a.name, "default": a.default, "values": list(a.choices), "text": a.text}
        open_ = f"\n    would be settled by: {a.settled_by}" if a.settled_by else ""
        yield Item(
            f"{a.name} = {_toml(a.default)}: {a.text}{open_}",
            {**entry, "settled_by": a.settled_by or None},
        )


def _disturbances(model: Model) -> Iterator[Item]:
    """Yield the disturbances, each with the step that it is, or with which it begins."""
    begins: dict[str, dict[str, None]] = {name: {} for name in model.disturbances}
    for step in model.steps:
        if step.disturbance:
            label = _first_label(step.function) or step.label
            begins[step.disturbance].update({in_words(label): None} if label else {})
    for name, texts in begins.items():
        yield Item(f"{name}: {'; '.join(texts)}" if texts else name, {"name": name})


def _fairness(model: Model) -> Iterator[Item]:
    for step in model.steps:
        if step.fair is not None:
            yield Item(f"{step.name}: {step.fair}", {"name": step.name, "fair": step.fair})


def _steps(model: Model) -> Iterator[Item]:
    """Yield the steps, those of sequences with the labels of their sections."""
    for step in model.steps:
        labels = [*_yielded(step.function), *([step.label] if step.label else [])]
        sources = [str(source) for source in step.sources]
        entry = {
            "name": step.name,
            "labels": [in_words(label) for label in labels],
            "disturbance": step.disturbance,
            "fair": step.fair,
            "sources": sources,
            **_in_code(step.function, labels),
        }
        kind = f" (disturbance {step.disturbance})" if step.disturbance else ""
        lines = [f"{step.name}{kind}", *(f"    {text}" for text in entry["labels"] or [])]
        yield Item("\n".join([*lines, *(f"    source: {source}" for source in sources)]), entry)

    for function in _sub_sequences(model):
        written = _yielded(function)
        labels = [in_words(label) for label in written]
        entry = {"name": function.__name__, "labels": labels, "part of": "sequences"}
        entry |= _in_code(function, written)
        lines = [f"{function.__qualname__} (part of sequences)", *(f"    {t}" for t in labels)]
        yield Item("\n".join(lines), entry)


def _in_code(function: Any, labels: list[str]) -> dict[str, Any]:
    """Return where a step is written, and its labels as they are there."""
    path = f"{function.__module__}.{function.__qualname__}"
    return {"code": path, "labels in code": labels}


def _sub_sequences(model: Model) -> list[Any]:
    """Return the functions that sequences take in and that have labels of their own."""
    own = {step.function for step in model.steps}
    found: dict[Any, None] = {}
    for settings in model.alternatives():
        functions = scanned(model, settings, allow=model.disturbances).functions
        found.update(dict.fromkeys(f for f in functions if f not in own and _yielded(f)))
    return list(found)


def _first_label(function: Any) -> str | None:
    """Return the first label of a sequence, which may stand in a sub-sequence."""
    nodes = ast.walk(function_syntax(function))
    yields = [n for n in nodes if isinstance(n, ast.Yield | ast.YieldFrom)]
    for node in sorted(yields, key=lambda n: n.lineno):
        if isinstance(node.value, ast.Constant):
            return str(node.value.value)
        if isinstance(node.value, ast.Call) and isinstance(node.value.func, ast.Name):
            label = _first_label(names_of(function)[node.value.func.id])
            if label:
                return label
    return None


def _yielded(function: Any) -> list[str]:
    """Return the labels that a sequence yields itself, in the order of its code."""
    nodes = ast.walk(function_syntax(function))
    found = [n for n in nodes if isinstance(n, ast.Yield) and isinstance(n.value, ast.Constant)]
    return [str(n.value.value) for n in sorted(found, key=lambda n: n.lineno) if n.value]  # type: ignore[attr-defined]


OF_A_MODEL: dict[str, Callable[[Model], Iterator[Item]]] = {
    "topics": _topics,
    "mechanisms": _mechanisms,
    "settings": _settings,
    "claims": _claims,
    "parts": _parts,
    "assumptions": _assumptions,
    "disturbances": _disturbances,
    "fairness": _fairness,
    "steps": _steps,
}
