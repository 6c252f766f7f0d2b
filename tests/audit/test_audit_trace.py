"""vmlitmus audit trace by transcript: answers, exit codes, wrong input, what it writes."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
from maker import Shape, event, make_dat, make_text

import vmlitmus
from recordings import HERE
from vmlitmus.cli.main import main
from vmlitmus.trace import Event, Kind

CORES = ["--core", "0-1", "--core", "2-3"]
TABLE = "11\tone\t0\t5\n12\tone\t1\t5\n21\ttwo\t0\t7\n22\ttwo\t1\t7\n"
MS = 1_000_000


def switch(time: int, cpu: int, old: int, new: int, left: int = 0) -> Event:
    return event(time * MS, cpu, Kind.SWITCH, old, old, new, left)


def entry(time: int, cpu: int, task: int) -> Event:
    return event(time * MS, cpu, Kind.ENTRY, task, 0)


def leave(time: int, cpu: int, task: int) -> Event:
    return event(time * MS, cpu, Kind.EXIT, task, 0, 0x78, 2)


START = [switch(100 + c, c, 0, 0) for c in range(4)]
APART = [
    switch(110, 0, 0, 11), entry(111, 0, 11), switch(112, 1, 0, 12), entry(113, 1, 12),
    switch(114, 2, 0, 21), entry(115, 2, 21), leave(120, 0, 11), leave(121, 1, 12),
    switch(122, 0, 11, 0), switch(123, 1, 12, 0), leave(124, 2, 21), switch(125, 2, 21, 0),
]  # fmt: skip
BESIDE = [
    switch(110, 0, 0, 11), entry(111, 0, 11), switch(112, 1, 0, 21), entry(113, 1, 21),
    leave(120, 0, 11), leave(124, 1, 21), switch(125, 0, 11, 0), switch(126, 1, 21, 0),
]  # fmt: skip


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str]):  # type: ignore[no-untyped-def]
    table = tmp_path / "vcpus.tsv"
    table.write_text(TABLE)

    def audit(events: list[Event], *more: str, data: bytes | None = None, cores: bool = True):  # type: ignore[no-untyped-def]
        path = tmp_path / "trace.dat"
        path.write_bytes(make_dat(sorted(events), 4, Shape(7)) if data is None else data)
        given = ["audit", "trace", str(path), "--vcpus", str(table), *(CORES if cores else [])]
        code = main([*given, *more])
        out, err = capsys.readouterr()
        return code, out, err

    return audit


def answers(out: str) -> dict[str, str]:
    return {f"{j['claim']} {j['about']}": j["answer"] for j in json.loads(out)["judged"]}


def test_vms_that_stay_apart(run) -> None:  # type: ignore[no-untyped-def]
    code, out, err = run(START + APART)
    assert (code, err) == (0, "")
    assert out.startswith("All claims are true of this run: 5 true.\n")


def test_vms_that_share_a_core(run) -> None:  # type: ignore[no-untyped-def]
    code, out, _ = run(START + BESIDE, "--json")
    assert code == 1
    assert answers(out) == {
        "OTHER_VMS_APART VM one": "false",
        "OTHER_VMS_APART VM two": "false",
        "ENTRIES_SUCCEED run": "true",
        "CORE_SCHEDULING_AS_PICKED run": "false",
        "CORE_SCHEDULING_AS_EXECUTING run": "false",
    }
    found = [o for o in json.loads(out)["run"]["overlaps"] if o["measure"] == "both in guest mode"]
    assert [(o["count"], o["longest"], o["total"]) for o in found] == [(1, 7 * MS, 7 * MS)]
    moments = [m["text"] for m in found[0]["witnesses"][0]["moments"]]
    assert [m.split(":")[0] for m in moments] == ["kvm_entry", "kvm_entry", "kvm_exit"]


def test_a_sibling_that_gives_way_is_a_window_of_the_ipi(run) -> None:  # type: ignore[no-untyped-def]
    """Cpu 1 runs the other cookie, and cpu 0, which was there first, gives way."""
    window = [switch(110, 0, 0, 11), switch(112, 1, 0, 21), switch(113, 0, 11, 0, 1)]
    _, out, _ = run(START + window, "--json", "--claim", "CORE_SCHEDULING_AS_PICKED")
    assert answers(out) == {"CORE_SCHEDULING_AS_PICKED run": "true"}
    assert "1 windows of the reschedule IPI, at most 1000 us" in out
    _, out, _ = run(START + window, "--json", "--claim", "CORE_SCHEDULING_AS_EXECUTING")
    assert answers(out) == {"CORE_SCHEDULING_AS_EXECUTING run": "false"}


@pytest.mark.parametrize(("end", "answer"), [(113, "true"), (114, "false")])
@pytest.mark.parametrize("leaves", [(0, 11), (1, 21)])
def test_whoever_leaves_has_to_within_the_window(run, end: int, answer: str, leaves) -> None:  # type: ignore[no-untyped-def]
    """The one that came last leaves where the next pick for the core overtakes the IPI."""
    both = [switch(110, 0, 0, 11), switch(112, 1, 0, 21), switch(end, *leaves, 0, 1)]
    _, out, _ = run(START + both, "--json", "--claim", "CORE_SCHEDULING_AS_PICKED")
    assert answers(out) == {"CORE_SCHEDULING_AS_PICKED run": answer}


def test_too_short_for_the_clock(run) -> None:  # type: ignore[no-untyped-def]
    short = [e._replace(time=e.time if e.time < 120 * MS else 113 * MS + 1500) for e in BESIDE]
    code, out, _ = run(START + short[:5], "--json", "--claim", "OTHER_VMS_APART")
    assert code == 3
    assert "but for less than 2 us at a time" in out


def test_an_unknown_vcpu_is_not_said_to_be_apart(run) -> None:  # type: ignore[no-untyped-def]
    stranger = [e._replace(task=77 if e.task == 21 else e.task) for e in BESIDE]
    stranger = [
        e._replace(a=77 if e.a == 21 else e.a, b=77 if e.b == 21 else e.b)
        if e.kind == Kind.SWITCH
        else e
        for e in stranger
    ]
    code, out, _ = run(START + stranger + APART[4:6], "--claim", "OTHER_VMS_APART")
    assert code == 3
    assert "beside a vcpu of a VM that is not known 1 times" in out


def test_a_tid_that_is_used_again(run) -> None:  # type: ignore[no-untyped-def]
    """Task 21 ends; the task that gets its tid is no vcpu of VM two."""
    end = [switch(105, 2, 0, 21), entry(106, 2, 21), leave(107, 2, 21), switch(108, 2, 21, 0, 2)]
    fork = [event(109 * MS, 3, Kind.FORK, 9, 9, 21)]
    code, out, _ = run(START + end + fork + BESIDE, "--claim", "OTHER_VMS_APART")
    assert code == 3
    assert "unknown VM" in out or "not known" in out


@pytest.mark.parametrize("what", ["lost", "contradiction"])
def test_what_is_missing_makes_it_unknown(run, what: str) -> None:  # type: ignore[no-untyped-def]
    if what == "lost":
        shape = Shape(7, events_on_a_page=4, lost={(1, 1): None})
        data = make_dat(sorted(START + APART), 4, shape)
        code, out, _ = run([], data=data)
    else:
        missing = [e for e in APART if not (e.kind == Kind.EXIT and e.task == 12)]
        code, out, _ = run(START + missing)
    assert code == 3
    assert "unknown: events" in out


def test_text_needs_a_clock(run) -> None:  # type: ignore[no-untyped-def]
    data = make_text(START + APART)
    code, out, _ = run([], data=data)
    assert code == 3 and "does not name its clock: give --clock" in out
    code, out, _ = run([], "--clock", "mono", data=data)
    assert code == 0
    code, out, _ = run([], "--clock", "local", data=data)
    assert code == 3 and "not comparable between cpus" in out


def test_without_cores(run) -> None:  # type: ignore[no-untyped-def]
    code, out, _ = run(START + BESIDE, cores=False)
    assert code == 3 and "give --host or --core" in out


def test_own_vcpus(run) -> None:  # type: ignore[no-untyped-def]
    asked = ["--claim", "NO_NON_ARCH_CORE_SHARING", "--json"]
    vm = "NO_NON_ARCH_CORE_SHARING VM one"
    assert answers(run(START + APART, *asked)[1])[vm] == "cannot tell"
    assert answers(run(START + APART, *asked, "--guest-threads", "2")[1])[vm] == "true"
    assert answers(run(START + APART, *asked, "--guest-threads", "1")[1])[vm] == "false"


def test_beside_the_host(run) -> None:  # type: ignore[no-untyped-def]
    user = [switch(111, 1, 0, 900), switch(113, 1, 900, 0)]
    base = [switch(110, 0, 0, 11), entry(110, 0, 11), leave(120, 0, 11)]
    asked = ["--claim", "HOST_TASKS_APART", "--claim", "SIBLING_SILENT", "--json"]
    _, out, _ = run(START + base + user, *asked)
    found = answers(out)
    assert found["HOST_TASKS_APART VM one"] == found["SIBLING_SILENT VM one"] == "false"
    _, out, _ = run(START + base, *asked)
    assert answers(out)["HOST_TASKS_APART VM one"] == "true"
    assert answers(out)["SIBLING_SILENT VM one"] == "cannot tell"  # no interrupt was recorded


def test_forced_idle(run) -> None:  # type: ignore[no-untyped-def]
    """Task 21 waits for cpu 1, which idles beside a task of another cookie."""
    waits = [
        switch(105, 1, 0, 21), switch(110, 0, 0, 11), switch(112, 1, 21, 0, 1),
        switch(119, 1, 0, 21),
    ]  # fmt: skip
    _, out, _ = run(START + waits, "--json")
    idle = json.loads(out)["run"]["waits"][0]
    assert (idle["what"], idle["count"], idle["longest"]) == ("forced idle", 1, 7 * MS)


def ipi(time: int, task: int, low: int, high: int = 0) -> Event:
    return event(time * MS, 3, Kind.IPI_MASK, task, 0, low, high)


def test_how_long_a_kick_waits_for_the_exit(run) -> None:  # type: ignore[no-untyped-def]
    """Cpu 2 is kicked alone, 0 and 1 together; cpu 3 is not in guest mode; 70 is no cpu here."""
    alone = event(116 * MS, 3, Kind.IPI_SEND, 0, 2)
    _, out, _ = run(
        [*START, *APART, alone, ipi(118, 0, 0b1011, 1 << 6), ipi(119, 0, 0b11)], "--json"
    )
    kicks = {w["what"]: w for w in json.loads(out)["run"]["waits"]}["from an IPI to a guest's exit"]
    assert (kicks["count"], kicks["total"], kicks["longest"]) == (3, (2 + 3 + 8) * MS, 8 * MS)
    assert "kicks cannot be seen" not in out
    assert "kicks cannot be seen" in run(START + APART, "--json")[1]


def locked(time: int, task: int, reason: int) -> Event:
    """A guest's split lock as the probe shows it, or an exit that says bus lock."""
    if reason < 0:
        return event(time * MS, 0, Kind.SPLIT_LOCK, task, 0x1000)
    return event(time * MS, 0, Kind.EXIT, task, 0, reason, 1 if reason != 0xA5 else 2)


