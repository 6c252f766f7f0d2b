"""A search that is divided among workers finds what a search on one machine finds."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
import shard_judge
from here import Here
from shard_judge import by_seed
from test_search import BITS, COUNT, WHOLE, WORDS, Oracle, model, successors, words_of

from vmlitmus.decide import Job, decide
from vmlitmus.engine import Limits, run
from vmlitmus.engine.native.sharded import search, shard
from vmlitmus.engine.native.sharded.search import ShardedSearch
from vmlitmus.errors import UsageError
from vmlitmus.lang import Claim
from vmlitmus.litmus import Catalogue
from vmlitmus.litmus.catalogue import blessed
from vmlitmus.outcome import Verdict

ORDINARY = 200  # models by seed
CATALOGUE = Catalogue()
JOB = Job(CATALOGUE, engine="compiled")
NUMBERS = {words: {words_of(n, words): n for n in range(COUNT)} for words in WORDS}


@pytest.fixture(autouse=True)
def little_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shard, "ROOM", 40)
    monkeypatch.setattr(shard, "_PIECE", 7)
    monkeypatch.setattr(shard, "EFFORT", 0)


@pytest.mark.parametrize("workers", [2, 5])
@pytest.mark.parametrize("words", WORDS)
def test_whole_graph(words: int, workers: int) -> None:
    made = ShardedSearch(model(words), Here(workers))
    found = made.run()
    assert (found.states, found.transitions) == (len(WHOLE.parents), WHOLE.transitions)
    assert (found.depth, found.stopped) == (WHOLE.depth, None)
    assert found.coverage == (len(WHOLE.parents),) * 4
    share = found.states / workers
    assert all(abs(report.states - share) < 0.1 * share for report in made.reports)


@pytest.mark.parametrize("bit", [0, 1, 2])
@pytest.mark.parametrize("words", WORDS)
def test_a_run_to_the_end(words: int, bit: int) -> None:
    made = ShardedSearch(model(words), Here(3), stop_on=1 << bit)
    found = made.run()
    asked = set(BITS[bit : bit + 1])
    expected = Oracle(lambda n: n in asked or (bit == 2 and n % 89 == 5))
    assert (found.states, found.transitions) == (len(expected.parents), expected.transitions)
    assert found.depth == expected.depth
    if expected.hit is None:
        assert made.path is None
        return
    path = [NUMBERS[words][state] for state in made.path or ()]
    assert path[0] == 0 and len(path) == len(expected.path(expected.hit))
    assert all(after in successors(before) for before, after in itertools.pairwise(path))
    assert path[-1] in asked or (bit == 2 and path[-1] % 89 == 5)


@pytest.mark.parametrize("words", [1, 2])
def test_states_in_files(words: int, tmp_path: Path) -> None:
    narrow = replace(model(words), bits=45 if words == 1 else 126)
    workers = Here(3)
    made = ShardedSearch(narrow, workers, stop_on=1, limits=Limits(spill=str(tmp_path)))
    found = made.run()
    expected = Oracle(lambda n: n == BITS[0])
    assert (found.states, found.transitions) == (len(expected.parents), expected.transitions)
    assert len(made.path or ()) == len(expected.path(BITS[0]))
    assert all((one.remainders is not None) == (words == 1) for one in workers.shards)


@pytest.mark.parametrize("first", range(0, ORDINARY, 50))
def test_random_models(first: int) -> None:
    kinds: Counter[str] = Counter()
    for seed, found, text in by_seed(range(first, first + 50)):
        assert found.differs is None, f"seed {seed}: {found.differs}\n{text}"
        kinds[found.kind] += 1
    assert kinds["compared"] >= 35, kinds


@pytest.mark.wide
@pytest.mark.parametrize("first", range(ORDINARY, 10_200, 1_000))
def test_many_random_models(first: int) -> None:
    for seed, found, text in by_seed(range(first, first + 1_000)):
        assert found.differs is None, f"seed {seed}: {found.differs}\n{text}"


def cells(topics: bool) -> list[object]:
    """Return the largest cell below 3,000 states of each topic, or of each test."""
    found = {}
    for test in CATALOGUE.tests():
        counts = {name: stored[0] for name, stored in blessed(test.topic).items()}
        for cell in test.cells:
            key = test.topic if topics else test.name
            size = counts.get(cell.name, 0)
            if cell.claim.kind in ("never", "possible") and size < 3_000:
                found[key] = max(found.get(key, (0, "", None)), (size, cell.name, (test, cell)))
    return [pytest.param(*pair, id=name) for _, name, pair in found.values()]


def agrees(test, cell) -> None:
    for symmetry in ("off", "on"):
        job = replace(JOB, symmetry=symmetry)
        alone, divided = decide(job, test, cell), decide(replace(job, workers=Here(3)), test, cell)
        traces = alone.result.trace, divided.result.trace
        assert len({None if trace is None else len(trace) for trace in traces}) == 1
        expected, found = (
            replace(o, result=replace(o.result, trace=None, seconds=0.0), not_modelled=())
            for o in (alone, divided)
        )
        assert found == expected


@pytest.mark.parametrize(("test", "cell"), cells(True))
def test_cells(test, cell) -> None:
    agrees(test, cell)


@pytest.mark.wide
@pytest.mark.parametrize(("test", "cell"), cells(False))
def test_a_cell_of_each_test(test, cell) -> None:
    agrees(test, cell)


def machine_of(name: str):
    ((test, (cell, *_)),) = CATALOGUE.select([name], wide=True)
    return JOB.machine(test, cell), cell.claim


def test_limits() -> None:
    machine, claim = machine_of("mask-covers-dirty-cpus")
    for limits, reason in (
        (Limits(seconds=0.01), "time limit"),
        (Limits(memory=1 << 17), "memory limit"),
    ):
        found = run(machine, claim, limits=limits, workers=Here(3))
        assert found.verdict is Verdict.INCONCLUSIVE
        assert reason in (found.reason or ""), found.reason


def test_a_lost_worker() -> None:
    """The search begins again, also where the worker is lost while the run is sought."""
    machine, claim = machine_of("drop-destroy-flush-snp-dma")
    whole = run(machine, claim, engine="compiled")
    workers = Here(3)
    assert run(machine, claim, workers=workers).trace is not None
    calls = workers.calls
    for ends in ([2], [calls // 2], [calls - 4], [30, 70]):
        workers = Here(3, ends)
        found = run(machine, claim, workers=workers)
        assert workers.opened == 1 + len(ends)
        assert (found.states, found.transitions) == (whole.states, whole.transitions)
        assert found.verdict is Verdict.VIOLATED
        assert len(found.trace or ()) == len(whole.trace or ())
    found = run(machine, claim, workers=Here(3, range(10, 1000)))
    assert found.verdict is Verdict.INCONCLUSIVE
    assert found.reason == f"a worker was lost, {search.ATTEMPTS} times"


def test_claims_that_need_the_graph() -> None:
    machine, claim = machine_of("drop-destroy-flush-snp-dma")
    with pytest.raises(UsageError, match="workers decide never and possible"):
        run(machine, Claim("recoverable", claim.condition), workers=Here(2))


def test_what_is_sent_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = shard.Shard.receive
    monkeypatch.setattr(shard.Shard, "receive", lambda self, *boxes: whole(self, *boxes[1:]))
    with pytest.raises(shard_judge.EnginesDisagree, match="lost between workers"):
        ShardedSearch(model(1), Here(3)).run()
