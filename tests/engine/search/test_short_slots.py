"""Slots of 32 bits find what whole keys find, at each width, and mistakes in them are seen.

A mistake is put into a copy of a module of the kernel. FAR is small here, so that the table is as
small as its width allows, and grows.
"""

from __future__ import annotations

import inspect
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import pytest
from copies import copied
from test_parallel import together_soon  # noqa: F401 - a fixture
from test_search import SHIFT, WHOLE, model, words_of

from vmlitmus.engine.native import search
from vmlitmus.engine.native.graph import unrecoverable
from vmlitmus.engine.native.jit import Native
from vmlitmus.engine.native.kernels import breadth_first, keys, table
from vmlitmus.engine.native.kernels.language import compile_kernel
from vmlitmus.engine.native.search import Search
from vmlitmus.engine.native.storage import key_table, store
from vmlitmus.engine.native.storage.key_table import KeyTable
from vmlitmus.engine.native.storage.memory import Region

BITS = 36  # of a state of the graph, at least
NEAR = 10  # what FAR is here
NO_ROOM = "too many states belong to the same lines of the table"
SPREAD = "    return x ^ (x >> (BITS // 2))\n"  # the end of spread_bits()
SPREADING = inspect.getsource(keys.spread_bits)
HEAD = "def spread_bits(x):\n"
CROWD = HEAD + f"    return x >> {SHIFT}\n"  # keys beside each other, all in the first line
ALIKE = HEAD + f"    return ((x >> {SHIFT} & 31) << 32) | (x >> {SHIFT + 5})\n"  # 31 bits 32 times


@pytest.fixture(autouse=True)
def small_tables(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(key_table, "FAR", NEAR)
    store._kernel.cache_clear()
    yield
    store._kernel.cache_clear()


def graph(*, effort: int = 2, cores: int = 1) -> bool | str:
    """Say whether a search finds the whole graph, in order, or why there is no answer."""
    with Search(replace(model(1), bits=BITS), effort=effort, cores=cores) as made:
        try:
            found = made.run(most=2 * len(WHOLE.parents))
        except RuntimeError as error:
            return str(error)
        order = [made.state(index) for index in range(found.states)]
        assert made.table.short
        assert cores == 1 or made.team is not None
    return order == [words_of(n, 1) for n in WHOLE.parents]


@pytest.mark.parametrize("width", [BITS, 37, 40, 42])
def test_widths(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_table, "SHORT", (width,))
    assert graph() is True


def test_a_state_that_is_wider_has_a_whole_key() -> None:
    widest = max(key_table.SHORT)
    for bits, short in ((widest, True), (widest + 1, False)):
        with Search(replace(model(1), bits=bits), effort=2, cores=1) as made:
            assert made.table.short == short
    with Search(replace(model(2), bits=BITS), effort=2, cores=1) as made:
        assert not made.table.short


@pytest.mark.parametrize("bit", range(3))
def test_which_states_recover(bit: int) -> None:
    narrow = replace(model(1), bits=BITS)
    with Search(narrow, effort=2, graph=True) as made, Search(model(1), graph=True) as whole:
        assert made.run().states == whole.run().states
        assert made.table.short
        assert not whole.table.short
        assert unrecoverable(made, 1 << bit) == unrecoverable(whole, 1 << bit)


def test_a_search_that_lasts_gets_short_slots(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "_QUICK", -1.0)
    monkeypatch.setattr(search, "_COMPILING", -1.0)
    monkeypatch.setattr(search, "_SLICE", 500)
    assert graph(effort=0) is True


@pytest.mark.usefixtures("together_soon")
def test_on_several_cores() -> None:
    assert graph(cores=3) is True


@dataclass(frozen=True)
class Fault:
    """One change of a module."""

    name: str
    module: ModuleType
    old: str
    new: str


FAULTS = (
    Fault(
        "a number tells less than it has",
        table,
        "most - kept) & ((1 << 31) - 1)",
        "most - kept) & ((1 << 24) - 1)",
    ),
    Fault("the highest key of a line is its lowest", table, "(line + 1) * each", "line * each"),
    Fault("a slot is not emptied", table, "        store32(table, slot, 0)\n", ""),
    Fault(
        "a slot keeps what its place says",
        table,
        "(load(key, 0) >> (64 - BITS)) | (1 << 31)",
        "(load(key, 0) >> 33) | (1 << 31)",
    ),
    Fault(
        "a key of a full line is lost", table, "last = slot + LINE\n", "last = slot + LINE - 1\n"
    ),
    Fault("keys are not spread one to one", keys, SPREAD, SPREAD.replace("^", "|")),
    Fault(
        "an insert is lost where the slot is not the first choice",
        breadth_first,
        "            write_key(table, slot, key)\n",
        "            write_key(table, home(key, slots), key)\n",
    ),
    Fault(
        "what stands behind those that are near is not inserted",
        breadth_first,
        "        begin = end\n    store(ctx, TAIL, tail)",
        "        begin = end + 1\n    store(ctx, TAIL, tail)",
    ),
)


def use(
    monkeypatch: pytest.MonkeyPatch, folder: Path, module: ModuleType, old: str, new: str
) -> None:
    """Let searches use a copy of a module of the kernel with one text replaced."""
    made = copied(module, folder, {old: new})
    own = [f for f in vars(made).values() if getattr(f, "__module__", "") == made.__name__]
    instead = {function.__name__: function for function in own}
    for name in ("INTERNAL", "EXPORTED"):
        some = [instead.get(f.__name__, f) for f in getattr(breadth_first, name)]
        monkeypatch.setattr(breadth_first, name, some)
    exported, further = store.StateStore.PASSES
    passes = tuple(instead.get(f.__name__, f) for f in exported), further
    monkeypatch.setattr(store.StateStore, "PASSES", passes)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_fault_is_seen(fault: Fault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, tmp_path, fault.module, fault.old, fault.new)
    assert graph() in (False, NO_ROOM)


def test_states_that_stay_in_the_old_table_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "_QUICK", -1.0)
    monkeypatch.setattr(search, "_COMPILING", -1.0)
    monkeypatch.setattr(search, "_SLICE", 500)
    grow = store.StateStore._grow

    def shorten(made: store.StateStore) -> None:
        made.regions.pop("TABLE").close()
        made.table.slots = 0
        grow(made, made.get("TAIL"))

    monkeypatch.setattr(store.StateStore, "_shorten", shorten)
    assert graph(effort=0) is False


