"""Models that end, stop, fork or fill the process that they run in: errors of the model."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from vmlitmus.cli.main import main

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
CHOSEN = """[kvm]
cache_flush = "hostile"
"""
TIMED = """question = "How often?"
topic = "cache-flush"
[claim]
possible = "page-reused"
[timing]
horizon = "1 ms"
time = [{ step = "*", constant = "10 us" }]
[[measure]]
rate = "reclaim"
"""
MECHANISM = """import os
from vmlitmus.model import TOPICS
from vmlitmus.model.kvm.cache_flush.policy import FlushPolicy
class Hostile(FlushPolicy):
    def __init__(self):
        os._exit(0)
MODEL = TOPICS["cache-flush"].variant(mechanisms={FlushPolicy: {"hostile": Hostile}})
"""
COMMANDS = {
    "check": ["check", "page-reused"],
    "check several": ["check", "page-reused", "reclaim-flush"],
    "explain": ["explain", "page-reused"],
    "table": ["table", "destroy-mirror"],
    "ablate": ["ablate", "reclaim-flush", "--needed-by", "no"],
    "grow": ["grow", "page-reused", "--raise", "machine.cores=3"],
    "export": ["export", "page-reused", "--to", "murphi"],
    "replay": ["replay", "page-reused", "--steps", "vcpu_load(vcpu0,cpu0)"],
    "list": ["list", "tests", "cache-flush"],
    "explore": ["explore", "page-reused"],
    "simulate": ["simulate", "timed.toml", "--runs", "2"],
}
LIMITED = {"check", "check several", "explain", "table", "ablate", "grow", "explore"}
SCANNING = (
    ["list", "parts"],
    ["list", "steps"],
    ["explain", "hostile.toml", "--without", "flush on destroy"],
    ["ablate", "hostile.toml"],
    ["ablate", "hostile.toml", "--require-load-bearing"],
    ["check", "hostile.toml", "--uses", "uses.json"],
)
ENDS = {
    "os._exit(0)": "os._exit(0)",
    "sys.exit(0)": "ends the program",
    "raise KeyboardInterrupt": "KeyboardInterrupt",
    "os.kill(os.getpid(), signal.SIGKILL)": "SIGKILL",
    "os.kill(os.getpid(), signal.SIGTERM)": "SIGTERM",
    "os.abort()": "SIGABRT",
    "os.fork()": "forks",
}


@dataclass
class Done:
    """What a command gave."""

    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def run(tmp_path, capfd, monkeypatch):
    """Run a command with a model in the current folder, named as people name it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("vmlitmus.cli.runs.explore._serve", lambda *_: None)

    def command(text: str, args: list[str], *limits: str) -> Done:
        (tmp_path / "mine.py").write_text(text)
        (tmp_path / "mine.toml").write_text(TEST)
        (tmp_path / "timed.toml").write_text(TIMED)
        (tmp_path / "hostile.toml").write_text(TEST.replace("hostile", "page-reused") + CHOSEN)
        code = main([*args, "--model", "mine.py", *limits])
        return Done(code, *capfd.readouterr())

    return command


def faulty(done: Done, *codes: int) -> str:
    """Return what was said of a model that is to blame."""
    text = done.stdout + done.stderr
    assert done.returncode in codes, text
    assert "Traceback" not in text
    assert "internal error" not in text
    assert "mine.py" in text
    return text


@pytest.mark.parametrize("body", ENDS)
def test_a_model_that_ends_the_program_when_it_is_imported(run, body: str) -> None:
    done = run(IMPORT.format(body=body), COMMANDS["check"])
    assert ENDS[body] in faulty(done, 2)
    assert done.stdout == ""


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_imports_a_model_so(run, name: str) -> None:
    done = run(IMPORT.format(body="os._exit(0)"), COMMANDS[name])
    assert "importing it ends the program, with os._exit(0)" in faulty(done, 2)


@pytest.mark.parametrize("name", sorted(set(COMMANDS) - {"list"}))
@pytest.mark.parametrize("body", ["os._exit(0)", "x = {}['no such']"])
def test_every_command_makes_a_world_so(run, name: str, body: str) -> None:
    done = run(SETUP.format(body=body), COMMANDS[name])
    text = faulty(done, 2, 3, *([0] if name in ("table", "grow") else []))
    assert "mine.py:5: " in text if "x = " in body else "ended its process" in text


@pytest.mark.parametrize("args", SCANNING, ids=" ".join)
def test_every_command_that_reads_the_parts_makes_mechanisms_so(run, args: list[str]) -> None:
    assert "ended its process" in faulty(run(MECHANISM, args), 2, 3)


