"""Join a Ray cluster, and make sure that its machines have the same vmlitmus as this one."""

from __future__ import annotations

import hashlib
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from functools import cache
from pathlib import Path
from typing import Any

from vmlitmus.errors import UsageError

_PATIENCE = 10.0  # seconds in which a cluster has to answer
_READ = (".py", ".toml", ".txt", ".json")  # files of the package that answers rest on


@contextmanager
def joined(address: str, cores: int | None = None) -> Iterator[Any]:
    """Give Ray's module while this process is in a cluster.

    ``address`` is that of a cluster, "auto" for the one that this machine belongs to, or "local"
    for one of its own, with so many ``cores`` at least, that ends with the work. Raises UsageError
    where there is none.
    """
    with redirect_stdout(sys.stderr):  # Ray prints what happens to workers
        ray = _joined(address, cores)
        try:
            yield ray
        finally:
            ray.shutdown()


def _joined(address: str, cores: int | None) -> Any:
    try:
        import ray
    except ImportError:
        raise UsageError(
            "--cluster needs Ray, which is not installed: pip install 'vmlitmus[ray]'"
        ) from None
    quiet: dict[str, Any] = {"logging_level": "ERROR", "log_to_driver": False}
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        _answers(address)
        if address == "local":
            number = max(len(os.sched_getaffinity(0)), cores or 1)
            ray.init(include_dashboard=False, address="local", num_cpus=number, **quiet)
        else:
            ray.init(address=address, **quiet)
    except Exception as error:  # Ray says no more of what is wrong at its start
        reason = str(error).strip().split("\n")[0]
        raise UsageError(f"--cluster {address}: cannot be joined: {reason}") from None
    return ray


def _answers(address: str) -> None:
    """Raise OSError or ValueError where nobody answers: Ray itself would ask for minutes."""
    if address in ("local", "auto"):
        return
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if not colon or not port.isdecimal():
        raise ValueError("an address is HOST:PORT, ray://HOST:PORT, auto or local")
    socket.create_connection((host, int(port)), timeout=_PATIENCE).close()


@cache
def installed() -> bytes:
    """Return what stands for the vmlitmus of this machine: its code, its models and its tests."""
    root = Path(__file__).parents[2]
    found = hashlib.sha256(sys.version.encode())
    for path in sorted(p for p in root.rglob("*") if p.suffix in _READ):
        data = path.read_bytes()
        found.update(f"{path.relative_to(root)} {len(data)} ".encode() + data)
    return found.digest()


def other_version() -> str:
    """Return what is said where this machine has another vmlitmus than the one that asks."""
    return f"--cluster: {os.uname().nodename} has another version of vmlitmus, or of its models"
