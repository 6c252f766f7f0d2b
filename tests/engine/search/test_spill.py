"""A search whose states are in a file finds what a search in memory finds."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from test_search import BITS, WHOLE, model, words_of

from vmlitmus.cli.main import main
from vmlitmus.engine import Limits, run
from vmlitmus.engine.native import search
from vmlitmus.engine.native.graph import unrecoverable
from vmlitmus.engine.native.search import Search
from vmlitmus.engine.native.storage import log_file, remainder_table
from vmlitmus.litmus import Catalogue
from vmlitmus.litmus.catalogue import blessed

CELLS = 3  # of each topic, in the ordinary tests
SMALL, LARGE = 300, 60_000  # states of a cell that is compared
WIDTHS = {36: 0, 45: 1, 55: 2, 63: 4}  # bits of a state: bytes of a key beyond the first 31 bits


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let everything be written, given back and grown as often as can be."""
    monkeypatch.setattr(log_file, "_CHUNK", 4096)
    monkeypatch.setattr(search, "_SLICE", 500)
    monkeypatch.setattr(remainder_table, "_FIRST_LINES", 4)
    monkeypatch.setattr(remainder_table, "_FEW_LINES", 16)


@pytest.mark.parametrize("words", [1, 2, 3])
@pytest.mark.parametrize("bits", WIDTHS)
def test_whole_graph(tiny: None, tmp_path: Path, bits: int, words: int) -> None:
    narrow = replace(model(words), bits=bits if words == 1 else 63 * words)
    with Search(narrow, limits=Limits(spill=str(tmp_path))) as made:
        assert (made.remainders is not None) == (words == 1)
        found = made.run()
        assert (found.states, found.transitions) == (len(WHOLE.parents), WHOLE.transitions)
        assert found.depth == WHOLE.depth
        order = [made.state(index) for index in range(found.states)]
        assert order == [words_of(n, words) for n in WHOLE.parents]
        last = list(WHOLE.parents)[-1]
        assert made.path(found.states - 1) == [words_of(m, words) for m in WHOLE.path(last)]
        if words == 1:
            assert made.get("MORE_BYTES") == WIDTHS[bits]
            assert 0 < made.get("OVERFLOWN") < 0.1 * found.states
            assert found.allocated < 12.5 * found.states
        assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("bits", WIDTHS)
