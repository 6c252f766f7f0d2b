"""Memory does not grow with the length of a recording: 10^8 events read, 10^7 audited."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from maker import Shape, event, make_dat

from vmlitmus.trace import Kind

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "long_recording.py"
HLT, SVM = 0x78, 2


@pytest.mark.wide
def test_memory_is_the_same_for_a_hundredth_of_the_events(tmp_path: Path) -> None:
    events = []
    for n in range(1000):
        for cpu in range(4):
            time, task = 10**9 + 2000 * n + cpu, 100 + cpu
            events.append(event(time, cpu, Kind.ENTRY, task, 0))
            events.append(event(time + 1000, cpu, Kind.EXIT, task, 0, HLT, SVM))
    short = tmp_path / "short.dat"
    short.write_bytes(make_dat(events, 4, Shape(6, events_on_a_page=90, absolute=False)))
    given = [str(short), "--events", "1e8", "--audit", "1e7", "--folder", str(tmp_path)]
    said = subprocess.run(
        [sys.executable, str(BENCHMARK), *given], check=True, stdout=subprocess.PIPE, text=True
    ).stdout
    counts = [int(n) for n in re.findall(r": (\d+) events", said)]
    assert counts == [100_000_000, 10_000_000], said
    assert all(int(more) <= 8 for more in re.findall(r"(-?\d+) MiB more", said)), said
