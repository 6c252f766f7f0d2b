"""The pages in a real browser: keys, states, arrows, sizes, hostile texts, large ones."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from chromium import Browser
from made import HOSTILE, grid, hostile, hostile_audit, outcome

from vmlitmus.cli.main import main
from vmlitmus.report.grids.grid import Grid
from vmlitmus.report.html import audit_page, check_page, explain_page, table_page

PAINT = 1000  # milliseconds
ROOT = Path(__file__).parent.parent.parent
RACE = Path(__file__).parent / "race"
OWN = ("--model", str(RACE / "flushing.py"))
LASSO = "rfc-destroyed-spins[version=rfc-v8]"


@pytest.fixture(scope="module")
def pages(tmp_path_factory) -> Path:
    """Return a folder with pages of real tests."""
    folder = tmp_path_factory.mktemp("pages")
    for name, *command in (
        ("race", "explain", f"{RACE}/race.toml", *OWN),
        ("lasso", "explain", LASSO),
        ("holds", "explain", f"{RACE}/kept.toml", *OWN),
        ("grid", "table", f"{RACE}/grid.toml", *OWN),
        ("check", "check", f"{RACE}/grid.toml", f"{RACE}/kept.toml", *OWN),
        ("needs", "ablate", f"{RACE}/kept.toml", *OWN, "--needed-by", "no"),
    ):
        assert main([*command, "--html", str(folder / f"{name}.html")]) == 0
    root = ROOT / "tests" / "data" / "host" / "snapshots" / "2vm-partition.tar.gz"
    audit = ["audit", "host", "--root", str(root), "--trust-topology", "--now"]
    assert main([*audit, "--html", str(folder / "audit.html")]) == 1
    return folder


def written(folder: Path, text: str) -> Path:
    (folder / "page.html").write_text(text, encoding="utf-8")
    return folder / "page.html"


def at(browser: Browser) -> str:
    return browser.text(".control output")


def test_keys_slider_and_clicks_move_through_the_states(browser, pages) -> None:
    from selenium.webdriver.common.keys import Keys

    browser.open(pages / "race.html")
    assert at(browser) == "9 / 9"
    assert browser.text(".card .end").endswith("overwritten")
    browser.keys(Keys.HOME)
    assert at(browser) == "0 / 9"
    assert browser.text(".state .quiet") == "Nothing has changed yet."
    browser.keys(*[Keys.ARROW_RIGHT] * 4)
    assert at(browser) == "4 / 9"
    assert browser.text(".card h2") == "task0 sends IPIs to {cpu0}"
    assert browser.text(".changes") == (
        "Changespage0.mask{cpu0} becomes {}task0.targets{} becomes {cpu0}"
    )
    rows = "[...document.querySelectorAll('.state .changed')].map(r => r.textContent)"
    assert [row.replace("\u25cf ", "") for row in browser.js(f"return {rows}")] == [
        "mask{} (changed by this step)",
        "task0targets{cpu0} (changed by this step)",
    ]
    browser.keys(Keys.ARROW_LEFT)
    assert at(browser) == "3 / 9"
    browser.js(
        "const s = document.querySelector('.control input'); s.value = 7;"
        "s.dispatchEvent(new Event('input'))"
    )
    assert at(browser) == "7 / 9"
    browser.all(".steps .step button")[4].click()
    assert at(browser) == "5 / 9"
    browser.keys(Keys.ARROW_DOWN)
    assert at(browser) == "6 / 9"
    assert browser.js("return document.activeElement.getAttribute('aria-current')") == "step"
    assert browser.js("return document.querySelectorAll('.steps [tabindex=\"0\"]').length") == 1
    assert browser.text("[role=status].away").startswith("step 6")
    assert "step=6" in browser.driver.current_url
    assert browser.errors() == []


def test_an_address_names_the_step(browser, pages) -> None:
    browser.open(pages / "race.html", "#run=0&step=5")
    assert at(browser) == "5 / 9"
    for odd in ("#run=0&step=999", "#run=0&step=-3", "#run=0&step=x"):
        browser.open(pages / "race.html", odd)
        assert browser.all(".step"), odd
    assert browser.errors() == []


def test_arrows_join_what_made_a_difference(browser, pages) -> None:
    """The first flusher takes the mask, so the second sends nothing; the page is free for reuse."""
    browser.open(pages / "race.html", "#run=0&step=5")
    count = "return document.querySelectorAll('.arrows > path.%s').length"
    browser.driver.execute_async_script("requestAnimationFrame(arguments[0])")
    assert browser.js(count % "needed") == 1
    assert browser.js(count % "shaped") == 3
    assert browser.js(count % "chosen") == 1
    links = browser.js("return [...document.querySelectorAll('.links li')].map(l => l.textContent)")
    assert links == [
        "step 4: task0 sends IPIs to {cpu0} \u2014 page0.mask; "
        "otherwise it would have done something else"
    ]
    browser.all(".links button")[0].click()
    assert at(browser) == "4 / 9"


def test_a_step_shows_source_and_code(browser, pages) -> None:
    browser.open(pages / "race.html", "#run=0&step=4")
    assert "made_flush() in arch/x86/kvm/made.c (Linux 7.2.13)" in browser.text(".sources")
    assert "made = yes: made for a test" in browser.text(".sources")
    assert browser.text("figcaption").startswith("flushing.py:")
    lines = "[...document.querySelectorAll(arguments[0])].map(r => r.textContent)"
    ran = browser.js(f"return {lines}", ".runs")
    assert any('yield "{task} sends IPIs to {task.targets}"' in line for line in ran)
    rest = browser.js(f"return {lines}", ".rest")
    assert any("sees its IPIs handled" in line for line in rest)


def test_a_lasso_marks_its_loop(browser, pages) -> None:
    browser.open(pages / "lasso.html")
    notes = browser.js("return [...document.querySelectorAll('.note')].map(n => n.textContent)")
    steps = len(browser.all(".step"))
    back = re.fullmatch(r"\u21ba back to step (\d+), for ever", notes[2])
    assert back
    assert notes[:2] == ["here: create-due", "from here the run repeats for ever"]
    assert notes[3:] == ["create-settled never comes"]
    assert len(browser.all(".looped")) == steps - int(back[1]) + 1


def test_what_holds_says_what_was_reached(browser, pages) -> None:
    browser.open(pages / "holds.html")
    assert not browser.all(".timeline")
    facts = browser.text(".facts")
    assert "Not vacuous" in facts
    assert "every reachable state" in facts


def test_a_cell_opens_its_run_and_back_leads_back(browser, pages) -> None:
    from selenium.webdriver.common.keys import Keys

    browser.open(pages / "grid.html")
    rows = browser.all(".grid tbody tr")
    cells = browser.all(".grid td.v-violated a")
    assert len(browser.all(".grid td a")) == 2 * len(rows) == 8
    assert cells[0].text.split() == ["\u2717", "violated", "reused"]
    browser.js("document.querySelector('.grid td.v-violated a').focus()")
    browser.keys(Keys.ENTER)
    assert "grid.toml[mask=cleared" in browser.text(".again code")
    assert browser.text(".card .end").endswith("overwritten")
    assert browser.hides("#index")
    browser.keys(Keys.ARROW_LEFT)
    browser.driver.back()
    assert browser.shows("#index")
    assert browser.hides("#run")


def test_a_check_can_be_searched(browser, pages) -> None:
    browser.open(pages / "check.html")
    every = len(browser.all(".cell"))
    good = len(browser.all(".cell.v-holds"))
    assert browser.text("#matches") == f"{every} verdicts shown"
    browser.one("#find").send_keys("For which masks")
    assert browser.text("#matches") == f"{every - 1} verdicts shown"
    browser.all("[name=verdict]")[0].click()
    assert browser.text("#matches") == f"{every - good} verdicts shown"
    browser.one("#wrong").click()
    assert browser.text("#matches") == "0 verdicts shown"


def test_a_part_opens_what_happens_without_it(browser, pages) -> None:
    browser.open(pages / "needs.html")
    links = browser.all(".p-load-bearing a")
    assert len(links) == 1
    links[0].click()
    assert "--without flush" in browser.text(".again code")
    assert browser.text(".card .end").endswith("overwritten")


PAGES = ["race", "lasso", "holds", "grid", "check", "needs", "audit"]


@pytest.mark.parametrize(("width", "page"), [
    *((360, page) for page in PAGES), (768, "race"), (3840, "race"), (3840, "grid"),
])  # fmt: skip
def test_nothing_is_wider_than_the_window(browser, pages, page: str, width: int) -> None:
    browser.look(width, 900)
    browser.open(pages / f"{page}.html")
    assert browser.js("return document.documentElement.scrollWidth") <= width
    wide = browser.js(
        "return [...document.querySelectorAll('button, p, li, h1, h2')].filter(e => "
        "e.offsetParent && !e.closest('.scroll, .code') && e.clientWidth && "
        "e.scrollWidth > e.clientWidth + 1).length"
    )
    assert wide == 0
    columns = browser.js("return Boolean(document.querySelector('.timeline.columns'))")
    assert columns == (page in ("race", "lasso") and width >= 768)


def test_light_dark_and_print(browser, pages) -> None:
    back = "return getComputedStyle(document.body).backgroundColor"
    browser.open(pages / "race.html")
    light = browser.js(back)
    browser.look(1400, 1000, dark=True)
    assert browser.js(back) != light
    browser.one("#theme").click()
    assert browser.js(back) == light
    browser.look(1000, 1400, media="print")
    assert not browser.one(".inspector").is_displayed()
    assert not browser.one(".control").is_displayed()
    assert len(browser.all(".steps .step")) == 9
    assert browser.one(".facts").is_displayed()


@pytest.mark.parametrize(("dark", "page"), [
    (False, "race"), (False, "grid"), (False, "check"),
    (True, "lasso"), (True, "holds"), (True, "needs"), (False, "audit"),
])  # fmt: skip
def test_accessible(browser, pages, page: str, dark: bool) -> None:
    """No finding of axe, which looks for missing names, roles, structure and contrast."""
    import importlib.resources

    axe = (importlib.resources.files("axe_core_python") / "axe.min.js").read_text(encoding="utf-8")
    browser.look(1400, 1000, dark=dark)
    browser.open(pages / f"{page}.html")
    browser.js(axe)
    found = browser.driver.execute_async_script(
        "axe.run(document, {resultTypes: ['violations']}).then(r => arguments[0]("
        "r.violations.map(v => [v.id, v.help, v.nodes.slice(0, 3).map(n => n.html)])))"
    )
    assert found == []


def test_a_page_asks_nobody_for_anything(browser, pages) -> None:
    for name in ("race", "grid", "check", "needs"):
        text = (pages / f"{name}.html").read_text()
        assert not re.search(r"(src|href)=[\"']?(https?:|//)|@import|url\((?!#)", text)
        assert len(text) < 1 << 20
        browser.open(pages / f"{name}.html")
        assert browser.js("return performance.getEntriesByType('resource').length") == 0


def test_the_policy_forbids_any_other_script(browser, pages) -> None:
    browser.open(pages / "race.html")
    browser.js(
        "const s = document.createElement('script'); s.textContent = 'document.title = \"owned\"';"
        "document.body.append(s);"
        "document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=\"document.title=1\">');"
    )
    assert "owned" not in browser.driver.title
    refused = browser.errors()
    assert len([e for e in refused if "Content Security Policy" in e]) >= 2


@pytest.mark.parametrize("make", [
    lambda o: explain_page([o]),
    lambda o: check_page([o], 1.0),
    lambda o: table_page([Grid(o.name, dict.fromkeys(o.where, (HOSTILE,)), [o], ())]),
], ids=["explain", "check", "table"])  # fmt: skip
def test_hostile_texts_stay_texts(browser, tmp_path, make) -> None:
    page = written(tmp_path, make(hostile()))
    browser.open(page, "#run=0&step=2")
    assert "owned" not in browser.js("return document.title").replace(HOSTILE, "")
    assert browser.js("return document.scripts.length") == 2
    assert browser.js("return document.querySelectorAll('img, b:not(.brand b)').length") == 0
    assert browser.errors() == []
    assert HOSTILE.replace("\u2028", "") in browser.text("#run h1").replace("\u2028", "")
    assert browser.text(".card h2").startswith(HOSTILE)
    assert HOSTILE in browser.text(".changes ins")


def test_an_audit_shows_claims_and_facts(browser, pages) -> None:
    browser.open(pages / "audit.html")
    claims = browser.all(".claim")
    assert len(claims) > 20
    first = claims[0]
    assert not browser.one(".claim table").is_displayed()
    first.find_element("css selector", "summary").click()
    assert browser.one(".claim table").is_displayed()
    assert "/sys/devices/system/cpu/smt/control" in first.text
    assert browser.errors() == []


def test_hostile_texts_of_a_host_stay_texts(browser, tmp_path) -> None:
    browser.open(written(tmp_path, audit_page(hostile_audit())))
    assert browser.js("return document.title").startswith("Audit of </script>")
    assert browser.js("return document.querySelectorAll('img, main script').length") == 0
    assert browser.text(".claim b") == HOSTILE
    assert browser.errors() == []


def test_a_run_of_ten_thousand_steps_paints_at_once(browser, tmp_path) -> None:
    page = written(tmp_path, explain_page([outcome(steps=10_000)]))
    times = []
    for _ in range(3):
        browser.open(page, "#run=0&step=9")
        times.append(browser.first_paint())
        if times[-1] < PAINT:
            break
    assert min(times) < PAINT
    browser.driver.execute_async_script(
        "const done = arguments[0], rows = document.getElementsByClassName('step');"
        "const look = () => rows.length === 10000 ? done() : setTimeout(look, 20); look()"
    )
    from selenium.webdriver.common.keys import Keys

    browser.keys(Keys.END)
    assert at(browser) == "10000 / 10000"
    assert (
        browser.js(
            "return [...document.querySelectorAll('.state td')].map(t => t.textContent).join()"
        )
        == "at,\u25cf 10000 (changed by this step)"
    )
    browser.driver.execute_async_script(
        "requestAnimationFrame(() => requestAnimationFrame(arguments[0]))"
    )
    assert 0 < browser.js("return document.querySelectorAll('.arrows > path').length") < 400


def test_a_grid_of_a_thousand_cells_paints_at_once(browser, tmp_path) -> None:
    page = written(tmp_path, table_page([grid(40, 25)]))
    times = []
    for _ in range(3):
        browser.open(page)
        times.append(browser.first_paint())
        if times[-1] < PAINT:
            break
    assert min(times) < PAINT
    assert len(browser.all(".grid td a")) == 1000


@pytest.mark.wide
def test_the_screenshots_of_the_documentation_can_be_made(browser, tmp_path) -> None:
    import subprocess
    import sys

    docs = Path(__file__).parent.parent.parent / "docs" / "pictures"
    subprocess.run([sys.executable, docs / "screenshots.py", tmp_path], check=True, timeout=120)
    names = {path.name for path in tmp_path.glob("*.png")}
    assert names == {path.name for path in docs.glob("*.png")}
    for name in names:
        size = [(folder / name).read_bytes()[16:24] for folder in (docs, tmp_path)]
        assert size[0] == size[1], name  # width and height
