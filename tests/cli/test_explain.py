"""vmlitmus explain: what fits a screen, what -v adds, a matrix summed up, what a run changes."""

from __future__ import annotations

import json
import random
import re
import shlex
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest

import vmlitmus
from vmlitmus.api import grid_of
from vmlitmus.cli.decide import explain as explain_command
from vmlitmus.cli.main import main
from vmlitmus.cli.output.progress import Ticker
from vmlitmus.decide.cells import decide_apart
from vmlitmus.engine import Progress
from vmlitmus.outcome import Verdict
from vmlitmus.report.explain import explain as report
from vmlitmus.report.folding import folded
from vmlitmus.report.grids.matrix import explain_matrix

SCHEMA = Path(vmlitmus.__file__).parent / "schemas" / "outcome-1.json"
SNP_DMA = "drop-destroy-flush-snp-dma"


@pytest.fixture
def explain(capsys):
    def call(*args: str) -> str:
        assert main(["explain", *args]) == 0
        return capsys.readouterr().out

    return call


def test_what_does_not_decide_is_counted_and_listed_with_v(explain) -> None:
    short, full = explain(SNP_DMA), explain(SNP_DMA, "-v")
    told = " ".join(short.split())
    assert "With -v: 4 notes on what is not modelled, 1 assumption in force, 6 sources" in told
    assert "Assumptions in force" not in short
    assert "Assumptions in force: last-unmap-frees = yes." in full
    assert "d45829b351ee" in full
    assert "d45829b351ee" not in short
    assert "With -v:" not in full
    assert 'Switched off: "flush on destroy", "flush on gmem invalidate".' in short


@pytest.mark.parametrize("room", [40, 60])
@pytest.mark.parametrize(
    "arguments",
    [
        (SNP_DMA,),  # three columns
        (SNP_DMA, "-v"),
        (SNP_DMA, "--states"),
        ("two-protected-vcpus[mechanism=none]",),  # a loop
        ("vmsa-free-no-flush-snp",),  # a matrix
    ],
    ids=" ".join,
)
def test_a_report_is_no_wider_than_its_terminal(
    explain, monkeypatch, arguments: tuple[str, ...], room: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(room))
    narrow = explain(*arguments)
    assert max(map(len, narrow.splitlines())) <= room
    monkeypatch.setenv("COLUMNS", "200")
    assert max(map(len, explain(*arguments).splitlines())) > room


