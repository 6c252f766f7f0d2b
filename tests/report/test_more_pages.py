"""Pages of commands that have no page of their own kind: grow, simulate, and audit kernel."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from vmlitmus.cli.main import main
from vmlitmus.outcome.audit import Finding, Fix
from vmlitmus.outcome.simulated import Figure, Measured, Simulated, SimulatedCell
from vmlitmus.report.html import kernel_page, simulation_page

HOSTILE = "</td><script>alert(1)</script>"


class Tags(HTMLParser):
    """Counts the tags of a page, and keeps its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


def fix(status: str, title: str = "a fix") -> Fix:
    return Fix(
        "0123456789ab", title, "", "kvm", status, "because", "a claim", "the guest", "a-test"
    )


def finding(title: str = "a finding") -> Finding:
    return Finding(title, "the host", "has", "read", "none", "luck", "a-test", "")


def test_what_a_kernel_lacks_comes_first_and_texts_stay_text() -> None:
    page = kernel_page([fix("has"), fix("lacks", HOSTILE)], [finding(HOSTILE)], HOSTILE)
    found, plain = Tags(page), Tags(kernel_page([fix("has"), fix("lacks")], [finding()], "6.1"))
    assert found.tags == plain.tags
    assert HOSTILE in found.text
    assert found.text.index("lacks") < found.text.index("because")
    assert "lacks 1, has 1" in found.text


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (["audit", "kernel", "--release", "6.12.107"], 1, "vmlitmus explain"),
        (["simulate", "warn-lockers-in-time[vcpus=3]", "--runs", "3"], 0, "36 ms"),
        (["grow", "page-reused", "--raise", "vm.1.pages=2"], 0, "page-reused with vm.1.pages = 2"),
    ],
)
def test_the_commands_write_a_page(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], args: list[str], code: int, words: str
) -> None:
    target = tmp_path / "page.html"
    assert main([*args, "--html", str(target)]) == code
    page = target.read_text(encoding="utf-8")
    assert words in Tags(page).text
    assert "Content-Security-Policy" in page
    assert len(page) < 1_000_000


def test_a_simulation_shows_distributions_and_texts_stay_text() -> None:
    figure = Figure("mean", 1.5, 1.0, 2.0, "s")
    points = tuple((n / 10, n / 5) for n in range(1, 11))
    measured = Measured(HOSTILE, "latency", ("a", "b"), (figure,), 3, (5.0, 6.0), points)
    cell = SimulatedCell(HOSTILE, {}, (measured,), warnings=(HOSTILE,), parameters={"x": HOSTILE})
    page = simulation_page(Simulated("t", HOSTILE, HOSTILE, 1, 0.95, 0.1, (cell,)))
    plain = simulation_page(Simulated("t", "q", "t", 1, 0.95, 0.1, (replace(cell, name="c"),)))
    assert Tags(page).tags == Tags(plain).tags
    assert "not as expected" in Tags(page).text
    assert 'points="40.0,' in page
