"""A search that was killed goes on from its checkpoint as if nothing had happened."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from test_search import WHOLE, model, words_of

from vmlitmus.cli.main import main
from vmlitmus.engine import Limits, native, run
from vmlitmus.engine.limits import Checkpoints
from vmlitmus.engine.native import search
from vmlitmus.engine.native.graph import unrecoverable
from vmlitmus.engine.native.search import Search
from vmlitmus.engine.native.storage import checkpoint
from vmlitmus.engine.native.storage.checkpoint import CheckpointError
from vmlitmus.litmus import Catalogue

KILLS = 50  # in the wide tests
CELL = (
    "policy-grid-two-reclaimers[cache_flush=wished,"
    "allow=guest-write+eviction+migration+reclaim+host-reuse]"
)
OPTIONS = ("--engine", "compiled", "--no-symmetry", "--no-cache")


def kept(folder: Path, *, resume: bool = False, spill: bool = False) -> Limits:
    return Limits(
        spill=str(folder.parent) if spill else None,
        checkpoints=Checkpoints(str(folder), resume, ("graph",)),
    )


def stopped(folder: Path, words: int, most: int, **more: bool) -> None:
    """Search up to so many states; what was found after the last whole level is lost."""
    graph = more.pop("graph", False)
    with Search(model(words), graph=graph, limits=kept(folder, **more)) as made:
        assert made.run(most).stopped == "large"


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "_SLICE", 100)
    monkeypatch.setattr(checkpoint, "_CHUNK", 4096)


@pytest.mark.parametrize("spill", [False, True])
@pytest.mark.parametrize("words", [1, 2, 3])
def test_goes_on(often: None, tmp_path: Path, words: int, spill: bool) -> None:
    folder = tmp_path / "kept"
    stopped(folder, words, 100)
    for most in (800, 3000, 12_000):
        stopped(folder, words, most, resume=True, spill=spill)
    with Search(model(words), limits=kept(folder, resume=True, spill=not spill)) as made:
        assert made.get("TAIL") > 2000, "it does not begin anew"
        found = made.run()
        assert (found.states, found.transitions) == (len(WHOLE.parents), WHOLE.transitions)
        assert (found.depth, found.observed) == (WHOLE.depth, 7)
        assert found.coverage == (len(WHOLE.parents),) * 4
        order = [made.state(index) for index in range(found.states)]
        assert order == [words_of(n, words) for n in WHOLE.parents]
        last = list(WHOLE.parents)[-1]
        assert made.path(found.states - 1) == [words_of(m, words) for m in WHOLE.path(last)]
        made.finished()
    assert not list(folder.iterdir())


def test_goes_on_and_asks_what_leads_where(often: None, tmp_path: Path) -> None:
    stopped(tmp_path / "kept", 1, 9000, graph=True)
    limits = kept(tmp_path / "kept", resume=True)
    with Search(model(1), graph=True, limits=limits) as made, Search(model(1), graph=True) as plain:
        made.run(), plain.run()
        assert unrecoverable(made, 1) == unrecoverable(plain, 1) is not None


def test_liveness_goes_on(often: None, tmp_path: Path) -> None:
    catalogue = Catalogue()
    test, cell = next(
        (t, c) for t in catalogue.tests("ap-creation") for c in t.cells if c.claim.is_liveness
    )
    machine, claim = cell.machine(catalogue.model_of(test.topic)), cell.claim
    plain = run(machine, claim, engine="compiled")
    for resume in (False, True):
        limits = replace(kept(tmp_path / "kept", resume=resume), seconds=None if resume else 0.0)
        again = run(machine, claim, engine="compiled", limits=limits)
    assert replace(again, seconds=0.0) == replace(plain, seconds=0.0)


def damage(folder: Path, name: str) -> None:
    [place] = folder.iterdir()
    data = bytearray((place / name).read_bytes())
    data[len(data) // 3] ^= 1
    (place / name).write_bytes(data)


@pytest.mark.parametrize("name", ["log", "children", "manifest.json"])
def test_a_damaged_one_is_refused(often: None, tmp_path: Path, name: str) -> None:
    stopped(tmp_path / "kept", 1, 3000)
    damage(tmp_path / "kept", name)
    with pytest.raises(CheckpointError, match=f"{name}: is damaged; remove .* to begin anew"):
        Search(model(1), limits=kept(tmp_path / "kept", resume=True))


def test_one_that_was_cut_is_refused(often: None, tmp_path: Path) -> None:
    stopped(tmp_path / "kept", 1, 3000)
    [place] = (tmp_path / "kept").iterdir()
    os.truncate(place / "log", 800)
    with pytest.raises(CheckpointError, match="log: is damaged"):
        Search(model(1), limits=kept(tmp_path / "kept", resume=True))


def test_one_of_another_model_or_version_is_refused(
    often: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped(tmp_path / "kept", 1, 3000)
    limits = kept(tmp_path / "kept", resume=True)
    other = replace(model(1), ir=model(1).ir.replace(", 7\n", ", 8\n", 1))
    assert other != model(1)
    for changed in (other, replace(model(1), fanout=5)):
        with pytest.raises(CheckpointError, match="is a checkpoint of another model or test"):
            Search(changed, limits=limits)
    with pytest.raises(CheckpointError, match="is a checkpoint of another model or test"):
        Search(model(1), stop_on=1, limits=limits)
    monkeypatch.setattr(checkpoint, "engine", lambda: b"another version")
    with pytest.raises(CheckpointError, match="or of another version of vmlitmus"):
        Search(model(1), limits=limits)


def test_it_is_of_all_code_that_searches(tmp_path: Path, monkeypatch) -> None:
    """An edit of any file of the compiled engine makes earlier checkpoints those of another."""
    copy = shutil.copytree(Path(native.__file__).parent, tmp_path / "native")
    monkeypatch.setattr(native, "__file__", str(copy / "__init__.py"))
    checkpoint.engine.cache_clear()
    seen = {checkpoint.engine()}
    for name in ("kernels/breadth_first.py", "search.py", "storage/store.py", "symmetry/orbits.py"):
        (copy / name).write_text((copy / name).read_text() + "\n")
        checkpoint.engine.cache_clear()
        seen.add(checkpoint.engine())
    checkpoint.engine.cache_clear()
    assert len(seen) == 5


def test_one_is_not_lost_by_mistake_nor_used_twice(often: None, tmp_path: Path) -> None:
    stopped(tmp_path / "kept", 1, 3000)
    with pytest.raises(CheckpointError, match="has a checkpoint of graph; go on from it with"):
        Search(model(1), limits=kept(tmp_path / "kept"))
    limits = kept(tmp_path / "kept", resume=True)
    message = "another process searches with it"
    with Search(model(1), limits=limits), pytest.raises(CheckpointError, match=message):
        Search(model(1), limits=limits)


SLOW = """
import sys, time
from vmlitmus.cli.main import main
from vmlitmus.cli.output.progress import Ticker
from vmlitmus.engine.native import search
search._SLICE = 2000
def told(self, progress):
    print(progress.depth, flush=True)
    time.sleep(0.008)  # so that many moments are in the search, and few at its ends
