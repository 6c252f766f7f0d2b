"""The live tier: real libvirtd and QEMU; ``pytest --live -n 0 tests/live`` as root."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

URI = "qemu:///system"
NEEDED = ("libvirtd", "virtlogd", "virsh", "qemu-system-x86_64", "taskset")


def why_not() -> str:
    """Say what is missing for this tier."""
    missing = [program for program in NEEDED if shutil.which(program) is None]
    if missing:
        return f"not installed: {', '.join(missing)}"
    if os.geteuid() != 0:
        return "not root"
    if Path("/run/libvirt/libvirt-sock").exists() and virsh("list").returncode == 0:
        return "a libvirtd runs here, and its domains are none of ours"
    if len(os.sched_getaffinity(0)) < 2:
        return "fewer than two cpus"
    return ""


def virsh(*words: str) -> subprocess.CompletedProcess[str]:
    command = ["virsh", "-q", "-c", URI, *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    folder = f"{Path(__file__).parent}{os.sep}"
    mine = {item for item in items if str(item.path).startswith(folder)}
    if config.getoption("--live") and (reason := why_not()):
        for item in mine:
            item.add_marker(pytest.mark.skip(reason=f"NO LIVE TIER, {reason}"))
    elif not config.getoption("--live"):
        config.hook.pytest_deselected(items=list(mine))
        items[:] = [item for item in items if item not in mine]


@pytest.fixture(scope="session")
def libvirtd(tmp_path_factory) -> Iterator[float]:
    """Start the daemons for these tests, and stop them; gives the seconds until they answered."""
    folder = tmp_path_factory.mktemp("libvirtd")
    (folder / "libvirtd.conf").write_text('auth_unix_rw = "none"\n')
    started = time.monotonic()
    with (folder / "log").open("w") as log:
        daemons = [
            subprocess.Popen(["virtlogd"], stdout=log, stderr=log),
            subprocess.Popen(
                ["libvirtd", "-f", str(folder / "libvirtd.conf")], stdout=log, stderr=log
            ),
        ]
        try:
            while virsh("list").returncode != 0:
                assert time.monotonic() - started < 30, (folder / "log").read_text()[-2000:]
                time.sleep(0.1)
            yield time.monotonic() - started
        finally:
            for daemon in daemons:
                daemon.terminate()
                daemon.wait(timeout=20)
