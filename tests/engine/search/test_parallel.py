"""One search on several cores finds what one core finds: the same states in the same order."""

from __future__ import annotations

import dataclasses
import multiprocessing
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from test_search import BITS, SHIFT, WHOLE, WORDS, model, words_of

from vmlitmus.compiler.symmetry import symmetry
from vmlitmus.engine.limits import Limits
from vmlitmus.engine.native import parallel, search
from vmlitmus.engine.native.codegen import compile_machine
from vmlitmus.engine.native.search import Search
from vmlitmus.engine.native.storage import key_table, log_file, store
from vmlitmus.engine.native.symmetry.orbits import OrbitSearch, orbits
from vmlitmus.litmus import Catalogue

CORES = (2, 3, 5)
CATALOGUE = Catalogue()


@pytest.fixture(autouse=True)
def together_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let several cores work on small searches, from the start, however busy they are."""

    def prepare(made: Search) -> threading.Thread:
        parallel._kernel(tuple(made.constants.items()))
        thread = threading.Thread(target=int)
        thread.start()
        thread.join()
        return thread

    monkeypatch.setattr(parallel, "prepare", prepare)
    monkeypatch.setattr(parallel, "PART", 64)
    monkeypatch.setattr(parallel, "FEW", 0)
    monkeypatch.setattr(parallel, "ENOUGH", -10.0)
    monkeypatch.setattr(search, "_SOON", -1.0)
    monkeypatch.setattr(search, "_SLICE", 20)


def clear_caches() -> None:
    store._kernel.cache_clear()
    parallel._kernel.cache_clear()


def everything(made: Search) -> list[object]:
    """Search, and return all that was found."""
    found = made.run()
    states = made.get("TAIL")
    order = made.regions["LOG"].image()[: 8 * made.model.words * states]
    some = range(made.initials, states, max(states // 300, 1))
    parents = [made.parent(index) for index in some]
    plain = (found.states, found.transitions, found.depth, found.hit, found.stopped)
    return [plain, found.coverage, found.observed, found.error, found.orbits, order, parents]


@pytest.mark.parametrize("words", WORDS)
def test_whole_graph(words: int) -> None:
    with Search(model(words), effort=2, cores=1) as made:
        alone = everything(made)
        assert made.team is None
    assert alone[0] == (len(WHOLE.parents), WHOLE.transitions, WHOLE.depth, None, None)
    for cores in CORES:
        with Search(model(words), effort=2, cores=cores) as made:
            assert everything(made) == alone
            assert made.team is not None and len(made.team.threads) == cores - 1


@pytest.mark.parametrize("words", WORDS)
def test_states_in_a_file(words: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whole keys take several cores; of states of one word less is kept, by one core."""
    monkeypatch.setattr(log_file, "_CHUNK", 4096)
    limits = Limits(spill=str(tmp_path))
    with Search(model(words), effort=2, cores=1) as made:
        alone = everything(made)
    for cores in CORES:
        with Search(model(words), effort=2, cores=cores, limits=limits) as made:
            assert everything(made) == alone
            assert (made.team is None) == (words == 1)
            assert made.regions["LOG"].left > 0


@pytest.mark.parametrize("bit", [0, 1, 2])
def test_first_hit(bit: int) -> None:
    for words in (1, 2):
        with Search(model(words), stop_on=1 << bit, effort=2, cores=1) as made:
            alone = everything(made)
        for cores in CORES:
            with Search(model(words), stop_on=1 << bit, effort=2, cores=cores) as made:
                assert everything(made) == alone
        assert (alone[0][3] is None) == (bit < 2 and BITS[bit] not in WHOLE.parents)  # type: ignore[index]


def test_first_of_several_hits() -> None:
    """Of hits in several parts of a level the first one counts."""
    plain = model(1)
    many = plain.ir.replace(f"icmp eq i64 %n, {BITS[0]}", "icmp uge i64 %n, 17800")
    assert many != plain.ir
    some = dataclasses.replace(plain, ir=many)
    with Search(some, stop_on=1, effort=2, cores=1) as made:
        alone = everything(made)
        hits = [i for i in range(made.get("TAIL")) if made.state(i)[0] >> SHIFT >= 17800]
        assert len(hits) > 1 and hits[0] > 32
    for cores in (5, 8):
        with Search(some, stop_on=1, effort=2, cores=cores) as made:
            assert everything(made) == alone