def test_keys_that_crowd_end_the_search(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No state is ever taken for another, and none is counted twice: there is no answer."""
    use(monkeypatch, tmp_path, keys, SPREADING, CROWD)
    assert graph() == NO_ROOM


def test_a_table_too_small_for_its_width_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where there are enough lines, what has the same 31 bits is never sought in the same one."""
    use(monkeypatch, tmp_path, keys, SPREADING, ALIKE)
    monkeypatch.setattr(key_table, "FAR", 40)
    assert graph() is True
    monkeypatch.setattr(KeyTable, "fewest", lambda self: 1024)
    assert graph() in (False, NO_ROOM)


def kernel(bits: int, low: int) -> tuple[Any, Any]:
    """Return find and spread for short slots."""
    short = KeyTable(cast(Any, None), 1, bits)
    short.short = True
    constants = {"WORDS": 1, "KEYS": 1, **short.constants(), "FAR": NEAR, "LOW": low}
    functions = [*keys.INTERNAL, *(f for f in table.INTERNAL if f is not table.enter), table.spread]
    native = Native(compile_kernel(functions, constants, frozenset({"find", "spread"})), 1)
    return native.function("find", 3), native.function("spread", 6)


@pytest.mark.parametrize("bits", [31, 32, 37, 40])
@pytest.mark.parametrize("growth", [1.25, 1.5, 2])
def test_spread_keeps_every_key(bits: int, growth: float) -> None:
    """Each key is found again, in its line or behind it, and what a slot keeps is of that key."""
    numbers = random.Random(bits)
    find, spread = kernel(bits, 1 << 12)
    old = max(1024, 16 * (NEAR + 8) << bits >> 31)
    new = int(old * growth) + 15 & -16
    memory, at, aside = Region(4 * new + 4), Region(8), Region(8 * 2 << 12)
    line = (1 << bits) * 16 // old
    chosen = {(1 << bits) - 1 - numbers.randrange(line) for _ in range(60)}  # they wrap round
    chosen |= {(1 << bits) // 2 + numbers.randrange(line) for _ in range(60)}
    chosen |= {numbers.randrange(1 << bits) for _ in range(old // 2)} | {0, 1 << bits - 1}

    def place(number: int, slots: int) -> int:
        at.set_word(0, number << (64 - bits) | 1)
        return int(find(memory.address, slots, at.address))

    for number in numbers.sample(sorted(chosen), len(chosen)):
        memory.set_words32(place(number, old), [number & (1 << 31) - 1 | 1 << 31])
    used = Region(new // 16)
    ratio = (old << 64) // new
    assert spread(memory.address, old, new, ratio, aside.address, used.address) == 1
    places = {place(number, new): number for number in chosen}
    assert len(places) == len(chosen) and new not in places
    for slot, number in places.items():
        assert memory.word32(slot) == number & (1 << 31) - 1 | 1 << 31
        assert (slot // 16 - (number * (new // 16) >> bits)) % (new // 16) < NEAR


def test_a_key_without_room_goes_behind_the_last_slot() -> None:
    find, _ = kernel(37, 1 << 12)
    slots = 16 * (NEAR + 8) << 37 >> 31
    memory, at = Region(4 * slots + 4), Region(8)
    for number in range(NEAR * 16 + 1):
        at.set_word(0, number << (64 - 37) | 1)
        slot = find(memory.address, slots, at.address)
        assert slot == (number if number < NEAR * 16 else slots)
        memory.set_words32(slot, [number | 1 << 31])
