"""The explorer in a real browser: steps, switches, searches, links, keys, hostile texts."""

from __future__ import annotations

import importlib.resources
import re
import shlex
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from chromium import Browser
from served import Served, explore

RACE = Path(__file__).parent / "race"
OWN = (str(RACE / "race.toml"), "--model", str(RACE / "flushing.py"))


@pytest.fixture(scope="module")
def served():
    with explore(*OWN) as found:
        yield found


@pytest.fixture
def page(browser: Browser, served: Served) -> Browser:
    browser.driver.get(served.url)
    wait(browser, lambda: browser.all(".badge"))
    return browser


def wait(browser: Browser, until: Callable[[], object], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < end, browser.errors() or "nothing came"
        time.sleep(0.03)


def count(page: Browser) -> str:
    return page.text("#count")


def click(page: Browser, selector: str) -> None:
    """Click on an element as soon as it is drawn."""
    wait(page, lambda: page.js("return document.querySelector(arguments[0]) !== null", selector))
    page.js("document.querySelector(arguments[0]).click()", selector)


def take(page: Browser, step: str, after: str) -> None:
    click(page, f"[data-step='{step}']")
    wait(page, lambda: count(page) == after)


def test_steps_back_and_forward(page: Browser) -> None:
    from selenium.webdriver.common.keys import Keys

    assert count(page) == "0 / 0"
    take(page, "write(cpu0,page0)", "1 / 1")
    take(page, "flush.1(task0,page0)", "2 / 2")
    assert page.text(".card h2") == "task0 unmaps page0"
    assert len(page.all("#line .step")) == 2
    page.keys(Keys.ARROW_LEFT)
    wait(page, lambda: count(page) == "1 / 2")
    assert page.all("[data-step='flush.1(task0,page0)']")
    page.keys(Keys.END)
    wait(page, lambda: count(page) == "2 / 2")
    click(page, "#first")
    wait(page, lambda: count(page) == "0 / 2")
    take(page, "write(cpu0,page0)", "1 / 1")
    assert page.errors() == []


def test_the_counterexample_can_be_left_at_any_step(page: Browser) -> None:
    assert page.text("#verdict .badge") == "\u2717 violated"
    click(page, "#show-run")
    wait(page, lambda: count(page) == "9 / 9")
    true = page.js(
        "return [...document.querySelectorAll('.conditions .true b')].map(b => b.textContent)"
    )
    assert "overwritten" in true
    page.all("#line .step button")[3].click()
    wait(page, lambda: count(page) == "4 / 9")
    assert page.text(".card h2") == "task0 sends IPIs to {cpu0}"
    take(page, "evict(cpu0,page0)", "5 / 5")


def test_a_switch_changes_verdict_and_run(page: Browser) -> None:
    page.js(
        "const s = document.querySelector('[data-key=\"kvm.mask\"]');"
        "s.value = 'kept'; s.dispatchEvent(new Event('change'))"
    )
    wait(page, lambda: page.all("#verdict .v-holds"))
    assert "Before: violated after 9 steps." in page.text("#verdict")
    click(page, "[data-key='part flush']")
    wait(page, lambda: page.all("#verdict .v-violated"))
    assert page.js("return explorer.changes") == {
        "kvm.mask": "kept", "kvm.without": ["flush"],
    }  # fmt: skip
    click(page, "[data-key='part flush']")
    wait(page, lambda: page.all("#verdict .v-holds"))
    click(page, "[data-key='allow eviction']")
    wait(
        page, lambda: "eviction" not in str(page.js("return explorer.changes['environment.allow']"))
    )
    assert page.errors() == []


def test_how_do_i_get_there(page: Browser) -> None:
    page.js("explorer.reach('overwritten')")
    wait(page, lambda: count(page) == "9 / 9")
    assert page.text("#reach") == "overwritten: reached in 9 steps, the shortest way."
    page.js("explorer.reach('never-here')")
    wait(page, lambda: "cannot be reached from here" in page.text("#reach"))


def test_random_and_interesting_steps(page: Browser) -> None:
    click(page, "#random")
    wait(page, lambda: count(page) == "1 / 1")
    click(page, "#interesting")
    wait(page, lambda: count(page) not in ("0 / 0", "1 / 1"))
    assert not page.one("#stuck").is_displayed()


def test_the_graph_takes_steps(page: Browser) -> None:
    from selenium.webdriver.common.keys import Keys

    dots = page.all(".graph circle")
    assert len(dots) > 5
    page.js("document.querySelectorAll('.graph circle[tabindex]')[0].focus()")
    page.keys(Keys.ENTER)
    wait(page, lambda: count(page) == "1 / 1")


def test_a_link_brings_back_scenario_and_run(page: Browser, served: Served) -> None:
    page.js("explorer.change('kvm.mask', 'kept')")
    wait(page, lambda: "Before:" in page.text("#verdict") or page.all("#verdict .badge"))
    take(page, "write(cpu0,page0)", "1 / 1")
    link, command = page.driver.current_url, page.js("return explorer.command()")
    page.driver.get("about:blank")
    page.driver.get(link)
    wait(page, lambda: count(page) == "1 / 1")
    assert page.js("return explorer.changes") == {"kvm.mask": "kept"}
    words = shlex.split(command)
    assert words[:3] == ["vmlitmus", "explore", "race"]
    with explore(*OWN, *words[3:]) as other:
        page.driver.get(other.url)
        wait(page, lambda: count(page) == "1 / 1")
        assert page.js("return explorer.changes") == {"kvm.mask": "kept"}


def test_a_link_of_another_version_says_what_changed(page: Browser, served: Served) -> None:
    noted = {"v": "0.0.9", "c": {}, "s": ["write(cpu0,page0)", "gone(cpu0)"], "d": "0000"}
    page.driver.get("about:blank")
    page.driver.get(served.url + "#" + packed(noted))
    wait(page, lambda: page.one("#stuck").is_displayed())
    assert "The model has changed since the link was made. Step 1" in page.text("#stuck")
    assert "version 0.0.9" in page.text("#wrong")
    page.driver.get("about:blank")
    page.driver.get(served.url + "#%%%")
    wait(page, lambda: page.one("#wrong").is_displayed() or page.all(".choice"))
    wait(page, lambda: page.all(".choice"))


def packed(noted: object) -> str:
    import base64
    import json

    return base64.urlsafe_b64encode(json.dumps(noted).encode()).decode().rstrip("=")


def test_copies_are_shown(page: Browser) -> None:
    take(page, "write(cpu0,page0)", "1 / 1")
    click(page, "#copies")
    wait(page, lambda: page.all("#text-mail"))
    assert page.text("#text-replay") == (
        f"vmlitmus replay {OWN[0]} --steps 'write(cpu0,page0)' --model {OWN[2]}"
    )
    assert '[claim]\nnever = "overwritten"' in page.text("#text-litmus")
    assert "chosen by hand" in page.text("#text-mail")


def test_a_mechanism_has_one_colour_and_lights_up_everywhere(page: Browser) -> None:
    take(page, "write(cpu0,page0)", "1 / 1")
    colour = (
        "return getComputedStyle(document.querySelector(arguments[0])).getPropertyValue('--strong')"
    )
    first = page.js("return document.querySelector('#line .step').dataset.mechanism")
    same = f".choice[data-mechanism='{first}']"
    assert page.js(colour, "#line .step") == page.js(colour, same)
    page.js(
        "document.querySelector(arguments[0]).dispatchEvent("
        "new PointerEvent('pointerover', {bubbles: true}))",
        same,
    )
    assert page.js("return document.querySelector('#line .step').classList.contains('lit')")
    assert page.js("return document.querySelector('.code').classList.contains('lit')")


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_accessible_and_narrow(page: Browser, dark: bool) -> None:
    page.look(1400, 1000, dark=dark)
    click(page, "#show-run")
    wait(page, lambda: count(page) == "9 / 9")
    click(page, ".peers summary")
    page.js((importlib.resources.files("axe_core_python") / "axe.min.js").read_text("utf-8"))
    found = page.driver.execute_async_script(
        "axe.run(document, {resultTypes: ['violations']}).then(r => arguments[0]("
        "r.violations.map(v => [v.id, v.help, v.nodes.slice(0, 3).map(n => n.html)])))"
    )
    assert found == []
    page.look(360, 900, dark=dark)
    assert page.js("return document.documentElement.scrollWidth") <= 360


def test_hostile_texts_stay_texts(browser: Browser, tmp_path) -> None:
    hostile = "<img src=x onerror=\"document.title='owned'\"></script><script>alert(1)</script>?"
    text = (RACE / "race.toml").read_text()
    for key in ("question", "because", "source"):
        text = re.sub(f"{key} = .*", lambda _, key=key: f"{key} = '''{hostile}'''", text)
    (tmp_path / "evil.toml").write_text(text)
    with explore(str(tmp_path / "evil.toml"), *OWN[1:]) as served:
        browser.driver.get(served.url)
        wait(browser, lambda: browser.all(".badge"))
        assert browser.text("#question") == hostile
        assert browser.js("return document.title") == "vmlitmus explore"
        assert browser.js("return document.querySelectorAll('img').length") == 0
        click(browser, "#copies")
        wait(browser, lambda: browser.all("#text-mail"))
        assert browser.errors() == []


def test_the_table_of_peers_has_no_empty_cell(page: Browser) -> None:
    cells = page.js("return [...document.querySelectorAll('.peers td')].map(c => c.textContent)")
    assert len(cells) == 3 * 12
    assert all(re.search(r"\w", cell) for cell in cells)


def test_a_run_of_ten_thousand_steps(page: Browser) -> None:
    from selenium.webdriver.common.keys import Keys

    page.js(
        "explorer.steps = Array.from({length: 10000}, (_, n) =>"
        " n % 2 ? 'evict(cpu0,page0)' : 'write(cpu0,page0)');"
        "explorer.at = 3; explorer.walk();"
    )
    wait(page, lambda: count(page) == "3 / 10000", 60)
    assert page.text(".card h2") == "cpu0 writes page0"
    page.js("document.activeElement.blur()")
    page.keys(Keys.END)
    wait(page, lambda: count(page) == "10000 / 10000")
    wait(page, lambda: page.all("[data-step='flush.1(task0,page0)']"))
    began = time.monotonic()
    page.keys(Keys.ARROW_LEFT)
    wait(page, lambda: count(page) == "9999 / 10000")
    assert time.monotonic() - began < 5
    assert page.text(".card h2") == "cpu0 writes page0"
    assert len(page.driver.current_url) < 70_000
