"""A full disk: what a command writes is whole, or what was there stays as it was."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest

from vmlitmus.cli.catalogue import new
from vmlitmus.cli.main import main

TRACES = Path(__file__).parents[2] / "data" / "traces"
TRACE = str(TRACES / "text-schedcore-cs-odd.txt.gz")
WRITERS = {
    "check -o": ["check", "page-reused", "--json", "-o", "{}"],
    "check --html": ["check", "page-reused", "-q", "--html", "{}"],
    "explain -o": ["explain", "reclaim-no-flush", "-o", "{}"],
    "explain svg": ["explain", "reclaim-no-flush", "--format", "svg", "-o", "{}"],
    "explain perfetto": ["explain", "reclaim-no-flush", "--format", "perfetto", "-o", "{}"],
    "table --html": ["table", "destroy-mirror", "--html", "{}"],
    "ablate -o": ["ablate", "reclaim-flush", "--needed-by", "no", "--json", "-o", "{}"],
    "grow --html": ["grow", "page-reused", "--raise", "machine.cores=3", "--html", "{}"],
    "audit trace --perfetto": ["audit", "trace", TRACE, "--core", "0-1", "--perfetto", "{}"],
    "audit collect": ["audit", "collect", "-o", "{}.tar"],
    "new": ["new", "topic", "a-policy", "-o", "{/}"],
}


@pytest.mark.parametrize("name", WRITERS)
def test_a_full_disk_leaves_what_was_there(small_disk: Path, capsys, name: str) -> None:
    for path in small_disk.iterdir():
        path.unlink()
    target = small_disk / "result"
    written = small_disk / "result.tar" if name == "audit collect" else target
    written.write_text("before")
    with suppress(OSError), (small_disk / "filler").open("ab", buffering=0) as file:
        while True:  # until nothing more goes in
            file.write(bytes(4096))
    there = sorted(path.name for path in small_disk.iterdir())
    args = [a.replace("{/}", str(small_disk)).replace("{}", str(target)) for a in WRITERS[name]]
    assert main(args) == 2
    assert "No space left on device" in capsys.readouterr().err
    assert written.read_text() == "before"
    assert sorted(path.name for path in small_disk.iterdir()) == there


@pytest.mark.parametrize("name", sorted(set(WRITERS) - {"new", "audit collect"}))
def test_a_full_device_is_an_error(capsys, name: str) -> None:
    assert main([a.replace("{}", "/dev/full") for a in WRITERS[name]]) == 2
    assert "No space left on device" in capsys.readouterr().err
    assert Path("/dev/full").is_char_device()


@pytest.mark.parametrize("name", [name for name in WRITERS if name.endswith("--html")])
def test_a_page_that_cannot_be_written_does_not_lose_the_result(capsys, name: str) -> None:
    assert main([a.replace("{}", "/dev/full") for a in WRITERS[name]]) == 2
    lost = capsys.readouterr()
    assert lost.err.endswith("vmlitmus: --html /dev/full: No space left on device\n")
    assert len(lost.out) > 20


def test_scaffolds_come_together_or_not_at_all(tmp_path, capsys, monkeypatch) -> None:
    """The second file of two does not fit."""

    def full(text: str, path: str) -> None:
        if path.endswith(".toml"):
            raise OSError(28, "No space left on device")
        Path(path).write_text(text)

    monkeypatch.setattr(new, "write_whole", full)
    assert main(["new", "topic", "a-policy", "-o", str(tmp_path)]) == 2
    assert "nothing was written" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_the_disk_is_full_in_the_middle_of_a_file(small_disk: Path, capsys) -> None:
    for path in small_disk.iterdir():
        path.unlink()
    target = small_disk / "result"
    target.write_text("before")
    (small_disk / "filler").write_bytes(bytes(40 << 10))
    assert main(["check", "page-reused", "-q", "--html", str(target)]) == 2
    assert "No space left on device" in capsys.readouterr().err
    assert target.read_text() == "before"
    assert sorted(path.name for path in small_disk.iterdir()) == ["filler", "result"]