def test_a_mail_has_75_columns_on_any_terminal(explain, monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    lines = explain(SNP_DMA, "--format", "mail").splitlines()
    assert 60 < max(map(len, lines[lines.index("") :])) <= 75


def test_steps_that_never_happened_are_counted(explain) -> None:
    assert "steps that never happened" not in explain(SNP_DMA)
    cell = "two-protected-vcpus[mechanism=none]"
    short, full = explain(cell), explain(cell, "-v")
    idle = full.split("Steps that never happened:\n")[1].split("\n\n")[0]
    assert f"{idle.count('  - ')} steps that never happened" in " ".join(short.split())


def test_assumptions_that_a_run_rests_on_are_shown(explain) -> None:
    found = explain("page-reused")
    assert "Assumptions that this run rests on: last-unmap-frees." in found
    assert 'assumption "last-unmap-frees": ' in explain("page-reused", "-v")


def test_a_matrix_is_summed_up_and_one_cell_is_shown(explain) -> None:
    found = explain("drop-destroy-flush")
    assert "24 cells: 19 holds, 5 violated; all as expected. --all shows" in found
    assert found.count("To run it again:") == 1
    assert found.count("VIOLATED (as expected)") == 1
    assert "kind = sev: holds; sev-es: holds; snp: 5 violated, 3 holds." in found
    assert "To see the grid: vmlitmus table drop-destroy-flush" in found
    assert explain("drop-destroy-flush", "--all").count("To run it again:") == 24


def test_some_cells_of_a_matrix_are_summed_up_without_the_values_that_they_lack(explain) -> None:
    text = explain("policy-by-hint[hint=hv-on]")
    summary = text.split("To see the grid")[0]
    assert "pinned = free" in summary
    assert "hint" not in summary.partition("policy =")[2]
    assert "10 cells" in text


def test_a_condition_says_nothing_that_its_run_denies(explain) -> None:
    exposed = "policy-by-hint[policy=nothing,pinned=free,hint=hv-on]"
    told = " ".join(explain(exposed, "--reach", "unprotected-sharing").split())
    assert "vm0 passes KVM_SET_CPUID2, is started, and its guest boots" in told  # with the bit set
    assert "the guest does not rely on its topology" in told
    assert "nobody has told" not in told


def test_a_cell_that_is_not_as_expected_is_the_one_shown(explain, tmp_path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(
        'topic = "cache-flush"\nquestion = "Is it?"\nsource = "x"\nbecause = "y"\n'
        'decided_by = "model"\nexpect = "violated"\n'
        '[claim]\nnever = "stale-encrypted-line"\n'
        '[environment]\nallow = ["guest-write", "eviction", "reclaim", "host-reuse"]\n'
        '[matrix]\n"kvm.cache_flush" = ["none", "all-online", "ever-ran"]\n'
    )
    found = explain(str(path))
    assert "3 cells: 1 violated, 2 holds; 2 not as expected." in found
    assert "One of them in full: mine[cache_flush=all-online]" in found
    assert "cache_flush = none: violated; all-online: holds; ever-ran: holds." in found


SHAPES = (
    "page-reused",  # one cell and its run
    "destroyed-nmi-fails",  # a start that is told
    "destroy-twice",  # one axis of two values
    "which-fact-implies-which",  # one axis of long values
    "drop-destroy-flush",  # four axes, a cell's name of three lines
    "preempted-twice",  # a long cell's name
    "v2-late-set",  # a run of 27 steps
    "recycle-wbnoinvd",  # 33 steps, of two actors by turns
    "online-file-starves",  # a loop of 18 steps, and a mark before it
    "semaphore-is-not-for-ever",  # a reason of many sentences, and promises of fairness
)


@pytest.mark.parametrize("name", SHAPES)
def test_a_report_fits_a_screen(explain, name: str) -> None:
    lines = explain(name).splitlines()
    assert max(map(len, lines)) <= 75
    assert len(lines) <= 50


@pytest.mark.wide
def test_every_ordinary_report_fits_a_screen() -> None:
    tests = vmlitmus.load()
    outcomes = iter(vmlitmus.check(tests))
    for test, cells in tests.selected:
        found = [next(outcomes) for _ in cells]
        assert not any(o.error for o in found), test.name
        text = report(found[0]) if len(found) == 1 else explain_matrix(grid_of(test, found), 75)
        lines = text.splitlines()
        assert len(lines) <= 50, test.name
        assert max(map(len, lines)) <= 75, test.name


def test_what_is_folded_is_shown_with_v(explain) -> None:
    name = "recycle-wbnoinvd[without=invalidate on ASID recycle]"
    steps = json.loads(explain(name, "--json"))["tests"][0]["trace"]
    short, full = (" ".join(explain(name, *v).split()) for v in ((), ("-v",)))
    labels = [step["label"] for step in steps]
    assert all(label in full for label in labels)
    assert not all(label in short for label in labels)
    assert "more steps)" in short
    assert "more steps)" not in full
    assert all(label in short for label in [labels[0], *labels[-4:]])
    assert "With -v: in full, with " in short


@pytest.mark.parametrize("seed", range(40))
def test_every_step_is_shown_or_counted(seed: int) -> None:
    """No fold goes over a mark, the first step and the last four stay, the room is kept to."""
    chance = random.Random(seed)
    number = chance.randint(1, 40)
    blocks = [[f"  step {n}", "  goes on"][: chance.randint(1, 2)] for n in range(number)]
    columns = [chance.choice("ab") for _ in blocks]
    apart = [chance.random() < 0.4 for _ in blocks]
    marked = {n for n in range(1, number) if chance.random() < 0.1}
    room = chance.randint(5, 60)
    found = folded(blocks, columns, apart, marked, room)
    at = 0
    for n, lines in enumerate(found):
        if lines == blocks[n]:
            assert at == n
            at += 1
        elif lines:
            count = re.fullmatch(r" *\((\d+) more steps?\)", lines[0])
            assert count
            assert (at, len(lines)) == (n, 1)
            at += int(count[1])
            assert not marked & set(range(n + 1, at))
    assert at == number
    assert found[0] == blocks[0]
    assert found[-4:] == blocks[-4:]
    height, before = (sum(map(len, each)) for each in (found, blocks))
    assert height == before if before <= room else height < before or number < 8 or marked
    if not marked and number > 8:
        assert height <= max(room, 12)


def test_a_command_of_several_lines_is_one_command(explain) -> None:
    found = explain("drop-destroy-flush")
    command = found.partition("To run it again:\n")[2]
    assert command.count("\n") > 2
    words = shlex.split(command.replace("\\\n", ""))
    assert words[:2] == ["vmlitmus", "explain"]
    again = explain(words[2])
    assert f"name: {words[2]}".split("[")[1].replace(",", ", ") in " ".join(found.split())
    assert again.count("To run it again:") == 1


def test_states_show_what_each_step_changes(explain) -> None:
    found = explain(SNP_DMA, "--states")
    assert "Fields that this run changes, at the start: vcpu0.cpu = none;" in found
    assert "  vcpu0 is loaded on its home cpu0\n  | vcpu0.cpu: none -> cpu0\n" in found
    assert "| changes nothing" in explain("v3-two-reclaimers", "--states")
    assert max(map(len, found.splitlines())) <= 75
    assert "| vcpu0.cpu" not in explain(SNP_DMA)


@pytest.mark.parametrize(("yes", "answer"), [("violated", "yes"), ("holds", "no")])
def test_a_question_is_answered_where_the_test_says_how(explain, tmp_path, yes, answer) -> None:
    path = tmp_path / "mine.toml"
    text = next(Path(vmlitmus.__file__).parent.glob(f"catalogue/cache-flush/{SNP_DMA}.toml"))
    old = [line for line in text.read_text().splitlines() if not line.startswith("yes")]
    path.write_text("\n".join([f'yes = "{yes}"', 'topic = "cache-flush"', *old]))
    assert f"\n\nAnswer: {answer}.\nnever stale-encrypted-line: VIOLATED" in explain(str(path))
    assert json.loads(explain(str(path), "--json"))["tests"][0]["answer"] == answer
    assert "Answer" not in explain(str(path), "--reach", "page-reused")


def test_a_wrong_yes_is_refused(tmp_path, capsys) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('yes = "hold"\ntopic = "cache-flush"\nquestion = "Is it?"\nsource = "x"\n'
                    'because = "y"\ndecided_by = "model"\nexpect = "holds"\n'
                    '[claim]\nnever = "stale-encrypted-line"\n')  # fmt: skip
    assert main(["explain", str(path)]) == 2
    assert (
        "mine.toml:1: unknown value of yes 'hold'; did you mean 'holds'?" in capsys.readouterr().err
    )


def test_json_cites_a_thread_and_names_the_file(explain) -> None:
    found = json.loads(explain(SNP_DMA, "--json"))
    jsonschema.validate(found, json.loads(SCHEMA.read_text()))
    test = found["tests"][0]
    assert test["source"].endswith("(Kevin Loughlin, 2024-12-04)")
    assert test["thread"]["file"] == "004_fea39e187759439d.txt"
    assert test["thread"]["author"] == "Kevin Loughlin"
    assert Path(test["file"]).name == f"{SNP_DMA}.toml"
    other = json.loads(explain("bad-create-retry", "--json"))["tests"][0]
    assert other["thread"] is None
    assert other["source"] == "Message of d26638bfcdfc"


def test_explain_says_what_the_mechanisms_leave_out(capsys) -> None:
    """Those of the steps that were shown, not of every file of the topic."""
    assert main(["explain", SNP_DMA, "-v"]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "Not modelled: - cache: single lines" in out
    assert "- reclaim: notifiers that may not block" in out
    assert "DECOMMISSION" not in out  # no step of destroy is in this run
    assert main(["explain", SNP_DMA, "--json"]) == 0
    (test,) = json.loads(capsys.readouterr().out)["tests"]
    assert any(text.startswith("reclaim: ") for text in test["not_modelled"])


def test_an_interrupt_while_a_cell_is_decided_ends_the_matrix(capsys, monkeypatch) -> None:
    """A search that sees the interrupt itself gives an answer; the next cells are not looked at."""
    asked: list[str] = []

    def decided(job, test, cell, *others):
        asked.append(cell.name)
        outcome = decide_apart(job, test, cell, *others)
        given_up = replace(outcome.result, verdict=Verdict.INCONCLUSIVE, reason="interrupted")
        return outcome if len(asked) < 2 else replace(outcome, result=given_up)

    monkeypatch.setattr(explain_command, "decide_apart", decided)
    assert main(["explain", "isolation-keeps-device-irqs-away"]) == 130
    assert len(asked) == 2
    found = capsys.readouterr()
    assert found.out == ""
    assert found.err.strip() == "vmlitmus: interrupted"
    assert main(["explain", "page-reused"]) == 130
    assert "interrupted" in capsys.readouterr().out


def test_a_topic_shows_how_far_it_is(monkeypatch, capsys) -> None:
    """In a pipe a line every while; on a terminal the ticker draws the same."""
    monkeypatch.setattr("vmlitmus.cli.output.progress._EVERY", 0.0)
    assert main(["explain", "policy-by-hint[hint=hv-on]"]) == 0
    assert "vmlitmus: 10 of 10 after " in capsys.readouterr().err


def test_an_interrupt_leaves_the_tests_that_are_decided(monkeypatch, capsys) -> None:
    decide = explain_command._decide
    seen: list[str] = []

    def interrupted(job, test, *others):  # type: ignore[no-untyped-def]
        seen.append(test.name)
        if len(seen) > 2:
            raise KeyboardInterrupt
        return decide(job, test, *others)

    monkeypatch.setattr(explain_command, "_decide", interrupted)
    assert main(["explain", "drop-destroy-flush-*"]) == 130
    out, err = capsys.readouterr()
    assert out.count("To run it again:") == 1  # the second has several cells, and is not whole
    assert "vmlitmus: interrupted after 1 of " in err


def test_progress_of_a_search_says_which_of_several_it_is(monkeypatch) -> None:
    drawn: list[str] = []
    monkeypatch.setattr(Ticker, "_draw", lambda ticker, text: drawn.append(text))
    progress = Progress(states=5, transitions=9, depth=2, frontier=3, seconds=1.0)
    for total in (1, 7):
        Ticker(total).search(progress)
    assert drawn == ["5 states, depth 2, 3 to go, 5 states/s", f"0/7 {drawn[0]}"]
