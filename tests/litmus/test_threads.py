"""What was said in the threads behind the tests: complete, and no answer that outlived its verdict.

``pytest tests/litmus/test_threads.py --promote`` writes the page anew.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from vmlitmus.cli.main import main
from vmlitmus.litmus import Catalogue
from vmlitmus.litmus.threads import Discussion, Point, discussions, find, thread_of

PAGE = Path(__file__).parent.parent.parent / "docs" / "threads.md"
MARK = "<!-- threads -->\n"
TESTS = Catalogue().tests()
EXPECTED = {
    **{test.name: {cell.expect.value for cell in test.cells if cell.expect} for test in TESTS},
    **{cell.name: {cell.expect.value} for test in TESTS for cell in test.cells if cell.expect},
}
POINTS = [
    pytest.param(point, id=f"{d.name}/{number}")
    for d in discussions()
    for number, point in enumerate(d.points, 1)
]


def test_the_five_threads_are_listed_in_full() -> None:
    counted = {d.name[:3]: len(d.points) for d in discussions() if not d.excerpt}
    assert counted == {"000": 25, "001": 26, "002": 39, "003": 33, "004": 25}


@pytest.mark.parametrize("point", POINTS)
def test_an_answer_rests_on_verdicts_of_today(point: Point) -> None:
    assert point.kind in ("question", "claim", "proposal")
    assert re.fullmatch(r"\d{4}-\d{2}(-\d{2})?", point.date)
    assert bool(point.answer) == bool(point.tests) != bool(point.not_asked)
    for test in point.tests:
        assert test in EXPECTED, test
        if test in point.found:
            assert EXPECTED[test] == {point.found[test]}, test
        else:
            assert len(EXPECTED[test]) > 1, f"{test} has one verdict: write it"


def test_every_thread_is_cited_as_it_says() -> None:
    sources = {test.source for test in TESTS}
    for d in discussions():
        assert set(d.cited_as) <= sources, d.name
    cited = {source for source in sources if re.match(r"\d{3}_\w+\.txt", source)}
    assert cited == {d.thread.file for d in discussions() if not d.excerpt}
    assert all(thread_of(source).file == source for source in cited)


# mails of which no more than the subject is known
BARE = {"Re: [PATCH v6 2/3] kvm: core scheduling statistics"}


def test_every_mail_that_a_test_cites_is_listed() -> None:
    """What begins like a mail, or says that it is a review, a reply or a draft."""
    mail = re.compile(
        r"(?:^|; )(?:Re: |\[\S*(?:RFC|PATCH)[^\]]*\])|\b(?:[Rr]eply|Review of|drafts)\b"
    )
    cited = {source for d in discussions() for source in d.cited_as}
    mails = {test.source for test in TESTS if mail.search(test.source)}
    assert len(mails) > 5
    known = {m for m in mails if "[PATCH RFC v8 47/56]" in m}  # beside a function: one of the five
    assert mails - known - BARE <= cited


@pytest.mark.parametrize("word", ["004", "004_fea39e187759439d", "004_fea39e187759439d.txt"])
def test_a_thread_is_found_by_the_beginning_of_its_name(word: str) -> None:
    found = find(word)
    assert found is not None
    assert found.thread.author == "Kevin Loughlin"
    assert find("no-such") is None
    assert find("") is None


def test_list_prints_the_points_of_a_thread(capsys) -> None:
    assert main(["list", "threads", "004"]) == 0
    out = capsys.readouterr().out
    assert out.count("004_fea39e187759439d, ") == 25
    assert "Tests: drop-destroy-flush-sev (holds)" in out
    assert main(["list", "threads", "rcu_preempt"]) == 0
    assert "halted-vcpu-never-wakes (violated)" in capsys.readouterr().out


def test_the_page_says_what_the_list_says(request) -> None:
    text = PAGE.read_text()
    wanted = text.partition(MARK)[0] + MARK + "\n" + "\n\n".join(map(section, discussions())) + "\n"
    if request.config.getoption("--promote"):
        PAGE.write_text(wanted)
    else:
        assert text == wanted, "run this file with --promote, and read the difference"


def section(d: Discussion) -> str:
    """Return a thread as a heading and a table."""
    lines = [
        f"## {d.thread.subject}",
        "",
        f"{d.thread.author}, {d.thread.date}; `vmlitmus list threads {d.name}`",
        "",
        "| | who, when | what | answer | tests |",
        "|---|---|---|---|---|",
        *(row(number, point) for number, point in enumerate(d.points, 1)),
    ]
    return "\n".join(lines)


def row(number: int, point: Point) -> str:
    tests = ", ".join(f"`{test}`" for test in point.tests) or "not asked"
    answer = point.answer or point.not_asked
    who = f"{point.by}, {point.date}"
    return f"| {number} | {who} | *{point.kind}:* {point.text} | {answer} | {tests} |"
