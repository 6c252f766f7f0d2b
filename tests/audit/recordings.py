"""Recorded runs with known answers: some here, more beside the checkout where it has them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from vmlitmus.audit.trace.roster import Member, Roster, parse_cores, read_table

HERE = Path(__file__).parents[1] / "data" / "traces"
BESIDE = Path(__file__).parents[3] / "shared" / "data" / "host"
CORES = parse_cores(["0-1", "2-3"])
NO_COOKIE = "0xffffffffffffffff"  # the program could not read one


@dataclass(frozen=True)
class Row:
    """One line of expected.tsv."""

    file: str
    question: str
    answer: str


def rows(table: Path, prefix: str = "") -> list[Row]:
    found = [Row(*line.split("\t")) for line in table.read_text().splitlines()]
    return [
        Row(r.file.removeprefix(prefix), r.question, r.answer)
        for r in found
        if r.file.startswith(prefix)
    ]


def roster(folder: Path, name: str) -> Roster:
    """Return who is who in a recording; damaged copies have the roster of the whole one."""
    base = name.split(".")[0]
    base = re.sub(r"^(vm2-v6)-.*", r"\1", base)
    table = folder / f"{base}.vms.tsv"
    if table.exists():
        return read_table(table)
    found = Roster(source=f"{base}.programs.txt")
    text = (folder / f"{base}.programs.txt").read_text()
    line = r"(VCPU|THREAD).*? pid=(\d+) tid=(\d+)(?: id=(\d+))? cookie=(\w+)"
    for kind, pid, tid, vcpu, cookie in re.findall(line, text):
        number = int(vcpu) if kind == "VCPU" else None
        known = None if cookie == NO_COOKIE else int(cookie, 0)
        found.members[int(tid)] = Member(int(tid), pid, number, known)
    return found
