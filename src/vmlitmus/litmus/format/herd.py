"""A test from a file in herd's format, such as SB.litmus: its question is the one in the file."""

from __future__ import annotations

from pathlib import Path

from vmlitmus.herd.model import model_of, topic_of
from vmlitmus.herd.program import shown
from vmlitmus.herd.read import read_program
from vmlitmus.lang import Claim, Environment, Model, never, possible
from vmlitmus.outcome import Verdict
from vmlitmus.scenario import Cell, Layout, Test


def read_herd(text: str, path: str) -> tuple[Test, Model]:
    """Return the test in a file of herd, and its model; raises HerdError.

    The memory order is that of x86. Expected is what the quantifier says: "exists" that some run
    ends so, "~exists" that none does, "forall" that all do.
    """
    program = read_program(text, path)
    asked = shown(program.formula)
    question = f"Does every run of {program.name} end with {asked}?"
    claim: Claim = never("asked")
    if program.quantifier != "forall":
        question = f"Can {program.name} end with {asked} on x86?"
        claim = never("asked") if program.quantifier == "~exists" else possible("asked")
    name = Path(path).stem
    cell = Cell(
        name,
        {},
        {"machine": {"memory": "tso"}},
        {},
        Environment(),
        (),
        (),
        {},
        claim,
        Verdict.HOLDS,
    )
    yes = Verdict.VIOLATED if program.quantifier == "~exists" else Verdict.HOLDS
    test = Test(
        name=name,
        topic=topic_of(program),
        path=path,
        text=text,
        shipped=False,
        question=question,
        source=path,
        because=f"The file says {program.quantifier}.",
        decided_by="source",
        wide=False,
        axes={},
        observe=(),
        layout=Layout({}, (), (), ()),
        words=(),
        cells=(cell,),
        yes=yes,
    )
    return test, model_of(program)