@pytest.mark.parametrize("body", sorted(set(ENDS) - {"os.fork()"}))
def test_a_model_that_ends_the_program_when_it_makes_a_world(run, body: str) -> None:
    done = run(SETUP.format(body=body), COMMANDS["check"])
    if "SIGTERM" in body:  # left to the parent
        assert done.returncode == 0
    else:
        faulty(done, 2, 3)


def test_a_copy_that_a_model_forks_goes_no_further(run) -> None:
    done = run(SETUP.format(body="os.fork()"), COMMANDS["check"])
    assert done.returncode in (0, 3)
    assert done.stdout.count("page-reused") == 1


@pytest.mark.parametrize("text", [STEP, CLAIM])
@pytest.mark.parametrize("body", [*ENDS, "while True: pass", "x = bytearray(1 << 40)"])
def test_steps_and_claims_have_no_way_out(run, text: str, body: str) -> None:
    args = ["check", "mine.toml" if text == CLAIM else "page-reused"]
    done = run(text.format(body=body), args, "--time-limit", "5")
    assert "mine.py:" in faulty(done, 2)


LOOP = "while True: pass"
DEAF = "signal.signal(signal.SIGALRM, signal.SIG_IGN)\nwhile True:\n    time.sleep(1)"
FLOOD = "while True: print('flood' * 999)"


@pytest.mark.parametrize("body", [LOOP, DEAF, FLOOD])
@pytest.mark.parametrize("name", ["check", "explore"])
def test_an_import_has_an_end(run, monkeypatch, name: str, body: str) -> None:
    monkeypatch.setattr("vmlitmus.litmus.user_model.load.LEAST", 0.3)
    began = time.monotonic()
    done = run(IMPORT.format(body=body), COMMANDS[name], "--time-limit", "0.3")
    assert "longer than the time limit" in faulty(done, 2)
    assert time.monotonic() - began < 60
    assert len(done.stdout) + len(done.stderr) < 2000


@pytest.mark.parametrize("name", sorted(LIMITED))
def test_making_a_world_has_an_end(run, name: str) -> None:
    text = SETUP.format(body="while True: pass")
    done = run(text, COMMANDS[name], "--time-limit", "0.3")
    assert "longer than the time limit" in faulty(done, 3, *([0] if name == "table" else []))


@pytest.mark.parametrize("text", [IMPORT, SETUP])
def test_memory_has_an_end(run, text: str) -> None:
    """Both what one allocation takes, and what many take."""
    for body in ("x = bytearray(1 << 33)", "x = [bytes(1 << 20) for n in range(1 << 13)]"):
        done = run(text.format(body=body), COMMANDS["check"], "--memory-limit", "16M")
        assert "more memory" in faulty(done, 2)


def test_what_a_model_writes_is_no_part_of_the_result(run) -> None:
    body = "os.write(1, b'raw'); os.system('echo shell'); print('text')"
    for text in (IMPORT, SETUP):
        done = run(text.format(body=body), [*COMMANDS["check"], "--json"])
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith("{")
        assert {"raw", "shell", "text"} <= set(done.stderr.replace("raw", "raw\n").split())


def test_a_model_whose_parts_are_none(run) -> None:
    for body in ("conditions=(print,)", "steps=(1,)", "entities=(int,)", "name=3", "setup=None"):
        text = IMPORT.format(body="import dataclasses")
        text += f"MODEL = dataclasses.replace(MODEL, {body})\n"
        done = run(text, COMMANDS["list"])
        assert f"MODEL: {body.partition('=')[0]}: " in faulty(done, 2)


def test_an_own_exception_is_told_with_its_line(run) -> None:
    body = "raise type('Odd', (Exception,), {'__str__': lambda self: 1 / 0})"
    faulty(run(IMPORT.format(body=body), COMMANDS["check"]), 2)
    faulty(run(SETUP.format(body=body), COMMANDS["check"]), 2)


def test_no_process_is_left(run) -> None:
    """What a model has started at its import ends with the import that was tried."""
    body = "if os.fork() == 0: open('pid', 'w').write(str(os.getpid())), time.sleep(300)"
    assert "forks" in faulty(run(IMPORT.format(body=body), COMMANDS["check"]), 2)
    pid = int(Path("pid").read_text())
    ends = time.monotonic() + 60
    while runs(pid) and time.monotonic() < ends:
        time.sleep(0.05)
    assert not runs(pid)


def runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
