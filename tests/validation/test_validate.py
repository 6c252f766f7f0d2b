"""vmlitmus validate: real runs are explained, changed ones are not, and the report says why."""

from __future__ import annotations

import json
import random
from pathlib import Path

import jsonschema
import pytest
from maker import Shape, event, make_dat, make_text
from mutations import another_cookie, dropped, swapped

import vmlitmus
from recordings import BESIDE, CORES
from recordings import HERE as DATA
from recordings import roster as roster_of
from vmlitmus.cli.main import main
from vmlitmus.outcome.validation import FIRST, ValidationAnswer
from vmlitmus.trace import Event, Kind, open_recording
from vmlitmus.validation.mapping import read_mapping
from vmlitmus.validation.question import BuiltMachines, Question
from vmlitmus.validation.validate import rows_of, validate, validate_rows

MAPPING = read_mapping("smt-protection")
MS = 1_000_000
TABLE = "11\tone\t0\t5\n21\ttwo\t0\t7\n"


def test_a_real_run_is_explained() -> None:
    file = "text-schedcore-cs-odd.txt.gz"
    found = validate(
        open_recording(str(DATA / file)), roster_of(DATA, file), Question(MAPPING, {}, CORES)
    )
    assert found.answer is ValidationAnswer.EXPLAINED
    assert [(c.events, c.explained, c.unread) for c in found.cores] == [(88, 82, 6), (201, 196, 5)]
    assert [c.why_unread for c in found.cores] == [
        {FIRST: 4, "cookies change": 2},
        {FIRST: 4, "cookies change": 1},
    ]
    assert all(c.runs > 0 for c in found.cores)


def test_where_too_many_states_agree_it_begins_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    file = "text-schedcore-cs-odd.txt.gz"
    monkeypatch.setattr("vmlitmus.validation.agreeing.MOST_STATES", 2)
    found = validate(
        open_recording(str(DATA / file)), roster_of(DATA, file), Question(MAPPING, {}, CORES)
    )
    assert found.answer is ValidationAnswer.CANNOT_TELL
    assert "states agreed with what was recorded" in found.kept
    crowded = [core.anew["too many states agreed"] for core in found.cores]
    assert all(crowded)
    assert not any(core.mismatches for core in found.cores)
    assert sum(core.explained for core in found.cores) > 100


@pytest.mark.parametrize("name", ["perf-script-ns", "text-tgid-column"])
def test_what_perf_and_a_column_for_the_process_show_is_explained(name: str) -> None:
    recording = open_recording(str(DATA / f"{name}.txt.gz"))
    found = validate(recording, roster_of(DATA, f"{name}.txt.gz"), Question(MAPPING, {}, CORES))
    assert found.answer is ValidationAnswer.EXPLAINED
    assert all(c.explained == c.events - c.unread and c.unread == 3 for c in found.cores)


@pytest.mark.parametrize(("target", "anew"), [(236, 1), (0, 0)])
def test_while_a_cpu_comes_online_nothing_is_asked(target: int, anew: int) -> None:
    file = "text-schedcore-cs-odd.txt.gz"
    recording = open_recording(str(DATA / file))
    rows = rows_of(recording)
    at = len(rows) * 2 // 3
    rows.insert(at, (rows[at][0], int(Kind.HOTPLUG_ENTRY), 0, 2, 1, 1, target, 85))
    question = Question(MAPPING, {}, CORES)
    found = validate_rows(rows, recording, roster_of(DATA, file), question, BuiltMachines())
    assert [c.anew.get("a cpu comes online", 0) for c in found.cores] == [anew, 0]


def switch(time: int, cpu: int, old: int, new: int, left: int = 0) -> Event:
    return event(time * MS, cpu, Kind.SWITCH, old, old, new, left)


def entry(time: int, cpu: int, task: int) -> Event:
    return event(time * MS, cpu, Kind.ENTRY, task, 0)


def leave(time: int, cpu: int, task: int) -> Event:
    return event(time * MS, cpu, Kind.EXIT, task, 0, 0x78, 2)


