"""Mistakes in a search on several cores, and in its checkpoints, are seen by its whole graph."""

from __future__ import annotations

from pathlib import Path

import pytest
import test_parallel
from copies import copied
from test_checkpoint import kept, often, stopped  # noqa: F401 - a fixture is among them
from test_parallel import everything, keeps_to_its_lines, together_soon  # noqa: F401 - used by all tests here
from test_search import WHOLE, model, words_of

from vmlitmus.engine.native import parallel, search
from vmlitmus.engine.native.kernels import parallel as passes
from vmlitmus.engine.native.search import Search
from vmlitmus.engine.native.storage import checkpoint
from vmlitmus.engine.native.storage.checkpoint import CheckpointError
from vmlitmus.errors import EnginesDisagree

OF_CORES = {
    "of the successors 32 to 63 in a word the first half is new": (
        "1 << (k & 63)",
        "1 << (k & 31)",
    ),
    "the last word of a batch is not looked at": (
        "(load(ctx, MADE) + 63) >> 6",
        "load(ctx, MADE) >> 6",
    ),
    "what is kept of a batch keeps the place of its parent": (
        "store32(load(ctx, FROM), n, load32(load(ctx, FROM), k))",
        "load32(load(ctx, FROM), k)",
    ),
    "a core counts for itself": (
        "add_up(load(ctx, COVERAGE), load(part, COVERAGE), load(ctx, COUNTERS))",
        "add_up(load(ctx, COVERAGE), load(part, COVERAGE), 0)",
    ),
    "the families at the end of a part have no end": (
        "    while noted * FAMILY < end:\n",
        "    while noted * FAMILY + FAMILY < end:\n",
    ),
}
OF_CHECKPOINTS = {
    "transitions are not noted": ('"TRANSITIONS", ', ""),
    "coverage is not noted": ('("COVERAGE", "HITS", "MORE")', '("HITS", "MORE")'),
    "where children begin is noted one too late": (
        '"CHILDREN": (4, "NOTED")',
        '"CHILDREN": (4, "DEPTH")',
    ),
    "what is beyond the last whole level stays": ("                file.truncate(size)\n", ""),
}


@pytest.mark.parametrize("name", OF_CORES)
def test_fault_in_the_work_of_several_cores_is_seen(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Search(model(1), effort=2, cores=1) as made:
        alone = everything(made)
    old, new = OF_CORES[name]
    monkeypatch.setattr(parallel, "parallel", copied(passes, tmp_path, {old: new}))
    test_parallel.clear_caches()
    try:
        with Search(model(1), effort=2, cores=3) as made:
            assert everything(made) != alone
    except EnginesDisagree:  # a run cannot be found again
        pass
    finally:
        monkeypatch.undo()
        test_parallel.clear_caches()


def test_fault_in_what_a_core_may_write_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = "lines * number // count << LINE_BITS", "load(ctx, SLOTS)"
    monkeypatch.setattr(parallel, "parallel", copied(passes, tmp_path, {old: new}))
    test_parallel.clear_caches()
    try:
        assert not keeps_to_its_lines(1, 3)
    finally:
        monkeypatch.undo()
        test_parallel.clear_caches()


def goes_on(folder: Path) -> bool:
    """Say whether a search that is stopped now and then finds the whole graph."""
    try:
        stopped(folder, 1, 100)
        for most in (800, 3000, 12_000):
            stopped(folder, 1, most, resume=True)
        with Search(model(1), limits=kept(folder, resume=True)) as made:
            found = made.run()
            order = [made.state(index) for index in range(found.states)]
            path = made.path(found.states - 1)
    except (CheckpointError, EnginesDisagree):
        return False
    last = list(WHOLE.parents)[-1]
    return (
        (found.transitions, found.depth, found.observed) == (WHOLE.transitions, WHOLE.depth, 7)
        and found.coverage == (len(WHOLE.parents),) * 4
        and order == [words_of(n, 1) for n in WHOLE.parents]
        and path == [words_of(m, 1) for m in WHOLE.path(last)]
    )


def test_without_a_fault_it_goes_on(often: None, tmp_path: Path) -> None:  # noqa: F811
    assert goes_on(tmp_path / "kept")


@pytest.mark.parametrize("name", OF_CHECKPOINTS)
def test_fault_in_a_checkpoint_is_seen(
    name: str,
    often: None,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    old, new = OF_CHECKPOINTS[name]
    module = copied(checkpoint, tmp_path, {old: new})
    module.CheckpointError = CheckpointError
    monkeypatch.setattr(module, "_CHUNK", 4096)
    monkeypatch.setattr(search, "Checkpoint", module.Checkpoint)
    assert not goes_on(tmp_path / "kept")
