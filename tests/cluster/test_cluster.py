"""Cells decided on a Ray cluster are decided as on one machine; a killed worker changes nothing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import pytest

from vmlitmus.cli.main import main

TOPIC = "split-lock"
needs_ray = pytest.mark.skipif(find_spec("ray") is None, reason="NO RAY: clusters are not tested")
CLUSTER = ["--cluster", "local", "--no-cache"]


def decided(text: str) -> object:
    def timeless(found: dict[str, object]) -> dict[str, object]:
        return {key: value for key, value in found.items() if key not in ("seconds", "engine")}

    return json.loads(text, object_hook=timeless)


def workers(parent: int) -> list[int]:
    """Return the processes of a local cluster that decide cells."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            name, up = place.joinpath("cmdline").read_bytes(), int(place.name)
            while up > 1 and up != parent:
                up = int(Path(f"/proc/{up}/stat").read_text().rpartition(")")[2].split()[1])
        except (OSError, IndexError):
            continue
        if up == parent and name.startswith(b"ray::_work"):
            found.append(int(place.name))
    return found


@needs_ray
def test_a_killed_worker_changes_no_answer(capsys) -> None:
    command = [sys.executable, "-m", "vmlitmus", "check", TOPIC, "--json", *CLUSTER]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    ends = time.monotonic() + 60
    while not (found := workers(process.pid)) and time.monotonic() < ends:
        time.sleep(0.05)
    assert found, "no worker was seen"
    time.sleep(1.0)
    os.kill(found[0], signal.SIGKILL)
    out, _ = process.communicate(timeout=300)
    assert process.returncode == 0
    assert main(["check", TOPIC, "--json", "--no-cache"]) == 0
    assert decided(out) == decided(capsys.readouterr().out)


@needs_ray
@pytest.mark.parametrize("address", ["127.0.0.1:9", "ray://127.0.0.1:9", "127.0.0.1", "a:99999"])
def test_a_cluster_that_is_not_there(address: str, capsys) -> None:
    assert main(["check", "page-reused", "--cluster", address, "--no-cache"]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith(f"vmlitmus: --cluster {address}: cannot be joined: ")


def test_without_ray_one_message(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    assert main(["check", "page-reused", "--cluster", "local", "--no-cache"]) == 2
    message = "--cluster needs Ray, which is not installed: pip install 'vmlitmus[ray]'"
    assert capsys.readouterr().err == f"vmlitmus: {message}\n"


@pytest.mark.parametrize("more", [["-j", "2"], ["--spill", "."], ["--checkpoint", "."]])
def test_what_is_for_one_machine(more: list[str], capsys) -> None:
    assert main(["check", "page-reused", *CLUSTER, *more]) == 2
    assert "--cluster does not go with --" in capsys.readouterr().err


def test_a_check_imports_nothing_of_ray() -> None:
    code = (
        "import sys; from vmlitmus.cli.main import main; main(['check', 'page-reused']);"
        "print([name for name in sys.modules if name.split('.')[0] == 'ray'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("\n[]\n")
