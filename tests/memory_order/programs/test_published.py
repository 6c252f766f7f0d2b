"""Published x86 litmus tests: verdict and number of final states, in both engines."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from outcomes import by_native, by_reference, machine_of

from vmlitmus.engine import run
from vmlitmus.herd.program import Atom, Formula, Kind, Operation, Program
from vmlitmus.herd.read import read_program
from vmlitmus.lang import possible

DATA = Path(__file__).parents[2] / "data" / "tso"
ROWS = list(csv.DictReader((DATA / "expected.tsv").open(), delimiter="\t"))
ORIGINAL = Path(__file__).parents[4] / "shared" / "data" / "tso" / "litmus.json"


def test_there_are_forty() -> None:
    """Each file has its row, and each row its file."""
    assert {row["test"] for row in ROWS} == {path.stem for path in DATA.glob("*.litmus")}
    assert len(ROWS) == 40
    assert sum(row["tso"] == "Allowed" for row in ROWS) == 14
    assert all(row["sc"] == "Forbidden" for row in ROWS)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["test"])
def test_verdict_and_final_states(row: dict[str, str]) -> None:
    """Raw and selective buffering find what was published; with the counts of other programs."""
    path = DATA / f"{row['test']}.litmus"
    agrees(read_program(path.read_text(), path.name), row, ways=(False, True))


def agrees(program: Program, row: dict[str, Any], ways: tuple[bool, ...]) -> None:
    """Both engines, under each memory order; ``ways`` says whether all stores are buffered."""
    for memory, raw in (("sc", False), *(("tso", raw) for raw in ways)):
        machine = machine_of(program, memory, raw=raw)
        by_definition, compiled = by_reference(machine), by_native(machine)
        assert by_definition == compiled
        assert len(by_definition[0]) == int(row[f"outcomes {memory}"]), (memory, raw)
        verdict = run(machine, possible("asked"), engine="reference").verdict.value
        assert (verdict == "holds") == (row[memory] == "Allowed"), (memory, raw)


def test_the_original_list() -> None:
    """The list from which the files were written, where it lies beside the checkout."""
    if not ORIGINAL.exists():
        pytest.skip(f"NOT RUN: no {ORIGINAL} beside the checkout")
    found = json.loads(ORIGINAL.read_text())
    assert len(found) == len(ROWS)
    for test in found:
        row = {**test, "outcomes sc": test["outcomes_sc"], "outcomes tso": test["outcomes_tso"]}
        agrees(_program(test), row, ways=(False,))


def _program(test: dict[str, Any]) -> Program:
    threads = tuple(tuple(o for op in t for o in _operations(op)) for t in test["threads"])
    return Program(test["name"], threads, _formula(test["cond"]), "exists", test["init"])


def _operations(op: list[Any]) -> list[Operation]:
    kind, *rest = op
    if kind == "xchg":
        move = Operation(Kind.MOVE, None, rest[1], rest[2])
        return [move, Operation(Kind.XCHG, rest[0], rest[1])]
    if kind == "store":
        return [Operation(Kind.STORE, rest[0], None, rest[1])]
    return [Operation(Kind.LOAD, *rest) if kind == "load" else Operation(Kind.MFENCE)]


def _formula(cond: list[Any]) -> Formula:
    op, *rest = cond
    if op == "reg":
        return Formula("atom", atom=Atom(*rest))
    if op == "mem":
        return Formula("atom", atom=Atom(None, *rest))
    return Formula(op, tuple(map(_formula, rest)))
