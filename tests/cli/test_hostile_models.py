"""Models that end, stop, fork or fill the process that they run in: errors of the model."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

IMPORT = """import os, signal, sys, time
from vmlitmus.model import TOPICS
{body}
MODEL = TOPICS["cache-flush"]
"""
SETUP = """import dataclasses, os, signal, sys, time
from vmlitmus.model import TOPICS
OLD = TOPICS["cache-flush"]
def setup(w, settings):
    {body}
    return OLD.setup(w, settings)
MODEL = dataclasses.replace(OLD, setup=setup)
"""
STEP = """import dataclasses, os, signal, sys, time
from vmlitmus.lang import Assumption, World, step
from vmlitmus.model import TOPICS
OLD = TOPICS["cache-flush"]
@step("something", source=Assumption("a-test", "nothing but this test"))
def something(w: World) -> None:
    {body}
MODEL = OLD.variant(steps=(something,))
"""
CLAIM = """import dataclasses, os, signal, sys, time
from vmlitmus.lang import Assumption, World, condition
from vmlitmus.model import TOPICS
@condition("hostile", "it is", source=Assumption("a-test", "nothing but this test"))
def hostile(w: World) -> bool:
    {body}
    return True
OLD = TOPICS["cache-flush"]
MODEL = dataclasses.replace(OLD, conditions=(*OLD.conditions, hostile))
"""
TEST = """question = "Is it?"
topic = "cache-flush"
[claim]
possible = "hostile"
"""
COMMANDS = {
    "check": ["check", "page-reused"],
    "check several": ["check", "page-reused", "reclaim-flush"],
    "explain": ["explain", "page-reused"],
    "table": ["table", "reclaim-chain"],
    "ablate": ["ablate", "reclaim-flush", "--needed-by", "no"],
    "grow": ["grow", "page-reused", "--raise", "machine.cores=3"],
    "replay": ["replay", "page-reused", "--steps", "vcpu_load(vcpu0,cpu0)"],
    "list": ["list", "tests", "cache-flush"],
    "explore": ["explore", "page-reused"],
}
LIMITED = {"check", "check several", "explain", "table", "ablate", "grow", "explore"}
ENDS = {
    "os._exit(0)": "os._exit(0)",
    "sys.exit(0)": "ends the program",
    "raise KeyboardInterrupt": "KeyboardInterrupt",
    "os.kill(os.getpid(), signal.SIGKILL)": "SIGKILL",
    "os.kill(os.getpid(), signal.SIGTERM)": "SIGTERM",
    "os.abort()": "SIGABRT",
    "os.fork()": "forks",
}


def run(folder: Path, text: str, args: list[str], *limits: str) -> subprocess.CompletedProcess[str]:
    """Run a command with a model in the current folder, named as people name it."""
    (folder / "mine.py").write_text(text)
    (folder / "mine.toml").write_text(TEST)
    command = [sys.executable, "-m", "vmlitmus", *args, "--model", "mine.py", *limits]
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL
    )


def faulty(done: subprocess.CompletedProcess[str], *codes: int) -> str:
    """Return what was said of a model that is to blame."""
    text = done.stdout + done.stderr
    assert done.returncode in codes, text
    assert "Traceback" not in text
    assert "internal error" not in text
    assert "mine.py" in text
    return text


@pytest.mark.parametrize("body", ENDS)
def test_a_model_that_ends_the_program_when_it_is_imported(tmp_path, body: str) -> None:
    done = run(tmp_path, IMPORT.format(body=body), COMMANDS["check"])
    assert ENDS[body] in faulty(done, 2)
    assert done.stdout == ""


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_imports_a_model_so(tmp_path, name: str) -> None:
    done = run(tmp_path, IMPORT.format(body="os._exit(0)"), COMMANDS[name])
    assert "importing it ends the program, with os._exit(0)" in faulty(done, 2)


@pytest.mark.parametrize("name", sorted(set(COMMANDS) - {"list"}))
@pytest.mark.parametrize("body", ["os._exit(0)", "x = {}['no such']"])
def test_every_command_makes_a_world_so(tmp_path, name: str, body: str) -> None:
    done = run(tmp_path, SETUP.format(body=body), COMMANDS[name])
    text = faulty(done, 2, 3, *([0] if name in ("table", "grow") else []))
    assert "mine.py:5: " in text if "x = " in body else "ended its process" in text


@pytest.mark.parametrize("body", ENDS)
def test_a_model_that_ends_the_program_when_it_makes_a_world(tmp_path, body: str) -> None:
    if body == "os.fork()":
        body = "os.fork() or os._exit(0)"
    faulty(
        run(tmp_path, SETUP.format(body=body), COMMANDS["check"]),
        *((0,) if "or" in body else ()),
        2,
        3,
    )


@pytest.mark.parametrize("text", [STEP, CLAIM])
@pytest.mark.parametrize("body", [*ENDS, "while True: pass", "x = bytearray(1 << 40)"])
def test_steps_and_claims_have_no_way_out(tmp_path, text: str, body: str) -> None:
    args = ["check", "mine.toml" if text == CLAIM else "page-reused"]
    done = run(tmp_path, text.format(body=body), args, "--time-limit", "5")
    assert "mine.py:" in faulty(done, 2)


LOOP = "while True: pass"
DEAF = "signal.signal(signal.SIGALRM, signal.SIG_IGN)\nwhile True:\n    time.sleep(1)"
FLOOD = "while True: print('flood' * 999)"


@pytest.mark.parametrize("body", [LOOP, DEAF, FLOOD])
@pytest.mark.parametrize("name", ["check", "explore"])
def test_an_import_has_an_end(tmp_path, name: str, body: str) -> None:
    began = time.monotonic()
    done = run(tmp_path, IMPORT.format(body=body), COMMANDS[name], "--time-limit", "0.3")
    assert "longer than the time limit" in faulty(done, 2)
    assert time.monotonic() - began < 60
    assert len(done.stdout) + len(done.stderr) < 2000


@pytest.mark.parametrize("name", sorted(LIMITED))
def test_making_a_world_has_an_end(tmp_path, name: str) -> None:
    text = SETUP.format(body="while True: pass")
    done = run(tmp_path, text, COMMANDS[name], "--time-limit", "0.3")
    assert "longer than the time limit" in faulty(done, 3, *([0] if name == "table" else []))


@pytest.mark.parametrize("text", [IMPORT, SETUP])
def test_memory_has_an_end(tmp_path, text: str) -> None:
    """Both what one allocation takes, and what many take."""
    for body in ("x = bytearray(1 << 33)", "x = [bytes(1 << 20) for n in range(1 << 13)]"):
        done = run(tmp_path, text.format(body=body), COMMANDS["check"], "--memory-limit", "16M")
        assert "more memory" in faulty(done, 2)


def test_what_a_model_writes_is_no_part_of_the_result(tmp_path) -> None:
    body = "os.write(1, b'raw'); os.system('echo shell'); print('text')"
    for text in (IMPORT, SETUP):
        done = run(tmp_path, text.format(body=body), [*COMMANDS["check"], "--json"])
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith("{")
        assert {"raw", "shell", "text"} <= set(done.stderr.replace("raw", "raw\n").split())


def test_a_model_whose_parts_are_none(tmp_path) -> None:
    for body in ("conditions=(print,)", "steps=(1,)", "entities=(int,)", "name=3", "setup=None"):
        text = f"import dataclasses\n{IMPORT.format(body='')}MODEL = dataclasses.replace(MODEL, {body})\n"
        done = run(tmp_path, text, COMMANDS["list"])
        assert f"MODEL: {body.partition('=')[0]}: " in faulty(done, 2)


def test_an_own_exception_is_told_with_its_line(tmp_path) -> None:
    body = "raise type('Odd', (Exception,), {'__str__': lambda self: 1 / 0})"
    faulty(run(tmp_path, IMPORT.format(body=body), COMMANDS["check"]), 2)
    faulty(run(tmp_path, SETUP.format(body=body), COMMANDS["check"]), 2)


def test_no_process_is_left(tmp_path) -> None:
    """What a model has started at its import ends with the import that was tried."""
    done = run(
        tmp_path,
        IMPORT.format(body="if os.fork() == 0: time.sleep(100)"),
        COMMANDS["check"],
        "--time-limit",
        "0.5",
    )
    faulty(done, 2)
    left = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True).stdout
    assert f"{tmp_path}" not in left
