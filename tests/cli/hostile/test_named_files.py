"""Every option that names a file reads regular files, up to a bound, and waits for no pipe."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from cli_call import vmlitmus

from vmlitmus.named_file import read_named

RUN = str(Path(__file__).parents[2] / "data" / "traces" / "text-tgid-column.txt.gz")
REPLAY = ["replay", "page-reused", "--steps"]
READERS = [
    ["check"],
    ["check", "page-reused", "--model"],
    ["audit", "trace", RUN, "--vcpus"],
    ["audit", "trace", RUN, "--stats"],
    ["audit", "trace", RUN, "--host"],
    ["validate", RUN, "--topic", "smt-protection", "--vcpus"],
    ["validate", RUN, "--topic", "smt-protection", "--host"],
    ["audit", "host", "--xml"],
    ["audit", "host", "--qmp"],
    ["audit", "host", "--vmm-config"],
    ["audit", "host", "--root"],
    ["audit", "kernel", "--root"],
    ["audit", "kernel", "--changelog"],
]


@pytest.fixture
def little_memory() -> Iterator[None]:
    """At most 2 GiB more than now, so that what reads without end is seen soon."""
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    now = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (now + (2 << 30), hard))
    yield
    resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


@pytest.mark.parametrize(
    "command",
    [*READERS, [*REPLAY, "@"]],
    ids=lambda words: " ".join(word for word in words if word != RUN),
)
def test_a_device_is_refused(little_memory, capsys, command: list[str]) -> None:
    given = [*command, "/dev/zero"] if command[-1] != "@" else [*REPLAY, "@/dev/zero"]
    code, _, err = vmlitmus(capsys, *given)
    assert (code, "/dev/zero" in err, "memory" in err) == (2, True, False)


def test_a_pipe_that_nobody_fills_is_not_waited_for(tmp_path, capsys) -> None:
    pipe = str(tmp_path / "pipe")
    os.mkfifo(pipe)
    assert vmlitmus(capsys, "audit", "trace", RUN, "--vcpus", pipe)[0] == 2
    assert vmlitmus(capsys, "audit", "kernel", "--release", "7.2.8", "--changelog", pipe)[0] != 124
    assert vmlitmus(capsys, *REPLAY, f"@{pipe}")[0] == 2


def test_what_a_shell_gives_by_a_pipe_is_read() -> None:
    code = "import sys; from vmlitmus.named_file import read_named as r;"
    code += "print(len(r(sys.argv[1], 9, pipes=True)), end='')"
    shell = ["bash", "-c", f'"$0" -c "{code}" <(sleep 0.2; printf 12345678)', sys.executable]
    assert subprocess.run(shell, capture_output=True, text=True, check=True).stdout == "8"


def test_a_named_file_is_read_up_to_its_bound(tmp_path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x" * 10)
    assert read_named(path, 10) == b"x" * 10
    with pytest.raises(OSError, match="larger than 9 bytes"):
        read_named(path, 9)
    for odd in ("/dev/zero", str(tmp_path)):
        with pytest.raises(OSError, match="not a regular file"):
            read_named(odd, 10, pipes=True)
