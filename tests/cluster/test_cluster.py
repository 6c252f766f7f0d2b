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


def workers(parent: int, title: bytes = b"ray::_work") -> list[int]:
    """Return the processes of a local cluster that are at work, by what they are called then."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            name, up = place.joinpath("cmdline").read_bytes(), int(place.name)
            while up > 1 and up != parent:
                up = int(Path(f"/proc/{up}/stat").read_text().rpartition(")")[2].split()[1])
        except (OSError, IndexError):
            continue
        if up == parent and name.startswith(title):
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


def killed(command: list[str], times: int) -> tuple[int, str]:
    """Run a command; kill a worker in the middle of a search, several times."""
    process = subprocess.Popen(
        [sys.executable, "-m", "vmlitmus", *command], stdout=subprocess.PIPE, text=True
    )
    ends = time.monotonic() + 900
    kills = 0
    before: set[int] = set()  # workers of attempts that were ended
    while kills < times and process.poll() is None and time.monotonic() < ends:
        if set(workers(process.pid, b"ray::_Actor.call")) - before:
            time.sleep(0.3)
            found = set(workers(process.pid, b"ray::_Actor.call")) - before
            os.kill(min(found), signal.SIGKILL)
            before |= found  # the search ends the others, and begins anew with other processes
            kills += 1
        time.sleep(0.02)
    assert kills == times, "no worker was seen"
    out, _ = process.communicate(timeout=300)
    return process.returncode, out


LARGE = "nested-asid-collision[version=7.2.8]"  # 236,839 states, violated
DIVIDED = ["--cluster", "local", "--shards", "3", "--no-symmetry"]


@needs_ray
def test_a_worker_of_a_search_is_killed(capsys) -> None:
    code, out = killed(["explain", LARGE, "--json", *DIVIDED], 1)
    assert code == 0
    assert main(["explain", LARGE, "--json", "--engine", "compiled", "--no-symmetry"]) == 0
    divided, alone = (json.loads(text)["tests"][0] for text in (out, capsys.readouterr().out))
    assert len(divided["trace"]) == len(alone["trace"])
    for key in ("verdict", "states", "transitions", "depth", "coverage", "never_fired"):
        assert divided[key] == alone[key], key


@needs_ray
def test_workers_of_a_search_are_killed_again_and_again() -> None:
    lasting = "mask-covers-dirty-cpus-three"  # 15,078,621 states: no attempt comes to its end
    code, out = killed(["check", lasting, "--no-cache", *DIVIDED], 3)
    assert code == 3
    assert "inconclusive" in out and "a worker was lost, 3 times" in out


@pytest.fixture(scope="module")
def address():
    """The address of a cluster that several commands join."""
    os.environ["RAY_AUTH_MODE"] = "disabled"
    code = (
        "import ray, sys; "
        "ray.init(address='local', num_cpus=3, include_dashboard=False, logging_level='ERROR');"
        "print(ray.get_runtime_context().gcs_address, flush=True); sys.stdin.read()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    yield process.stdout.readline().split()[-1]
    process.communicate("")
    del os.environ["RAY_AUTH_MODE"]


COMMANDS = {  # the same work, spread over a cluster
    "grow": ["grow", "page-reused", "--json", "--time-limit", "300", "--raise", "vm.1.pages=2"],
    "ablate": ["ablate", "punch-against-*", "--needed-by", "no", "--json"],
    "ablate, and who else needs it": ["ablate", "page-reused", "--json"],
    "simulate": ["simulate", "warn-lockers-in-time", "--runs", "10", "--json"],
    "user tests": ["check", "split-lock", "--json", "--no-cache"],
}


@needs_ray
@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_finds_the_same(name: str, address: str, capsys) -> None:
    found = []
    for more in (["--cluster", address], []):
        assert main([*COMMANDS[name], *more]) == 0
        found.append(decided(capsys.readouterr().out))
    assert found[0] == found[1]


@needs_ray
def test_more_shards_than_cores(address: str, capsys) -> None:
    assert main(["explain", "page-reused", "--cluster", address, "--shards", "9"]) == 2
    assert capsys.readouterr().err == "vmlitmus: --shards 9: the cluster has 3 cores\n"


@needs_ray
@pytest.mark.parametrize("address", ["127.0.0.1:9", "ray://127.0.0.1:9", "127.0.0.1", "a:99999"])
def test_a_cluster_that_is_not_there(address: str, capsys) -> None:
    assert main(["check", "page-reused", "--cluster", address, "--no-cache"]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith(f"vmlitmus: --cluster {address}: cannot be joined: ")


@needs_ray
def test_a_cluster_that_does_not_start(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    def late(**_: object) -> None:
        raise Exception("The current node timed out during startup.\nMore of it")

    monkeypatch.setattr("ray.init", late)
    assert main(["check", "page-reused", *CLUSTER]) == 2
    message = "--cluster local: cannot be joined: The current node timed out during startup."
    assert capsys.readouterr().err == f"vmlitmus: {message}\n"


def test_without_ray_one_message(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    assert main(["check", "page-reused", "--cluster", "local", "--no-cache"]) == 2
    message = "--cluster needs Ray, which is not installed: pip install 'vmlitmus[ray]'"
    assert capsys.readouterr().err == f"vmlitmus: {message}\n"


SHARDED = ["--shards", "2"]
REFUSED = (
    ["check", "page-reused", *CLUSTER, "-j", "2"],
    ["check", "page-reused", *CLUSTER, "--spill", "."],
    ["check", "page-reused", *CLUSTER, "--checkpoint", "."],
    ["check", "page-reused", *CLUSTER, *SHARDED, "--checkpoint", "."],
    ["check", "page-reused", *CLUSTER, *SHARDED, "--engine", "reference"],
    ["grow", "page-reused", "--cluster", "local", "--spill", "."],
    ["simulate", "warn-lockers-in-time", "--cluster", "local", "-j", "2"],
    ["simulate", "warn-lockers-in-time", "--cluster", "local", "--worst", "x"],
)


@pytest.mark.parametrize("command", REFUSED, ids=" ".join)
def test_what_is_for_one_machine(command: list[str], capsys) -> None:
    assert main(command) == 2
    assert "--cluster does not go with --" in capsys.readouterr().err


def test_shards_and_cluster_go_together(capsys) -> None:
    assert main(["check", "page-reused", "--shards", "2"]) == 2
    assert "--shards: say with --cluster" in capsys.readouterr().err
    assert main(["explain", "page-reused", "--cluster", "local"]) == 2
    assert "--cluster: say with --shards" in capsys.readouterr().err


def test_a_check_imports_nothing_of_ray() -> None:
    code = (
        "import sys; from vmlitmus.cli.main import main; main(['check', 'page-reused']);"
        "print([name for name in sys.modules if name.split('.')[0] == 'ray'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("\n[]\n")