WOKEN = event(104 * MS + 500_000, 1, Kind.WAKEUP, 0, 21, 1)
# Cpu 0 runs task 11 of cookie 5; the pick of 21, cookie 7, on cpu 1 makes it give way.
RUN = [
    switch(100, 0, 0, 11), switch(101, 1, 9, 0), entry(102, 0, 11), leave(103, 0, 11),
    entry(104, 0, 11), WOKEN, switch(105, 1, 0, 21), entry(106, 1, 21), leave(107, 0, 11),
    switch(108, 0, 11, 0, 1), leave(109, 1, 21), switch(110, 1, 21, 0), switch(111, 0, 0, 11),
    entry(112, 0, 11), leave(113, 0, 11),
]  # fmt: skip


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str]):  # type: ignore[no-untyped-def]
    (tmp_path / "vcpus.tsv").write_text(TABLE)

    def go(events: list[Event], *more: str):  # type: ignore[no-untyped-def]
        path = tmp_path / "trace.dat"
        path.write_bytes(make_dat(sorted(events), 2, Shape(7)))
        given = ["--vcpus", str(tmp_path / "vcpus.tsv"), "--core", "0-1"]
        code = main(["validate", str(path), "--topic", "smt-protection", *given, *more])
        out, err = capsys.readouterr()
        return code, out, err

    return go


def test_a_made_run_is_explained(run) -> None:  # type: ignore[no-untyped-def]
    code, out, _ = run(RUN)
    assert code == 0, out
    assert out.startswith("Explained: runs of smt-protection do what this kernel did.\n")


def test_the_older_task_stays(run) -> None:  # type: ignore[no-untyped-def]
    """Task 11 enters its guest twice more although 21 was picked: need_resched forbids it."""
    again = [entry(n, 0, 11)._replace(time=107 * MS + n) for n in (200_000, 400_000)]
    again.insert(1, leave(107, 0, 11)._replace(time=107 * MS + 300_000))
    again.append(leave(107, 0, 11)._replace(time=107 * MS + 500_000))
    code, out, _ = run(RUN + again, "--json")
    assert code == 1
    found = json.loads(out)
    (mismatch,) = found["cores"][0]["mismatches"]
    assert mismatch["event"].startswith("0.107400 s cpu 0 kvm_entry") or mismatch[
        "event"
    ].startswith("0.107200 s cpu 0 kvm_entry")
    reasons = [c["why"] for c in mismatch["candidates"]]
    asked = "when(not vcpu.cpu.need_resched and vcpu.task.runnable) is false, in run_vcpu()"
    assert asked in reasons, reasons
    assert mismatch["prefixes"] and all(p["state"] for p in mismatch["prefixes"])
    schema = Path(vmlitmus.__file__).parent / "schemas" / "validation-1.json"
    jsonschema.validate(found, json.loads(schema.read_text()))