@pytest.mark.parametrize("reason", [74, 1 << 26 | 30, 0xA5, -1])
def test_how_long_a_split_lock_keeps_a_vcpu_out(run, reason: int) -> None:  # type: ignore[no-untyped-def]
    one = [switch(110, 0, 0, 11), entry(111, 0, 11)]
    if reason < 0:
        one.append(leave(112, 0, 11))
    one += [locked(113, 11, reason), switch(114, 0, 11, 0), switch(123, 0, 0, 11)]
    one += [entry(124, 0, 11), leave(125, 0, 11), entry(126, 0, 11)]
    _, out, _ = run(START + one, "--json")
    waits = {w["what"]: w for w in json.loads(out)["run"]["waits"]}
    slept = waits["from a split lock to the next entry"]
    assert (slept["count"], slept["longest"]) == (1, 11 * MS)
    plain = [e._replace(b=0x78, c=2) if e.kind == Kind.EXIT else e for e in one]
    _, out, _ = run([*START, *(e for e in plain if e.kind != Kind.SPLIT_LOCK)], "--json")
    assert [w["count"] for w in json.loads(out)["run"]["waits"]][1:] == [0, 0]


def test_no_wait_is_counted_across_a_loss(run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    """What was kicked before events of its cpu were lost may have left its guest long ago."""
    begins = [switch(110, 0, 0, 11), entry(111, 0, 11), ipi(112, 0, 1)]
    ends = [leave(500, 0, 11), locked(501, 11, -1), entry(502, 0, 11)]
    shape = Shape(7, events_on_a_page=3, lost={(0, 1): None})
    for data, longest in ((Shape(7, events_on_a_page=3), 388 * MS), (shape, 1 * MS)):
        _, out, _ = run([], "--json", data=make_dat(sorted(START + begins + ends), 4, data))
        assert max(w["longest"] for w in json.loads(out)["run"]["waits"]) == longest


def test_perfetto(run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    target = tmp_path / "run.json"
    run(START + BESIDE, "--perfetto", str(target))
    events = json.loads(target.read_text())["traceEvents"]
    lanes = {e["args"]["name"] for e in events if e["ph"] == "M"}
    assert {"core of cpus 0, 1", "cpu 1", "VM two", "vcpu 0"} <= lanes
    guest = [e for e in events if e["ph"] == "X" and e["name"] == "guest mode" and e["pid"] == 1]
    assert sorted((e["tid"], e["ts"], e["dur"]) for e in guest) == [
        (1, 111_000.0, 9_000.0),
        (2, 113_000.0, 11_000.0),
    ]
    flows = {
        e["ph"]: e for e in events if e.get("cat") == "witness" and "both in guest" in e["name"]
    }
    assert {flows["s"]["tid"], flows["f"]["tid"]} == {1, 2}
    assert flows["s"]["id"] == flows["f"]["id"]


def test_html_escapes_what_a_program_chose(run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    target = tmp_path / "run.html"
    data = make_dat(sorted(START + BESIDE), 4, Shape(7), comm=b"<b>\x1b[31m")
    _, out, _ = run([], "--html", str(target), "--all", data=data)
    page = target.read_text()
    assert "<b>" not in page and "&lt;b&gt;" in page
    assert "\x1b" not in out and "\\x1b" in out


@pytest.mark.parametrize(
    ("more", "code", "words"),
    [
        (["--claim", "OTHER_VM_APART"], 2, "did you mean 'OTHER_VMS_APART'?"),
        (["--core", "0-x"], 2, "core '0-x' is no list of cpus"),
        (["--core", "1-2"], 2, "cpu 1 is in another core already"),
        (["--core", "4-9"], 2, "6 cpus; a core of x86 has at most 4; give --core once for each"),
        (["--core", "4-5"], 2, "trace.dat is of cpus 0-3, not of 4-5"),
        (["--buffer", "no"], 2, "unknown buffer 'no'; known: (none)"),
        (["--claim", "other_vms_apart"], 2, "did you mean 'OTHER_VMS_APART'?"),
        (["--clock", "mon"], 2, "unknown clock 'mon'; did you mean 'mono'?"),
        (["--stats", __file__], 2, "test_audit_trace.py: no line cpuN above the counts"),
        (["--stats", "/nowhere"], 2, "/nowhere"),
    ],
)
def test_wrong_usage(run, more: list[str], code: int, words: str) -> None:  # type: ignore[no-untyped-def]
    got, _, err = run(START, *more)
    assert got == code and words in err and "Traceback" not in err


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("", "no task in it"),
        ("1\t2\n", "vcpus.tsv:1: 2 columns"),
        ("x\t2\t3\n", "tid 'x' is no number"),
        ("1\ta\t0\n1\tb\t0\n", "vcpus.tsv:2: tid 1 is listed twice"),
        ("1\t\x1b[31m\t0\n", "is not a process"),
    ],
)
def test_wrong_tables(run, tmp_path: Path, table: str, words: str) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "vcpus.tsv").write_text(table)
    code, _, err = run(START)
    assert code == 2 and words in err


