"""audit trace --host: threads, cookies and cores of a recorded run, as the host has them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hosts import cookies, machine, qemu, thread, write
from maker import Shape, make_dat
from test_audit_trace import APART, BESIDE, START, entry, leave, switch

from vmlitmus.cli.main import main
from vmlitmus.host.saved.archive import archived

STRANGER = [switch(110, 0, 0, 11), entry(111, 0, 11), switch(112, 1, 0, 30), leave(120, 0, 11)]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Cores {0,1} and {2,3}; QEMU 10 with threads 11 and 12, QEMU 20 with 21 and 22; a task 30."""
    found = machine(tmp_path / "host", [[0, 1], [2, 3]])
    qemu(found, 10, "one", ["0-3", "0-3"])
    qemu(found, 20, "two words", ["0-3", "0-3"])
    thread(found, 30, 30, "stranger", "0-3", uid=1000)
    cookies(found, {10: 0, 11: 5, 12: 5, 20: 0, 21: 7, 22: "EPERM", 30: 0})
    return found


@pytest.fixture
def run(tmp_path: Path, root: Path, capsys: pytest.CaptureFixture[str]):  # type: ignore[no-untyped-def]
    def audit(events, *more: str, host: Path = root, command: tuple[str, ...] = ("audit", "trace")):  # type: ignore[no-untyped-def]
        path = tmp_path / "trace.dat"
        path.write_bytes(make_dat(sorted(events), 4, Shape(7)))
        code = main([*command, str(path), "--host", str(host), "--json", *more])
        out, err = capsys.readouterr()
        return code, json.loads(out) if out else {}, err

    return audit


def answers(found) -> dict[str, str]:  # type: ignore[no-untyped-def]
    return {f"{j['claim']} {j['about']}": j["answer"] for j in found["judged"]}


def test_vcpus_cookies_and_cores_come_from_the_host(run) -> None:  # type: ignore[no-untyped-def]
    code, found, err = run(START + APART)
    assert (code, err) == (0, "")
    assert answers(found)["OTHER_VMS_APART VM one"] == "true"
    assert [core["cpus"] for core in found["run"]["cores"]] == [[0, 1], [2, 3]]
    code, found, _ = run(START + BESIDE)
    assert code == 1
    assert answers(found)["OTHER_VMS_APART VM two_words"] == "false"
    pairs = {tuple(o["parties"]): o["cookies"] for o in found["run"]["overlaps"]}
    assert pairs["VM one", "VM two_words"] == [5, 7]


def test_a_task_is_known_by_its_uid(run) -> None:  # type: ignore[no-untyped-def]
    code, found, _ = run(START + STRANGER, "--claim", "HOST_TASKS_APART")
    assert code == 1
    assert answers(found)["HOST_TASKS_APART VM one"] == "false"
    assert any("uid 1000" in o["parties"] for o in found["run"]["overlaps"])


def test_a_host_that_cannot_be_believed_decides_nothing(run, root: Path) -> None:  # type: ignore[no-untyped-def]
    write(root, "proc/cpuinfo", "processor : 0\nflags : fpu hypervisor\n\n")
    code, found, _ = run(START + BESIDE)
    assert code == 3
    assert "itself a guest" in found["judged"][0]["text"]
    assert run(START + BESIDE, "--trust-topology")[0] == 1
    (root / "proc" / "2" / "task" / "2" / "stat").unlink()
    (root / "proc" / "2" / "task" / "2" / "status").unlink()
    write(root, "cookies.tsv", "10\t11\tx\t0x5\n")
    code, found, _ = run(START + APART, "--trust-topology")
    assert code == 3 and "not every process" in found["judged"][0]["text"]


def test_what_is_given_goes_before_the_host(run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    table = tmp_path / "vcpus.tsv"
    table.write_text("21\tone\t5\t5\n")
    code, found, _ = run(START + BESIDE, "--vcpus", str(table))
    assert answers(found)["OTHER_VMS_APART VM one"] == "true"
    code, found, _ = run(START + BESIDE, "--core", "0,2", "--core", "1,3")
    assert code == 0
    assert [core["cpus"] for core in found["run"]["cores"]] == [[0, 2], [1, 3]]


def test_an_archive_a_wrong_place_and_validate(run, root: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    files = {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()}
    (tmp_path / "host.tar.gz").write_bytes(archived("host.tar.gz", files, 0))
    assert run(START + BESIDE, host=tmp_path / "host.tar.gz")[0] == 1
    code, _, err = run(START + BESIDE, host=tmp_path / "nowhere")
    assert code == 2 and "neither a folder nor an archive" in err
    validate = ("validate", "--topic", "smt-protection")
    code, found, _ = run(START + APART, command=validate)
    assert found["schema"] == "vmlitmus/validation/1" and code in (0, 1)
