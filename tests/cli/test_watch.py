"""check --watch, shell completion, and the manual page."""

from __future__ import annotations

import os
import queue
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from vmlitmus.cli.decide import watch as decide_watch
from vmlitmus.cli.main import COMMANDS, main

RACE = Path(__file__).parent.parent / "browser" / "race"


class Watched:
    """A running check --watch, line by line."""

    def __init__(self, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-u", "-m", "vmlitmus", "check", "--watch", *arguments],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
        )  # fmt: skip
        self.lines: queue.Queue[str] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.put(line)

    def until(self, text: str, seconds: float = 30) -> list[str]:
        found = []
        end = time.monotonic() + seconds
        while True:
            found.append(self.lines.get(timeout=max(0.0, end - time.monotonic())))
            if text in found[-1]:
                return found

    def stop(self) -> int:
        os.killpg(self.process.pid, signal.SIGINT)
        return self.process.wait(timeout=20)


@pytest.fixture
def folder(tmp_path) -> Path:
    for name in ("race.toml", "kept.toml", "flushing.py"):
        (tmp_path / name).write_text((RACE / name).read_text())
    return tmp_path


def test_what_is_edited_is_checked_again(folder: Path) -> None:
    race, kept, model = (folder / name for name in ("race.toml", "kept.toml", "flushing.py"))
    watched = Watched(str(race), str(kept), "--model", str(model), "--engine", "reference")
    watched.until("2 of 2 as expected")
    race.write_text(race.read_text().replace('expect = "violated"', 'expect = "holds"'))
    lines = watched.until("1 unexpected")
    assert "1 of 2 tests rest on what was edited:\n" in lines
    assert not any("kept" in line for line in lines)
    text = model.read_text()
    model.write_text(text.replace("w.the(Page).mask.clear()", "pass"))
    lines = watched.until("2 of 2 as expected")
    assert "2 of 2 tests rest on what was edited:\n" in lines
    race.write_text("question = 3")
    watched.until("race.toml")
    race.write_text((RACE / "race.toml").read_text())
    watched.until("1 unexpected")
    time.sleep(1)  # the check has ended, and the next look is under way
    assert watched.stop() == 1


def test_a_file_that_is_faulty_at_first_is_watched_too(folder: Path) -> None:
    race = folder / "race.toml"
    race.write_text("question = [")
    watched = Watched(str(race), "--model", str(folder / "flushing.py"))
    watched.until("race.toml:1: ")
    time.sleep(0.5)
    race.write_text((RACE / "race.toml").read_text())
    watched.until("1 of 1 as expected")
    watched.stop()


@pytest.mark.parametrize("age", [-100, 0, 100])
def test_a_file_that_is_replaced_during_a_check_is_seen(folder: Path, monkeypatch, age) -> None:
    """Also by one with another time: an old one after cp -p, or one by a clock that is ahead."""
    race, other = folder / "race.toml", folder / "other.toml"
    uses = {str(race): [str(race)]}
    checks = []

    def check(selectors: list[str], options: list[str]) -> tuple[dict[str, list[str]], int]:
        if checks:
            raise KeyboardInterrupt
        checks.append(selectors)
        other.write_text("question = 3")
        os.utime(other, (time.time() + age,) * 2)
        other.replace(race)
        return uses, 0

    def sleep(seconds: float) -> None:
        pytest.fail("the edit is not seen")

    monkeypatch.setattr(decide_watch, "_check", check)
    monkeypatch.setattr(time, "sleep", sleep)
    assert decide_watch.watch([str(race)], []) == 0


def test_an_answer_comes_soon(folder: Path) -> None:
    """Compared with a check by hand, as machines differ: little more than that."""
    arguments = (str(folder / "race.toml"), "--model", str(folder / "flushing.py"))
    command = [sys.executable, "-m", "vmlitmus", "check", *arguments]
    watched = Watched(*arguments)
    watched.until("as expected")
    ratios = []
    for _ in range(3):
        began = time.monotonic()
        subprocess.run(command, capture_output=True, check=True)
        by_hand = time.monotonic() - began
        began = time.monotonic()
        (folder / "race.toml").write_text((RACE / "race.toml").read_text() + "\n")
        watched.until("as expected")
        ratios.append((time.monotonic() - began - 0.1) / by_hand)
    watched.stop()
    assert min(ratios) < 2


def test_standard_input_cannot_be_watched(capsys) -> None:
    assert main(["check", "-", "--watch"]) == 2
    assert "--watch: standard input cannot be edited" in capsys.readouterr().err


def complete(*words: str) -> list[str]:
    environment = {
        **os.environ, "_VMLITMUS_COMPLETE": "bash_complete",
        "COMP_WORDS": " ".join(["vmlitmus", *words]), "COMP_CWORD": str(len(words)),
    }  # fmt: skip
    command = [str(Path(sys.executable).parent / "vmlitmus")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return [line.partition(",")[2] for line in done.stdout.splitlines()]


def test_completion() -> None:
    assert set(complete("")) == set(COMMANDS)
    assert "drop-destroy-flush-sev" in complete("explain", "drop-")
    assert complete("check", "cache-f") == ["cache-flush"]
    assert "--time-limit" in complete("check", "--ti")
    assert set(complete("check", "--format", "j")) == {"json", "junit"}
    assert complete("list", "tests", "cache") == ["cache-flush"]
    assert complete("list", "cells", "drop-destroy-flush-snp-d") == ["drop-destroy-flush-snp-dma"]
    assert complete("new", "claim", "never-late", "--topic", "split") == ["split-lock"]
    assert complete("explain", "page-reused", "--reach", "stale-e") == ["stale-encrypted-line"]
    assert not any(complete("explain", "no-such-test", "--reach", "stale-e"))


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_are_read_by_their_shells(tmp_path, capsys, shell: str) -> None:
    assert main(["completion", shell]) == 0
    (tmp_path / "script").write_text(capsys.readouterr().out)
    assert "_VMLITMUS_COMPLETE" in (tmp_path / "script").read_text()
    if shutil.which(shell) is None:
        pytest.skip(f"NO SHELL {shell}: its completion script was not read")
    subprocess.run([shell, "-n", "script"], cwd=tmp_path, check=True)


def test_the_manual_page_is_read_by_groff(capsys) -> None:
    assert main(["man"]) == 0
    page = capsys.readouterr().out
    if shutil.which("groff") is None:
        pytest.skip("NO GROFF: the manual page was not formatted")
    command = ["groff", "-man", "-Tascii", "-Wbreak"]
    done = subprocess.run(command, input=page, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    plain = " ".join(re.sub(".\x08", "", done.stdout).split())
    for name in COMMANDS:
        assert f"vmlitmus {name}" in plain, name
    assert "EXIT STATUS" in plain
    assert not re.search(r"(INTEGER|FLOAT) RANGE|-- ?\S+ TEXT", plain)
    assert "--time-limit" in plain
