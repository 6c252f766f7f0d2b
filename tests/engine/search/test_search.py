"""The native search against a plain breadth-first search in Python, for states of 1 to 4 words.

The graph is arithmetic: a number below COUNT has four successors, and a state spreads its number
over the words, so that no word alone tells two states apart.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any, cast

import pytest

from vmlitmus.engine.limits import Limits, Progress
from vmlitmus.engine.native import search
from vmlitmus.engine.native.graph import unrecoverable
from vmlitmus.engine.native.jit import Native
from vmlitmus.engine.native.kernels import keys, table
from vmlitmus.engine.native.kernels.language import compile_kernel
from vmlitmus.engine.native.search import Search
from vmlitmus.engine.native.storage import key_table, store
from vmlitmus.engine.native.storage.key_table import KeyTable
from vmlitmus.engine.native.storage.memory import Region
from vmlitmus.engine.native.storage.store import NativeModel

COUNT = 20_011  # numbers of the graph; a prime
BASES = (11, 13, 17)  # how a number is spread: digits to these bases, the rest in the last word
SHIFT = 21  # bits above which a digit stands in its word
TRAP, AWAY = 89, 5  # numbers that are AWAY modulo TRAP lead to themselves only
EDGES = ((5, 1), (1, 7), (3, 2), (1, 0))  # successor k of n is (n * a + b) % COUNT
GOAL = 15_000
BITS = (GOAL, GOAL + 1)  # conditions: bit 0 "n is GOAL", bit 1 "n is GOAL + 1", bit 2 "n is a trap"


def successors(n: int) -> list[int]:
    return [n if n % TRAP == AWAY else (n * a + b) % COUNT for a, b in EDGES]


def words_of(n: int, words: int) -> tuple[int, ...]:
    digits = []
    for base in BASES[: words - 1]:
        digits.append((n % base) << SHIFT)
        n //= base
    return (*digits, n << SHIFT)


def ir(words: int) -> str:
    """Return the graph as LLVM IR, as the search wants it."""
    expand = _read("expand(ptr %state, ptr %out, ptr %coverage)", words)
    conditions = _read("conditions(ptr %state, ptr %more)", words)
    return "\n".join([*expand, *_edges(words), *conditions, *_conditions()])


def _read(head: str, words: int) -> Iterator[str]:
    yield f"define i64 @{head} {{"
    scale, total = 1, "0"
    for i in range(words):
        yield f"%p{i} = getelementptr i64, ptr %state, i64 {i}"
        yield f"%w{i} = load i64, ptr %p{i}"
        yield f"%d{i} = lshr i64 %w{i}, {SHIFT}"
        yield f"%m{i} = mul i64 %d{i}, {scale}"
        yield f"%s{i} = add i64 {total}, %m{i}"
        scale, total = scale * (BASES[i] if i < words - 1 else 1), f"%s{i}"
    yield f"%n = add i64 0, {total}"
    yield f"%left = urem i64 %n, {TRAP}"
    yield f"%trap = icmp eq i64 %left, {AWAY}"


def _edges(words: int) -> Iterator[str]:
    for k, (a, b) in enumerate(EDGES):
        yield f"%a{k} = mul i64 %n, {a}"
        yield f"%b{k} = add i64 %a{k}, {b}"
        yield f"%c{k} = urem i64 %b{k}, {COUNT}"
        yield f"%e{k}x0 = select i1 %trap, i64 %n, i64 %c{k}"
        for i in range(words):
            last = i == words - 1
            base = 1 if last else BASES[i]
            yield f"%r{k}x{i} = {'add' if last else 'urem'} i64 %e{k}x{i}, {0 if last else base}"
            yield f"%e{k}x{i + 1} = udiv i64 %e{k}x{i}, {base}"
            yield f"%f{k}x{i} = shl i64 %r{k}x{i}, {SHIFT}"
            yield f"%g{k}x{i} = getelementptr i64, ptr %out, i64 {k * words + i}"
            yield f"store i64 %f{k}x{i}, ptr %g{k}x{i}"
        yield f"%h{k} = getelementptr i64, ptr %coverage, i64 {k}"
        yield f"%i{k} = load i64, ptr %h{k}"
        yield f"%j{k} = add i64 %i{k}, 1"
        yield f"store i64 %j{k}, ptr %h{k}"
    yield f"ret i64 {len(EDGES)}"
    yield "}"


def _conditions() -> Iterator[str]:
    yield f"%t0 = icmp eq i64 %n, {BITS[0]}"
    yield f"%t1 = icmp eq i64 %n, {BITS[1]}"
    for i, test in enumerate(("%t0", "%t1", "%trap")):
        yield f"%u{i} = zext i1 {test} to i64"
        yield f"%v{i} = shl i64 %u{i}, {i}"
    yield "%x = or i64 %v0, %v1"
    yield "%y = or i64 %x, %v2"
    yield "ret i64 %y"
    yield "}"


def model(words: int) -> NativeModel:
    return NativeModel(ir(words), words, 63 * words, len(EDGES), len(EDGES), words_of(0, words))


class Oracle:
    """What a plain breadth-first search finds: parents in order of discovery, and counts."""

    def __init__(self, ends: Callable[[int], bool]) -> None:
        self.parents: dict[int, int | None] = {0: None}
        self.transitions = self.depth = 0
        self.hit = 0 if ends(0) else None
        level = [0]
        while level and self.hit is None:
            following: list[int] = []
            for n in level:
                for m in successors(n):
                    self.transitions += 1
                    if m not in self.parents:
                        self.parents[m] = n
                        following.append(m)
                        if ends(m) and self.hit is None:
                            self.hit = m
            self.depth += bool(following)
            level = following

    def path(self, n: int) -> list[int]:
        found = [n]
        while (before := self.parents[found[-1]]) is not None:
            found.append(before)
        return found[::-1]


WHOLE = Oracle(lambda n: False)
WORDS = (1, 2, 3, 4)


@pytest.mark.parametrize("words", WORDS)
def test_whole_graph(words: int) -> None:
    with Search(model(words)) as made:
        found = made.run()
        assert (found.stopped, found.error, found.hit) == (None, None, None)
        assert found.states == len(WHOLE.parents) > 15_000
        assert (found.transitions, found.depth) == (WHOLE.transitions, WHOLE.depth)
        assert found.coverage == (len(WHOLE.parents),) * len(EDGES)
        assert found.observed == sum(1 << i for i, n in enumerate(BITS) if n in WHOLE.parents) | 4
        order = [made.state(index) for index in range(found.states)]
        assert order == [words_of(n, words) for n in WHOLE.parents]
        for index in random.Random(words).sample(range(found.states), 50):
            n = list(WHOLE.parents)[index]
            assert made.path(index) == [words_of(m, words) for m in WHOLE.path(n)]


@pytest.mark.parametrize("words", WORDS)
@pytest.mark.parametrize("bit", [0, 1, 2])
def test_first_hit(words: int, bit: int) -> None:
    ends = (lambda n: n == BITS[0], lambda n: n == BITS[1], lambda n: n % TRAP == AWAY)[bit]
    wanted = Oracle(ends)
    with Search(model(words), stop_on=1 << bit) as made:
        found = made.run()
        assert found.hit is not None and wanted.hit is not None
        assert (found.states, found.transitions) == (len(wanted.parents), wanted.transitions)
        assert found.depth == wanted.depth
        path = [words_of(n, words) for n in wanted.path(wanted.hit)]
        assert made.path(found.hit) == path


@pytest.mark.parametrize("words", WORDS)
@pytest.mark.parametrize("bit", [0, 2])
def test_first_state_that_cannot_recover(words: int, bit: int) -> None:
    ends = (lambda n: n == BITS[0], None, lambda n: n % TRAP == AWAY)[bit]
    assert ends is not None
    before: dict[int, set[int]] = {n: set() for n in WHOLE.parents}
    for n in WHOLE.parents:
        for m in successors(n):
            before[m].add(n)
    waiting = [n for n in WHOLE.parents if ends(n)]
    reaches = set(waiting)
    while waiting:
        fresh = before[waiting.pop()] - reaches
        reaches |= fresh
        waiting += fresh
    wanted = next((i for i, n in enumerate(WHOLE.parents) if n not in reaches), None)
    with Search(model(words), graph=True) as made:
        made.run()
        assert unrecoverable(made, 1 << bit) == wanted
    assert (wanted is None) == (bit == 2), "both answers occur"


@pytest.mark.parametrize("words", WORDS)
def test_odds_of_an_omission(words: int) -> None:
    with Search(model(words)) as made:
        states = made.run().states
        assert made.omission_odds == (0.0 if words < 3 else states**2 / 2.0**128)


@pytest.mark.parametrize("words", WORDS)
def test_table_almost_full(words: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Grown often and by little, with hardly a slot empty, the table loses nothing."""
    monkeypatch.setattr(key_table, "_FULL", 0.999)
    monkeypatch.setattr(key_table, "_SMALL", 2048)
    monkeypatch.setattr(key_table, "_GROWTH", 1.05)
    with Search(model(words)) as made:
        found = made.run()
        assert found.states == len(WHOLE.parents)
        assert found.transitions == WHOLE.transitions
        assert found.states > 0.9 * made.table.slots


