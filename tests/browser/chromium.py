"""Drives Debian's chromium."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

WHY = "nothing was tested in one; install chromium and chromium-driver (Debian)"


class Browser:
    """A headless chromium; ``errors`` are what pages wrote to the console as errors."""

    def __init__(self) -> None:
        from selenium import webdriver
        from selenium.webdriver.chrome.service import Service

        options = webdriver.ChromeOptions()
        options.binary_location = "/usr/bin/chromium"
        for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"):
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.driver = webdriver.Chrome(options=options, service=Service("/usr/bin/chromedriver"))
        self.driver.set_script_timeout(30)

    def reset(self) -> None:
        self.driver.get("about:blank")
        self.driver.get_log("browser")
        self.look(1400, 1000)

    def look(self, width: int, height: int, *, dark: bool = False, media: str = "screen") -> None:
        """Set the size of the window, in pixels, the colours, and screen or print."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.driver.execute_cdp_cmd(
            "Emulation.setEmulatedMedia", {"media": media, "features": [scheme]}
        )

    def open(self, page: Path, fragment: str = "") -> None:
        """Open a file from disk."""
        self.driver.get("about:blank")
        self.driver.get(f"file://{page}{fragment}")

    def js(self, code: str, *args: object) -> Any:
        """Run a script in the page and return what it returns."""
        return self.driver.execute_script(code, *args)

    def all(self, selector: str) -> list[Any]:
        return self.driver.find_elements("css selector", selector)

    def one(self, selector: str) -> Any:
        return self.driver.find_element("css selector", selector)

    def text(self, selector: str) -> str:
        """Return the text of what is there, or comes soon: a page follows a link in a while."""
        self.until(lambda: self.all(selector), f"nothing is {selector}")
        return str(self.js("return document.querySelector(arguments[0]).textContent", selector))

    def shows(self, selector: str) -> bool:
        """Wait until something is shown; say so."""
        self.until(lambda: self.one(selector).is_displayed(), f"{selector} is not shown")
        return True

    def hides(self, selector: str) -> bool:
        """Wait until something is not shown; say so."""
        self.until(lambda: not self.one(selector).is_displayed(), f"{selector} is shown")
        return True

    def until(self, happens: Callable[[], object], else_say: str, seconds: float = 10) -> None:
        """Wait for something that the page does by itself."""
        end = time.monotonic() + seconds
        while not happens():
            assert time.monotonic() < end, else_say
            time.sleep(0.02)

    def keys(self, *keys: str) -> None:
        """Press keys where the focus is."""
        from selenium.webdriver import ActionChains

        ActionChains(self.driver).send_keys(*keys).perform()

    def errors(self) -> list[str]:
        """Return what was written to the console since the last look."""
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def first_paint(self) -> float:
        """Return after how many milliseconds the page showed something."""
        code = """
        const done = arguments[0];
        const look = () => {
          const found = performance.getEntriesByName("first-contentful-paint")[0];
          if (found) done(found.startTime); else setTimeout(look, 20);
        };
        look();"""
        return float(self.driver.execute_async_script(code))

    def quit(self) -> None:
        self.driver.quit()
