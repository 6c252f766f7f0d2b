"""Every link of every page leads to a file that is there, and to a heading that is there.

So does every path of a page that a source file, a help text or a test names.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
OURS = ("benchmarks", "docs", "real_kernel", "src", "tests", "tools")
PAGES = sorted(
    [*ROOT.glob("*.md"), *(page for part in OURS for page in (ROOT / part).rglob("*.md"))]
)
FENCED = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\(([^)\s#]*)(?:#([^)\s]*))?\)")
NAMED = re.compile(r"(?<![\w/])docs/[\w/-]+\.(?:md|ipynb)\b")


def slugs(text: str) -> set[str]:
    """Return the anchors of a page's headings, as they are made where Markdown is shown."""
    seen: Counter[str] = Counter()
    found = set()
    for title in re.findall(r"^#+ +(.*?) *$", FENCED.sub("", text), re.MULTILINE):
        bare = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", title).lower()
        slug = re.sub(r"[^\w -]", "", bare).replace(" ", "-")
        found.add(f"{slug}-{seen[slug]}" if seen[slug] else slug)
        seen[slug] += 1
    return found


def lost_links(page: Path, text: str) -> list[str]:
    """Return the links of a page that lead nowhere."""
    lost = []
    for target, anchor in LINK.findall(FENCED.sub("", text)):
        if ":" in target:
            continue
        there = (page.parent / target).resolve()
        if not there.exists() or not there.is_relative_to(ROOT):
            lost.append(target)
        elif anchor and anchor not in slugs(there.read_text() if target else text):
            lost.append(f"{target}#{anchor}")
    return lost


def test_pages_of_all_folders_are_read() -> None:
    assert {"README.md", "CHANGELOG.md", "docs/README.md", "benchmarks/README.md"} <= {
        str(page.relative_to(ROOT)) for page in PAGES
    }


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    assert lost_links(page, page.read_text()) == []


def test_the_links_of_the_notebook_lead_somewhere() -> None:
    path = DOCS / "using" / "looking.ipynb"
    cells = json.loads(path.read_text())["cells"]
    text = "\n\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")
    assert lost_links(path, text) == []


@pytest.mark.parametrize(
    ("text", "lost"),
    [
        ("[a](findings.md)", []),
        ("[a](../README.md)", []),
        ("[a](README.md#asking) and [b](topics/cache-flush.md)", []),
        ("[a](cache-flush.md)", ["cache-flush.md"]),
        ("[a](README.md#nobody-asks)", ["README.md#nobody-asks"]),
        ("# Here\n[a](#here) [b](#there)", ["#there"]),
        ("# Twice\n# Twice\n[a](#twice-1) [b](#twice-2)", ["#twice-2"]),
        ("[a](../../elsewhere)", ["../../elsewhere"]),
        ("```\n[a](no-link)\n```", []),
    ],
)
def test_a_lost_link_is_seen(text: str, lost: list[str]) -> None:
    assert lost_links(DOCS / "page.md", text) == lost


def test_every_page_that_a_source_names_is_there() -> None:
    named = {
        (str(path.relative_to(ROOT)), name)
        for part in OURS
        for path in (ROOT / part).rglob("*")
        if path.suffix in (".md", ".py", ".toml", ".txt", ".html", ".js")
        for name in NAMED.findall(path.read_text(errors="replace"))
    }
    named |= {("CHANGELOG.md", name) for name in NAMED.findall((ROOT / "CHANGELOG.md").read_text())}
    assert ("src/vmlitmus/cli/catalogue/scaffold.py", "docs/writing/language.md") in named
    assert not {(path, name) for path, name in named if not (ROOT / name).is_file()}
