"""What code may write, given what is constant, is what the folded code says."""

from __future__ import annotations

import random

import pytest

from vmlitmus.compiler.ir.fold import endings, folded
from vmlitmus.compiler.ir.nodes import FAULTY, Branch, Code, Emit
from vmlitmus.litmus import Catalogue

CATALOGUE = Catalogue()
NAMES = (
    "destroy-race",
    "punch-vmsa-kicked",
    "kick-goes-where-the-vcpu-was",
    "v1-clear-after-flush",
)
CELLS = [(t.topic, t.cells[-1]) for t in CATALOGUE.tests() if t.name in NAMES]


def of_folded(code: Code, constants: dict[int, int]) -> tuple[bool, list[object]]:
    same = {variable: variable for variable in (*code.reads, *code.writes)}
    ends = [block.end for block in folded(code, constants, same).blocks]
    jumps = [end for end in ends if isinstance(end, Branch)]
    faulty = any(FAULTY in (jump.then, jump.other) for jump in jumps)
    writes = [sorted(end.writes.items()) for end in ends if isinstance(end, Emit)]
    return faulty, sorted(writes, key=str)


@pytest.mark.parametrize(("topic", "cell"), CELLS, ids=lambda x: getattr(x, "name", ""))
def test_endings_are_those_of_the_folded_code(topic, cell) -> None:
    machine = cell.machine(CATALOGUE.model_of(topic))
    rng = random.Random(3)
    decided = 0
    for instance in machine.instances:
        code = machine.codes[instance.index]
        for share in (0.0, 0.3, 0.7, 1.0):
            constants = {
                index: rng.randrange(machine.variables[index].domain.size)
                for index in code.reads
                if rng.random() < share
            }
            faulty, writes = endings(code, constants)
            found = faulty, sorted((sorted(w.items()) for w in writes), key=str)
            assert str(found) == str(of_folded(code, constants))
            decided += len(writes) < len(endings(code, {})[1])
    assert decided