Ticker.search = told
finished = search.Search.finished
def answered(self):
    print(-1, flush=True)
    finished(self)
search.Search.finished = answered
sys.exit(main(sys.argv[1:]))
"""


def killed(folder: Path, seconds: float, *more: str) -> int | None:
    """Search, and kill the process; return the depth that it told, None with an answer."""
    command = [sys.executable, "-c", SLOW, "check", CELL, *OPTIONS, "--checkpoint", str(folder)]
    process = subprocess.Popen([*command, *more], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    told = [int(process.stdout.readline())]  # from the first look on
    time.sleep(seconds)
    process.send_signal(signal.SIGKILL)
    lines = process.stdout.read().split("\n")[:-1]
    process.wait()
    process.stdout.close()
    told += [int(line) for line in lines if line.isdigit()]
    return None if "-1" in lines else told[-1]


def decided(*options: str) -> dict[str, object]:
    """Return what is decided of the cell, without times."""
    command = [sys.executable, "-m", "vmlitmus", "check", CELL, *OPTIONS, "--json", *options]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    [found] = json.loads(done.stdout, object_hook=_timeless)["tests"]
    assert found["states"] > 500_000
    return found


def _timeless(found: dict[str, object]) -> dict[str, object]:
    return {key: value for key, value in found.items() if key != "seconds"}


def kill_often(folder: Path, kills: int, seed: int) -> None:
    """Kill a search at so many random moments; it loses a level at most, and ends as ever."""
    numbers = random.Random(seed)
    expected = decided()
    done = 0
    while done < kills:
        there = list(folder.glob("*/manifest.json"))
        depth = killed(folder, numbers.random() * 2, *(["--resume"] if there else []))
        if depth is None:
            continue
        done += 1
        [manifest] = folder.glob("*/manifest.json")
        noted = json.loads(manifest.read_text().partition("\n")[2])["counters"]["DEPTH"]
        assert noted >= depth - 1
        if numbers.random() < 0.3:
            assert decided("--checkpoint", str(folder), "--resume") == expected
            assert not list(folder.iterdir())
    assert decided("--checkpoint", str(folder), "--resume") == expected


def test_killed_at_random_moments(tmp_path: Path) -> None:
    kill_often(tmp_path, 3, seed=1)


@pytest.mark.wide
def test_killed_at_many_random_moments(tmp_path: Path) -> None:
    kill_often(tmp_path, KILLS, seed=2)


def test_a_full_disk_leaves_a_checkpoint_that_serves(
    often: None, small_disk: Path, tmp_path: Path, capsys
) -> None:
    assert main(["check", CELL, *OPTIONS, "--checkpoint", str(small_disk)]) == 3
    out = capsys.readouterr().out
    assert f"(no room is left on the disk of {small_disk}; kept is all up to depth " in out
    shutil.copytree(small_disk, tmp_path / "kept")
    assert main(["check", CELL, *OPTIONS, "--checkpoint", str(tmp_path / "kept"), "--resume"]) == 0
    assert "546411 states" in capsys.readouterr().out
    assert not list((tmp_path / "kept").iterdir())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--resume"], "--resume: say with --checkpoint DIR from where"),
        (["--checkpoint", "{}/none"], "--checkpoint {}/none: there is no such folder"),
        (["--checkpoint", "{}", "--resume"], "--resume: {} has no checkpoint"),
        (
            ["--checkpoint", "{}", "--engine", "reference"],
            "--checkpoint: the reference engine keeps all in memory; use --engine compiled",
        ),
    ],
)
def test_options_that_do_not_fit(tmp_path: Path, capsys, options: list[str], message: str) -> None:
    given = [option.format(tmp_path) for option in options]
    assert main(["check", "page-reused", *given]) == 2
    assert capsys.readouterr().err == f"vmlitmus: {message.format(tmp_path)}\n"


def test_symmetry_goes_on_too(often: None, tmp_path: Path, capsys) -> None:
    name = "mask-covers-dirty-cpus"
    options = ("--engine", "compiled", "--symmetry", "--no-cache", "--checkpoint", str(tmp_path))
    assert main(["check", name, *options, "--time-limit", "1ms"]) == 3
    assert list(tmp_path.glob("*orbits*/manifest.json"))
    assert main(["check", name, *options, "--resume"]) == 0
    assert not list(tmp_path.iterdir())