def test_standard_input(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import io

    class Pipe:
        buffer = io.BytesIO((HERE / "text-tgid-column.txt.gz").read_bytes())

    monkeypatch.setattr("sys.stdin", Pipe)
    code = main(["audit", "trace", "-", *CORES, "--clock", "mono", "--json"])
    out = json.loads(capsys.readouterr().out)
    assert (code, out["run"]["events"], out["run"]["where"]) == (3, 5171, "standard input")


def test_json_is_as_the_schema_says(run) -> None:  # type: ignore[no-untyped-def]
    """With a witness, cookies, coverage and waits in it; and nothing else may stand there."""
    schema = json.loads((Path(vmlitmus.__file__).parent / "schemas" / "audit-1.json").read_text())
    check = jsonschema.Draft202012Validator(schema)
    for events, cores in ((START + BESIDE, True), (START + APART, True), (START, False)):
        _, out, _ = run(events, "--json", cores=cores)
        found = json.loads(out)
        check.validate(found)
        found["run"]["more"] = 1
        assert not check.is_valid(found)
        del found["run"]
        assert not check.is_valid(found)


@pytest.mark.parametrize("name", ["text-tgid-column", "perf-script-ns", "vm2-flight-recorder"])
def test_json_of_recorded_runs_is_as_the_schema_says(name: str, capsys) -> None:  # type: ignore[no-untyped-def]
    schema = json.loads((Path(vmlitmus.__file__).parent / "schemas" / "audit-1.json").read_text())
    given = ["--vcpus", str(HERE / f"{name}.vms.tsv"), *CORES, "--clock", "mono", "--json"]
    main(["audit", "trace", str(HERE / f"{name}.txt.gz"), *given])
    found = json.loads(capsys.readouterr().out)
    jsonschema.validate(found, schema)
    assert found["run"]["overlaps"]


def lanes(events: list[dict]) -> dict[tuple[int, int], list[tuple[int, int, str]]]:  # type: ignore[type-arg]
    """Return the slices of each lane in ns, as the viewer's importer rounds them."""
    found: dict[tuple[int, int], list[tuple[int, int, str]]] = {}
    for e in events:
        if e["ph"] == "X":
            start = round(e["ts"] * 1000)
            lane = found.setdefault((e["pid"], e["tid"]), [])
            lane.append((start, start + round(e["dur"] * 1000), e["name"]))
    return found


@pytest.mark.parametrize("name", ["text-tgid-column", "vm2-flight-recorder"])
def test_perfetto_of_a_recorded_run_keeps_the_rules_of_its_format(name: str, tmp_path) -> None:  # type: ignore[no-untyped-def]
    """The viewer drops slices of a lane that cross, and flows that begin or end in no slice."""
    target = tmp_path / "run.json"
    given = ["--vcpus", str(HERE / f"{name}.vms.tsv"), *CORES, "--clock", "mono"]
    main(["audit", "trace", str(HERE / f"{name}.txt.gz"), *given, "--perfetto", str(target)])
    events = json.loads(target.read_text())["traceEvents"]
    assert {e["ph"] for e in events} <= {"X", "M", "s", "f"}
    slices = lanes(events)
    assert len(slices) >= 4
    for lane in slices.values():
        open_until: list[int] = []
        for start, end, what in sorted(lane, key=lambda s: (s[0], -s[1])):
            while open_until and open_until[-1] <= start:
                open_until.pop()
            assert start <= end and (not open_until or end <= open_until[-1]), (start, end, what)
            open_until.append(end)
    named = {(e["pid"], e["tid"]) for e in events if e["ph"] == "M" and e["name"] == "thread_name"}
    assert set(slices) <= named
    flows: dict[int, list[dict]] = {}  # type: ignore[type-arg]
    for e in events:
        if e["ph"] in "sf":
            flows.setdefault(e["id"], []).append(e)
            at = round(e["ts"] * 1000)
            assert any(s <= at <= end for s, end, _ in slices[e["pid"], e["tid"]]), e
    assert flows and all([e["ph"] for e in pair] == ["s", "f"] for pair in flows.values())
