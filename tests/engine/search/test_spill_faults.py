"""Mistakes in the table of a search whose states are in a file are seen by its whole graph.

Each is put into a copy of a module, and asked at a width of states at which it shows.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType

import pytest
from copies import copied
from test_search import COUNT, SHIFT, WHOLE, model, words_of

from vmlitmus.engine.limits import Limits
from vmlitmus.engine.native.kernels import breadth_first, keys, remainders
from vmlitmus.engine.native.search import Search
from vmlitmus.engine.native.storage import remainder_table, store

AS_IT_IS = f"(x >> {SHIFT}) << (BITS - 15)"  # states beside each other are keys beside each other
FAR = f"((x >> {SHIFT} & 1023) << (BITS - 10)) | ((x >> {SHIFT + 10}) << 31)"  # 31 bits are alike


@dataclass(frozen=True)
class Fault:
    """One change of a module, and how many bits a state has when it is asked.

    ``spread`` is what to return for the bits of a state instead of spreading them.
    """

    name: str
    old: str
    new: str
    bits: int = 36
    spread: str = ""
    module: ModuleType = remainders


FAULTS = (
    Fault(
        "the bits are not spread one to one",
        "return x ^ (x >> (BITS // 2))",
        "return x | (x >> (BITS // 2))",
        module=keys,
    ),
    Fault(
        "the further bytes of a key are not compared",
        "if higher_bits(line, held, more, lowest_bit(same)) == rest >> 31:",
        "if higher_bits(line, held, more, lowest_bit(same)) >= 0:",
        63,
        FAR,
    ),
    Fault("the further bytes of a key are not kept", "high_bits = rest >> 31", "high_bits = 0", 55),
    Fault(
        "further bytes are taken for numbers",
        "vacant = vacant_lanes32(line) & usable",
        "vacant = vacant_lanes32(line)",
        45,
    ),
    Fault(
        "one further byte is one of two",
        "return load8(further, number)",
        "return load16(further, number)",
        45,
    ),
    Fault(
        "a key that has overflown is new each time",
        "    if load(slot, 0) != 0:\n        return 0\n",
        "",
    ),
    Fault(
        "of the keys that have overflown one is lost when the table grows",
        "    while count != 0:\n        count -= 1\n",
        "    while count > 1:\n        count -= 1\n",
    ),
    Fault(
        "of the keys of a line one is lost when the table grows",
        "        while taken != 0:\n            taken -= 1\n",
        "        while taken > 1:\n            taken -= 1\n",
    ),
    Fault(
        "the lowest key of a line is that of the line before",
        "begin = line * whole",
        "begin = (line - 1) * whole",
    ),
    Fault(
        "a key is told from the others of its line by a bit too few",
        "bits = (-(-(1 << self.bits) // lines) - 1).bit_length()",
        "bits = (-(-(1 << self.bits) // lines) - 1).bit_length() - 1",
        36,
        AS_IT_IS,
        remainder_table,
    ),
    Fault(
        "a further byte is taken a bit too late",
        "if 31 + 8 * more >= bits",
        "if 32 + 8 * more >= bits",
        42,
        AS_IT_IS,
        remainder_table,
    ),
)


@pytest.fixture(autouse=True)
def no_kernel_is_kept() -> Iterator[None]:
    store._kernel.cache_clear()
    yield
    store._kernel.cache_clear()


SPREADING = inspect.getsource(keys.spread_bits)


def spreading(to: str) -> dict[str, str]:
    """Return the change that lets a state's bits be spread otherwise."""
    return {SPREADING: f"def spread_bits(x):\n    return {to}\n"} if to else {}


def use(
    monkeypatch: pytest.MonkeyPatch, folder: Path, changes: dict[ModuleType, dict[str, str]]
) -> None:
    """Let searches use tables with some texts replaced, which grow as often as can be."""
    kernel = copied(remainders, folder, changes.get(remainders, {}))
    monkeypatch.setattr(store, "remainders", kernel)
    made = copied(keys, folder, changes.get(keys, {}))
    instead = [made.spread_bits if f is keys.spread_bits else f for f in breadth_first.INTERNAL]
    monkeypatch.setattr(breadth_first, "INTERNAL", instead)
    table = changes.get(remainder_table, {})
    made = copied(remainder_table, folder, table)
    monkeypatch.setattr(made, "_FIRST_LINES", 4)
    monkeypatch.setattr(made, "_FEW_LINES", 16)
    monkeypatch.setattr(store, "RemainderTable", made.RemainderTable)
    store._kernel.cache_clear()


def right(bits: int, folder: Path) -> bool:
    """Say whether a search finds the whole graph, in order."""
    try:
        with Search(replace(model(1), bits=bits), limits=Limits(spill=str(folder))) as made:
            found = made.run(most=2 * COUNT)
            order = [made.state(index) for index in range(found.states)]
    except RuntimeError:  # there was no room in the table
        return False
    return order == [words_of(n, 1) for n in WHOLE.parents]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda f: f.name)
def test_fault_is_seen(fault: Fault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    changes = {keys: spreading(fault.spread)}
    changes.setdefault(fault.module, {})[fault.old] = fault.new
    use(monkeypatch, tmp_path, changes)
    assert not right(fault.bits, tmp_path)


@pytest.mark.parametrize(("bits", "spread"), sorted({(f.bits, f.spread) for f in FAULTS}))
def test_without_a_fault_the_graph_is_right(
    bits: int, spread: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, tmp_path, {keys: spreading(spread)})
    assert right(bits, tmp_path)