@pytest.mark.parametrize("words", [1, 2])
def test_table_almost_full(
    words: int, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    """Shards whose last lines are full leave keys over; the table grows on several cores."""
    monkeypatch.setattr(key_table, "_FULL", 0.999)
    monkeypatch.setattr(key_table, "_SMALL", 2048)
    monkeypatch.setattr(key_table, "_GROWTH", 1.05)
    monkeypatch.setattr(key_table, "LOW", 1024)
    clear_caches()
    request.addfinalizer(clear_caches)
    left = []
    for cores in (4, 7):
        with Search(model(words), effort=2, cores=cores) as made:
            made._call_together()
            made._call_together()
            assert made.team is not None
            place = made.team.kernel["place"]
            parts = made.team.parts

            def noting(*given: int) -> int:
                left.append(sum(part.get("LEFT_COUNT") for part in parts))  # noqa: B023
                return place(*given)  # type: ignore[no-any-return] # noqa: B023

            made.team.kernel = {**made.team.kernel, "place": noting}
            found = made.run()
            order = [made.state(index) for index in range(found.states)]
            assert order == [words_of(n, words) for n in WHOLE.parents]
    assert sum(left) > 0


def keeps_to_its_lines(words: int, cores: int) -> bool:
    """Say whether no core writes into the lines of another; a line that is cut has one owner."""
    with Search(model(words), effort=2, cores=cores) as made:
        made._call_together()
        made._call_together()
        team = made.team
        assert team is not None
        together, own = team.together, []

        def in_turns(name: str, given: Callable[[int], tuple[int, ...]]) -> list[int]:
            if name != "settle":
                return together(name, given)
            lines = made.get("SLOTS") // made.table.line
            for number in range(cores):
                before = made.regions["TABLE"].image()
                team.kernel[name](*given(number))
                after = made.regions["TABLE"].image()
                first, end = (64 * (lines * n // cores) for n in (number, number + 1))
                own.append(before[:first] == after[:first] and before[end:] == after[end:])
            return []

        team.together = in_turns  # type: ignore[method-assign]
        made.run()
        return len(own) > cores and all(own)


@pytest.mark.parametrize("words", WORDS)
def test_each_core_keeps_to_its_lines(words: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_table, "_FULL", 0.95)
    assert all(keeps_to_its_lines(words, cores) for cores in (3, 7))


@pytest.mark.parametrize(
    "name", ["wished-protocol", "concurrent-flushers[cache_flush=v2]", "drop-destroy-flush-snp-dma"]
)
@pytest.mark.parametrize("by_orbits", [False, True])
def test_cells_of_the_catalogue(
    name: str, by_orbits: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "_SLICE", 2_000)
    monkeypatch.setattr(parallel, "PART", 4_096)
    ((test, (cell, *_)),) = CATALOGUE.select([name], wide=True)
    machine = cell.machine(CATALOGUE.model_of(test.topic))
    watched = cell.claim.conditions
    by = orbits(machine, symmetry(machine, watched)) if by_orbits else None
    compiled = compile_machine(machine, watched, orbits=by)
    kind = OrbitSearch if by is not None else Search
    stop_on = 1 if cell.claim.kind == "never" else 0
    with kind(compiled, stop_on=stop_on, effort=2, cores=1) as made:
        alone = everything(made)
    with kind(compiled, stop_on=stop_on, effort=2, cores=3) as made:
        assert everything(made) == alone


def test_memory_limit() -> None:
    """What a chunk may need is too much; then one core goes on, to where it would get alone."""
    with Search(model(1), cores=1) as made:
        limit = int(made.run().allocated * 0.7)
    with Search(model(1), limits=Limits(memory=limit), effort=2, cores=1) as made:
        alone = everything(made)
    with Search(model(1), limits=Limits(memory=limit), effort=2, cores=3) as made:
        found = made.run()
        assert found.stopped == "memory" and found.allocated <= limit
        order = [made.state(index) for index in range(found.states)]
        assert order == [words_of(n, 1) for n in list(WHOLE.parents)[: found.states]]
        assert 8 * found.states >= 0.9 * len(alone[5])  # type: ignore[arg-type]


def test_an_interrupt_waits_for_the_other_cores() -> None:
    with Search(model(1), effort=2, cores=2) as made:
        made._call_together()
        made._call_together()
        assert made.team is not None
        expand = made.team.kernel["expand_part"]

        def slowly(*given: int) -> int:
            if threading.current_thread() is threading.main_thread():
                signal.raise_signal(signal.SIGINT)
            time.sleep(0.05)
            return expand(*given)  # type: ignore[no-any-return]

        made.team.kernel = {**made.team.kernel, "expand_part": slowly}
        assert made.run().stopped == "interrupt"
        assert made.team.parts[1].get("MADE") > 0 or made.team.parts[1].get("HEAD") > 0


def test_one_core_goes_on_where_others_are_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parallel, "ENOUGH", 0.4)
    watch = parallel._Watch(2)
    assert watch.free()
    watch.note(wall=0.04, cpu=0.04)
    assert watch.free()  # that was too short to say
    watch.note(wall=0.04, cpu=0.07)
    assert not watch.free()
    now = time.perf_counter()
    monkeypatch.setattr(time, "perf_counter", lambda: now + 2 * parallel.ALONE)
    assert watch.free()
    watch.note(wall=1.0, cpu=1.9)
    assert watch.free()


def test_a_worker_of_a_pool_uses_one_core(monkeypatch: pytest.MonkeyPatch) -> None:
    assert parallel.cores() >= 1
    monkeypatch.setattr(multiprocessing, "parent_process", lambda: object())
    assert parallel.cores() == 1
