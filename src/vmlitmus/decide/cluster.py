"""Decide cells on the machines of a Ray cluster; nothing else imports Ray."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import redirect_stdout
from typing import Any

from vmlitmus.decide.cache.keys import engine_version
from vmlitmus.errors import UsageError, VmlitmusError
from vmlitmus.outcome import Outcome
from vmlitmus.scenario import Cell, Test

_LOOK = 0.5  # seconds between two looks at what is under way
_PATIENCE = 10.0  # seconds in which a cluster has to answer
_AGAIN = 3  # times that cells whose worker is lost are decided again
Pair = tuple[Test, Cell]
Decide = Callable[[Any, list[Pair]], list[Outcome]]  # of what is asked, and of which cells


class OtherVersion(VmlitmusError):
    """A machine of the cluster has another vmlitmus than this one."""

    exit_code = 2

    def __init__(self, node: str) -> None:
        super().__init__(f"--cluster: {node} has another version of vmlitmus, or of its models")


def decided_on(
    address: str,
    asked: Any,
    groups: Sequence[tuple[int, ...]],
    pairs: Sequence[Pair],
    decide: Decide,
    busy: Callable[[str], None],
) -> Iterator[tuple[tuple[int, ...], list[Outcome] | None]]:
    """Yield each group of positions with its outcomes; None where its worker was lost each time.

    ``address`` is that of a cluster, "auto" for the one that this machine belongs to, or "local"
    for one of its own that ends with the work. Raises UsageError where there is none.
    """
    with redirect_stdout(sys.stderr):  # Ray prints what happens to workers
        ray = _joined(address)
        try:
            remote = ray.remote(num_cpus=1, max_retries=_AGAIN)(_work)
            waiting = {
                remote.remote(engine_version(), asked, [pairs[i] for i in group], decide): group
                for group in groups
            }
            while waiting:
                done, _ = ray.wait(list(waiting), num_returns=1, timeout=_LOOK)
                if not done:
                    busy(pairs[next(iter(waiting.values()))[0]][1].name)
                for reference in done:
                    group = waiting.pop(reference)
                    try:
                        yield group, ray.get(reference)
                    except (ray.exceptions.WorkerCrashedError, ray.exceptions.NodeDiedError):
                        yield group, None
                    except ray.exceptions.RayTaskError as error:
                        raise error.cause from None
        finally:
            ray.shutdown()


def _joined(address: str) -> Any:
    """Return the module, with this process in the cluster."""
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
            ray.init(include_dashboard=False, address="local", **quiet)
        else:
            ray.init(address=address, **quiet)
    except (RuntimeError, ValueError, OverflowError, OSError) as error:
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


def _work(version: bytes, asked: Any, some: list[Pair], decide: Decide) -> list[Outcome]:
    """Decide some cells on a worker."""
    if engine_version() != version:
        raise OtherVersion(os.uname().nodename)
    return decide(asked, some)