@pytest.mark.parametrize("words", WORDS)
@pytest.mark.parametrize("low", [64, 256])
def test_table_grows_where_it_is(words: int, low: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """With few keys put aside, most move up in place; the table loses nothing."""
    monkeypatch.setattr(key_table, "_SMALL", 2048)
    monkeypatch.setattr(key_table, "LOW", low)
    store._kernel.cache_clear()
    with Search(model(words)) as made:
        found = made.run()
        assert (found.states, found.transitions) == (len(WHOLE.parents), WHOLE.transitions)
    store._kernel.cache_clear()


@pytest.mark.parametrize("words", WORDS)
def test_little_is_remembered(words: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is met lately saves work and changes nothing, down to one key remembered."""
    monkeypatch.setattr(store, "_LATELY", 1)
    store._kernel.cache_clear()
    with Search(model(words)) as made:
        found = made.run()
        order = [made.state(index) for index in range(found.states)]
        assert order == [words_of(n, words) for n in WHOLE.parents]
        assert found.transitions == WHOLE.transitions
    store._kernel.cache_clear()


def spreading(words: int, low: int):
    """Return the kernel's find and spread, with so many slots that are put aside."""
    constants = {"WORDS": words, "KEYS": words, "MOST": 1}
    constants |= KeyTable(cast(Any, None), words, 0).constants() | {"LOW": low}
    names = (
        "mix share home copy_key holds write_key stands_in ends_in find empty fill move_line"
        " spread_part put_back next_round spread"
    )
    functions = [getattr(table, name, None) or getattr(keys, name) for name in names.split()]
    native = Native(compile_kernel(functions, constants, frozenset({"find", "spread"})), 1)
    return native.function("find", 3), native.function("spread", 6)


def forgets_a_constant(ctx):
    return ctx + FORGOTTEN  # type: ignore[name-defined]  # noqa: F821


def test_a_name_that_is_nothing_yet_is_no_number() -> None:
    functions, exported = [forgets_a_constant], frozenset({"forgets_a_constant"})
    assert "add i64" in compile_kernel(functions, {"FORGOTTEN": 7}, exported)
    with pytest.raises(NameError, match="FORGOTTEN is no constant and not yet set"):
        compile_kernel(functions, {}, exported)


def clustered_keys(words: int, numbers: random.Random) -> list[tuple[int, ...]]:
    """Keys of which many belong to the last slots, and wrap round, and many to a few others."""
    top = [(1 << 64) - 1 - numbers.randrange(1 << 40) for _ in range(200)]
    middle = [(5 << 61) + numbers.randrange(1 << 56) for _ in range(100)]
    keys = [(k, *[numbers.randrange(1 << 64)] * (words - 1)) for k in top + middle]
    keys += [tuple(1 + numbers.randrange((1 << 64) - 1) for _ in range(words)) for _ in range(500)]
    return numbers.sample(keys, len(keys))


@pytest.mark.parametrize("words", [1, 2])
@pytest.mark.parametrize(("old", "new", "low"), [(1000, 1200, 512), (800, 808, 800)])
def test_spread_keeps_every_key(words: int, old: int, new: int, low: int) -> None:
    find, spread = spreading(words, low)
    table, key_at = Region(8 * words * new), Region(8 * words)
    aside = Region(8 * words * 2 * low)
    keys = clustered_keys(words, random.Random(words))

    def place(key: tuple[int, ...], slots: int) -> int:
        for i, word in enumerate(key):
            key_at.set_word(i, word)
        return find(table.address, slots, key_at.address)

    for key in keys:
        slot = place(key, old)
        for i, word in enumerate(key):
            table.set_word(slot * words + i, word)
    used = Region(new // (8 // words))
    assert spread(table.address, old, new, (old << 64) // new, aside.address, used.address) == 1
    slots = {place(key, new): key for key in keys}
    assert len(slots) == len(keys)
    assert all(table.words(slot * words, words) == key for slot, key in slots.items())


def test_spread_says_when_it_cannot() -> None:
    """Keys that all belong to one slot cannot go up in place."""
    find, spread = spreading(1, 16)
    table, key_at, aside = Region(8 * 600), Region(8), Region(8 * 32)
    for low_bits in range(300):
        key_at.set_word(0, (1 << 60) + low_bits)
        slot = find(table.address, 500, key_at.address)
        table.set_word(slot, (1 << 60) + low_bits)
    used = Region(600)
    assert spread(table.address, 500, 600, (500 << 64) // 600, aside.address, used.address) == 0


@pytest.mark.parametrize("words", WORDS)
def test_memory_limit(words: int) -> None:
    with Search(model(words)) as made:
        full = made.run().allocated
    reached = []
    for share in (0.2, 0.4, 0.6, 0.8):
        limit = int(full * share)
        with Search(model(words), limits=Limits(memory=limit)) as made:
            found = made.run()
            assert found.stopped == "memory"
            assert found.allocated <= limit
            assert 0 < found.states < len(WHOLE.parents)
            order = [made.state(i) for i in range(found.states)]
            assert order == [words_of(n, words) for n in list(WHOLE.parents)[: found.states]]
            reached.append(found.states)
    assert reached == sorted(reached) and reached[0] < reached[-1]


def test_memory_limit_while_the_graph_is_built() -> None:
    with Search(model(1), graph=True) as made:
        made.run()
        made.limits = Limits(memory=made.allocated + 1000)
        with pytest.raises(search.Stopped, match="memory"):
            unrecoverable(made, 1)


def test_time_limit_and_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "_SLICE", 100)
    seen: list[Progress] = []
    with Search(model(1), progress=seen.append) as made:
        made.run()
    assert len(seen) > 20
    assert [p.states for p in seen] == sorted(p.states for p in seen)
    with Search(model(1), limits=Limits(seconds=0.0)) as made:
        found = made.run()
    assert found.stopped == "time" and 0 < found.states < len(WHOLE.parents)
