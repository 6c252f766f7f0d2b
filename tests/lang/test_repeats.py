"""What is asked of each member of a group is lowered once: the code is the same as without that."""

from __future__ import annotations

from dataclasses import replace

import pytest

from vmlitmus.compiler import Machine
from vmlitmus.compiler.ir.nodes import Code
from vmlitmus.compiler.lowering import repeats
from vmlitmus.compiler.machine import lowering_cache
from vmlitmus.litmus import Catalogue

CATALOGUE = Catalogue(in_time=True)


def lowered(machine: Machine) -> list[object]:
    names = [*range(len(machine.instances)), *machine.conditions]
    return [written(machine.codes[name]) for name in names]


def written(code: Code) -> object:
    return [
        (block.number, [(op.dest, op.op, op.bits, op.args) for op in block.ops], repr(block.end))
        for block in code.blocks
    ]


def codes(monkeypatch: pytest.MonkeyPatch, topic: str, name: str, fewest: int) -> list[object]:
    """Return the code of a test's machine; of groups with fewer members each is lowered."""
    monkeypatch.setattr(repeats, "_FEWEST", fewest)
    lowering_cache._FAMILIES.clear()
    test = next(t for t in CATALOGUE.tests(topic) if t.name == name)
    machine = test.cells[0].machine(CATALOGUE.model_of(topic))
    lowering_cache._FAMILIES.clear()
    return lowered(machine)


@pytest.mark.parametrize(
    ("topic", "name"),
    [
        ("cache-flush", "flush-all-online-in-time"),
        ("cache-flush", "mask-fills-in-time"),
        ("smt-protection", "two-tenants-on-two-cores-in-time"),
        ("ap-creation", "destroy-running-in-time"),
        ("split-lock", "warn-lockers-in-time"),
        *((t, next(iter(CATALOGUE.tests(t))).name) for t in CATALOGUE.topics()),
    ],
)
def test_the_code_is_the_same(monkeypatch: pytest.MonkeyPatch, topic: str, name: str) -> None:
    again = []
    write = repeats.Repeats._again

    def counted(self, pattern, member):
        again.append(member)
        return write(self, pattern, member)

    monkeypatch.setattr(repeats.Repeats, "_again", counted)
    shared = codes(monkeypatch, topic, name, 1)
    assert again or name not in ("flush-all-online-in-time", "warn-lockers-in-time")
    monkeypatch.setattr(repeats.Repeats, "_again", None)
    assert codes(monkeypatch, topic, name, 1 << 30) == shared


@pytest.mark.parametrize("cores", [5, 9])
def test_a_flush_of_more_cpus(monkeypatch: pytest.MonkeyPatch, cores: int) -> None:
    test = next(t for t in CATALOGUE.tests("cache-flush") if t.name == "mask-fills-in-time")
    (vm,) = test.cells[0].lists["vm"]
    cell = replace(
        test.cells[0],
        tables={**test.cells[0].tables, "machine": {"cores": cores}},
        lists={"vm": ({**vm, "vcpus": 7},)},
        large=True,
    )
    found = []
    for fewest in (4, 1 << 30):
        monkeypatch.setattr(repeats, "_FEWEST", fewest)
        lowering_cache._FAMILIES.clear()
        found.append(lowered(cell.machine(CATALOGUE.model_of("cache-flush"))))
    assert found[0] == found[1]