def test_a_cpu_that_only_idles_is_known_by_an_interrupt_and_stays_known(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Cpu 1 never switches; that a process gets a cookie does not make its idling unknown."""
    events = sorted(e for e in RUN if e.cpu == 0 and e.time < 108 * MS)
    lines = make_text(events).decode().splitlines()[3:]
    told = list(zip((e.time for e in events), lines, strict=True))
    shares = "core_share: (sched_core_share_pid+0x0/0x313) cmd=1 pid=0 type=1"
    told.append((103 * MS + 1, f"{'x':>16}-11      [000] d.... 0.103000001: {shares}"))
    tick = (
        99 * MS,
        f"{'<idle>':>16}-0       [001] d.h.. 0.099000000: local_timer_entry: vector=236",
    )
    (tmp_path / "vcpus.tsv").write_text(TABLE)
    path = tmp_path / "idle.txt"
    given = ["validate", str(path), "--topic", "smt-protection", "--core", "0-1", "--json"]
    explained = []
    for lines in ([*told, tick], told):
        path.write_text("# tracer: nop\n" + "\n".join(line for _, line in sorted(lines)) + "\n")
        main([*given, "--vcpus", str(tmp_path / "vcpus.tsv")])
        (core,) = json.loads(capsys.readouterr().out)["cores"]
        explained.append((core["events"], core["explained"]))
    assert explained == [(5, 3), (5, 0)]


def test_without_core_scheduling_the_older_task_may_stay(run) -> None:  # type: ignore[no-untyped-def]
    again = [leave(107, 0, 11)._replace(time=107 * MS + n) for n in (300_000, 500_000)]
    again += [entry(107, 0, 11)._replace(time=107 * MS + n) for n in (200_000, 400_000)]
    stays = [e for e in RUN if e.time < 108 * MS] + again
    assert run(stays, "--set", "host.mechanism=none")[0] == 0
    assert run(stays)[0] == 1


def test_lost_events_are_not_explained_away(tmp_path: Path, run) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "lost.dat"
    shape = Shape(7, events_on_a_page=3, lost={(0, 2): 4})
    path.write_bytes(make_dat(sorted(RUN), 2, shape))
    given = ["--vcpus", str(tmp_path / "vcpus.tsv"), "--core", "0-1"]
    assert main(["validate", str(path), "--topic", "smt-protection", *given]) == 3


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--topic", "smt-protect"], "did you mean 'smt-protection'?"),
        (["--set", "host"], "not TABLE.KEY=VALUE"),
        (["--set", "host.mechanism=core"], "host.mechanism"),
    ],
)
def test_wrong_usage(run, more: list[str], words: str) -> None:  # type: ignore[no-untyped-def]
    code, _, err = run(RUN, *more)
    assert code == 2 and words in err and "Traceback" not in err


@pytest.mark.wide
@pytest.mark.skipif(not BESIDE.exists(), reason=f"no {BESIDE}: real runs are not validated")
@pytest.mark.parametrize(
    ("file", "mechanism"),
    [
        ("vm2-cookie-per-vm.dat", "core-scheduling"),
        ("text-schedcore-kvm-2vm-tgid.txt.gz", "core-scheduling"),
        ("vm2-pinned-beside.dat", "core-scheduling"),
        ("text-schedcore-kvm-1vm-percpu.txt.gz", "core-scheduling"),
        ("vm2-flight-recorder.txt.gz", "core-scheduling"),
        ("vm2-none.dat", "core-scheduling"),
        ("vm2-midway.dat", "core-scheduling"),
        ("vm2-pinned-apart.dat", "core-scheduling"),
        ("vm2-uncompressed.dat.gz", "core-scheduling"),
        ("vm2-v6.dat.gz", "core-scheduling"),
        ("vm2-zlib.dat", "core-scheduling"),
        ("text-schedcore-kvm-2vm-none.txt.gz", "core-scheduling"),
        ("text-schedcore-cs-none.txt.gz", "core-scheduling"),
        ("text-schedcore-cs-proc.txt.gz", "core-scheduling"),
        ("vm1-smt-off-in-mid-trace.dat", "core-scheduling"),
        ("text-no-schedcore-kvm-2vm-none.txt.gz", "none"),
    ],
)
def test_real_runs_with_vms_are_explained(file: str, mechanism: str) -> None:
    folder = BESIDE / "traces"
    question = Question(MAPPING, {"host": {"mechanism": mechanism}}, CORES)
    found = validate(open_recording(str(folder / file)), roster_of(folder, file), question)
    assert found.answer is ValidationAnswer.EXPLAINED


@pytest.mark.wide
@pytest.mark.skipif(not BESIDE.exists(), reason=f"no {BESIDE}: mutations are not sought")
def test_seeded_mutations_are_found_at_the_right_event() -> None:
    """At least 95 of 100 swaps, dropped exits and changed cookies."""
    folder, file = BESIDE / "traces", "vm2-cookie-per-vm.dat"
    recording, roster = open_recording(str(folder / file)), roster_of(folder, file)
    rows, question, parts = rows_of(recording), Question(MAPPING, {}, CORES), BuiltMachines()
    rng = random.Random(7)
    first = next(n for n, row in enumerate(rows) if row[1] == Kind.ENTRY)
    right = []
    for n in range(120):
        makers = (
            lambda: swapped(rows, roster, rng, first + 40),
            lambda: dropped(rows, roster, rng, first + 40),
            lambda: another_cookie(rows, roster, rng),
        )
        mutation = makers[n % 3]()
        assert mutation is not None
        found = validate_rows(mutation.rows, recording, mutation.roster, question, parts)
        wrong = sorted((m.time, m.cpu) for core in found.cores for m in core.mismatches)
        right.append(bool(wrong) and mutation.is_right(*wrong[0], CORES))
    assert sum(right) >= 0.95 * len(right), right


def test_a_core_that_the_recording_cannot_have(tmp_path: Path, capsys) -> None:  # type: ignore[no-untyped-def]
    given = ["validate", str(DATA / "text-schedcore-cs-odd.txt.gz"), "--topic", "smt-protection"]
    assert main([*given, "--core", "0-1", "--core", "2-3", "--core", "4-5"]) == 2
    assert "core '4-5': " in (told := capsys.readouterr().err) and "is of cpus 0-3" in told
