"""Makes the screenshots of "Looking at runs" afresh, with Debian's chromium.

python docs/pictures/screenshots.py [FOLDER]
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent.parent / "tests" / "browser"))
from chromium import Browser  # noqa: E402
from served import explore  # noqa: E402

RUN = "drop-destroy-flush-snp-dma"
# file, command that makes the page, what of it, width, height, dark
PAGES = (
    ("run.png", ("explain", RUN), "#run=0&step=11", 1280, 860, False),
    ("run-narrow.png", ("explain", RUN), "#run=0&step=11", 360, 900, True),
    ("table.png", ("table", "policy-grid"), "", 900, 640, False),
)


def main(folder: Path) -> None:
    browser = Browser()
    try:
        with tempfile.TemporaryDirectory() as pages:
            for name, command, fragment, width, height, dark in PAGES:
                page = Path(pages) / f"{name}.html"
                made = [sys.executable, "-m", "vmlitmus", *command, "--html", str(page)]
                subprocess.run(made, check=True, stdout=subprocess.DEVNULL)
                browser.look(width, height, dark=dark)
                browser.open(page, fragment)
                shoot(browser, folder / name)
        with explore(RUN) as served:
            browser.look(1280, 860)
            browser.driver.get(served.url)
            wait(browser, "#show-run")
            browser.js("document.getElementById('show-run').click()")
            wait(browser, "#line .step")
            browser.js("explorer.go(7)")
            shoot(browser, folder / "explore.png")
    finally:
        browser.quit()


def wait(browser: Browser, selector: str) -> None:
    for _ in range(300):
        if browser.all(selector):
            return
        time.sleep(0.1)
    raise SystemExit(f"{selector} did not appear")


def shoot(browser: Browser, path: Path) -> None:
    time.sleep(0.7)  # arrows are drawn after the page
    assert not browser.errors(), "the page complains"
    browser.driver.save_screenshot(str(path))


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE)
