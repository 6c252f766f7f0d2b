"""The wide tier, what a run says at its end, and a disk that is soon full."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import FunctionType

import pytest

from vmlitmus.cli.start import GARBAGE

collect_ignore_glob = ["*.toml"]  # our own litmus files are inputs of tests


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--wide", action="store_true", help="run the slow, wide checks too")
    parser.addoption("--live", action="store_true", help="run tests/live: real libvirtd and QEMU")
    parser.addoption("--promote", action="store_true", help="write today's output into the pages")


def pytest_configure(config: pytest.Config) -> None:
    gc.set_threshold(*GARBAGE)
    # Children inherit what is ignored, as by nohup and in a shell's background job; they do not
    # inherit a handler.
    handlers = {signal.SIGINT: signal.default_int_handler, signal.SIGHUP: lambda *_: None}
    for number, handler in handlers.items():
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, handler)
    os.environ.pop("COLUMNS", None)  # results are as wide as in a pipe
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # else each command compiles what it imports
    os.environ["VMLITMUS_NO_CACHE"] = "1"  # a verdict that is tested is decided, not remembered
    config.addinivalue_line("markers", "wide: slow; runs with --wide")


def pytest_pycollect_makeitem(
    collector: pytest.Collector, name: str, obj: object
) -> list[pytest.Item] | None:
    """Make no items of a wide test that does not run: there would be 40,000."""
    if collector.config.getoption("--wide") or not isinstance(obj, FunctionType):
        return None
    return [] if any(m.name == "wide" for m in getattr(obj, "pytestmark", ())) else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--wide"):
        return
    wide = [item for item in items if item.get_closest_marker("wide")]
    config.hook.pytest_deselected(items=wide)
    items[:] = [item for item in items if not item.get_closest_marker("wide")]


def pytest_collection_finish(session: pytest.Session) -> None:
    """Leave alone what was collected: a million objects, at which the collector need not look."""
    gc.collect()
    gc.freeze()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say loudly what was not tested because the machine lacks something."""
    skipped = terminalreporter.stats.get("skipped", [])
    reasons = [str(report.longrepr[2]).removeprefix("Skipped: ") for report in skipped]
    for reason in dict.fromkeys(r for r in reasons if r.startswith("NO ")):
        terminalreporter.write_line(f"{reason}: {reasons.count(reason)} tests", red=True, bold=True)


@pytest.fixture(scope="module")
def small_disk(tmp_path_factory) -> Iterator[Path]:
    """A file system of 64 KiB."""
    folder = tmp_path_factory.mktemp("small")
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("a small file system cannot be mounted here: full disks are not tested")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)