def test_lines_almost_full(
    tiny: None, tmp_path: Path, bits: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With hardly a number free, and growing by little, the table loses nothing."""
    monkeypatch.setattr(remainder_table, "_LINES_FULL", 0.999)
    monkeypatch.setattr(remainder_table, "_LINE_GROWTH", 1.05)
    with Search(replace(model(1), bits=bits), limits=Limits(spill=str(tmp_path))) as made:
        found = made.run()
        assert (found.states, found.transitions) == (len(WHOLE.parents), WHOLE.transitions)


def test_first_hit_and_what_cannot_recover(tiny: None, tmp_path: Path) -> None:
    limits = Limits(spill=str(tmp_path))
    with Search(model(1), stop_on=1) as plain, Search(model(1), stop_on=1, limits=limits) as made:
        expected, found = plain.run(), made.run()
        assert expected.hit == found.hit is not None
        assert plain.path(found.hit) == made.path(found.hit)
        assert made.state(found.hit) == words_of(BITS[0], 1)
    with Search(model(1), graph=True) as plain, Search(model(1), limits=limits, graph=True) as made:
        plain.run(), made.run()
        assert unrecoverable(plain, 1) == unrecoverable(made, 1)


def cells(most: int | None) -> list[object]:
    """Return some cells of each topic, with claims of all kinds, or all cells."""
    catalogue, found = Catalogue(), []
    for topic in catalogue.topics():
        counts = {name: stored[0] for name, stored in blessed(topic).items()}
        every = [(t, cell) for t in catalogue.tests(topic) if not t.wide for cell in t.cells]
        fit = [pair for pair in every if SMALL < counts.get(pair[1].name, 0) < LARGE]
        fit.sort(key=lambda pair: -counts[pair[1].name])
        kinds = {str(cell.claim).split()[0]: (t, cell) for t, cell in reversed(fit)}
        chosen = [*fit[:: len(fit) // most + 1], *kinds.values()] if most else fit
        found += {cell.name: (t, cell) for t, cell in chosen}.values()
    return [pytest.param(test, cell, id=cell.name) for test, cell in found]


def compare(test, cell, folder: Path) -> None:
    machine = cell.machine(Catalogue().model_of(test.topic))
    for symmetry in ("off", "on") if cell.claim.kind in ("never", "possible") else ("off",):
        plain, spilled = (
            run(machine, cell.claim, engine="compiled", limits=limits, symmetry=symmetry)
            for limits in (Limits(), Limits(spill=str(folder)))
        )
        assert replace(plain, seconds=0.0) == replace(spilled, seconds=0.0)


@pytest.mark.parametrize(("test", "cell"), cells(CELLS))
def test_cells(tiny: None, tmp_path: Path, test, cell) -> None:
    compare(test, cell, tmp_path)


@pytest.mark.wide
@pytest.mark.parametrize(("test", "cell"), cells(None))
def test_every_cell(tiny: None, tmp_path: Path, test, cell) -> None:
    compare(test, cell, tmp_path)


LONG = "mask-covers-dirty-cpus-three"


def test_an_interrupt_leaves_nothing(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "vmlitmus", "check", LONG, "--no-symmetry"]
    process = subprocess.Popen(
        [*command, "--engine", "compiled", "--spill", str(tmp_path)],
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    while not any(
        str(tmp_path) in os.readlink(link)
        for link in Path(f"/proc/{process.pid}/fd").iterdir()
        if link.is_symlink()
    ):
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 130
    assert not list(tmp_path.iterdir())


CELL = (
    "policy-grid-two-reclaimers[cache_flush=v3,"
    "allow=guest-write+eviction+migration+reclaim+host-reuse]"
)
COMPILED = ("--engine", "compiled", "--no-symmetry")


def test_a_full_disk_ends_the_search(small_disk: Path, capsys) -> None:
    assert main(["check", CELL, "--spill", str(small_disk), *COMPILED]) == 3
    out, err = capsys.readouterr()
    assert f"(no room is left on the disk of {small_disk})" in out
    assert not err
    assert not list(small_disk.iterdir())


def test_a_file_may_not_grow_so_far(tmp_path: Path, capsys) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, hard))
    try:
        assert main(["check", CELL, "--spill", str(tmp_path), *COMPILED]) == 3
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert f"no room is left on the disk of {tmp_path}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("folder", "message"),
    [
        ("{}/none", "there is no such folder"),
        ("{}/file", "not a folder"),
        ("/proc", "no file can be made there: no such file or directory"),
    ],
)
def test_a_folder_that_does_not_serve(tmp_path: Path, capsys, folder: str, message: str) -> None:
    (tmp_path / "file").touch()
    folder = folder.format(tmp_path)
    assert main(["explain", "page-reused", "--spill", folder]) == 2
    assert capsys.readouterr().err == f"vmlitmus: --spill {folder}: {message}\n"


def test_the_reference_engine_has_no_file(tmp_path: Path, capsys) -> None:
    assert main(["check", "page-reused", "--engine", "reference", "--spill", str(tmp_path)]) == 2
    assert "--spill: the reference engine keeps all in memory" in capsys.readouterr().err


MEASURED = f"""
import resource, sys
from vmlitmus.cli.main import main
main(["check", "{LONG}", "--no-symmetry", "--engine", "compiled", "--no-cache", *sys.argv[1:]])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.wide
def test_memory_that_a_large_search_takes(tmp_path: Path) -> None:
    """1.5e7 states: 300 MB in memory, at most 8 bytes a state and 32 MiB where a file has them."""

    def most(*options: str) -> int:
        command = [sys.executable, "-c", MEASURED, *options]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert "15078621 states" in done.stdout
        return int(done.stdout.split()[-1]) * 1024

    base = 100 << 20  # the interpreter with all that it has imported
    assert most() > 300_000_000
    assert most("--spill", str(tmp_path)) < base + (32 << 20) + 8 * 15_078_621
