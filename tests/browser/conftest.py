"""A real browser for the tests here: Debian's chromium. Without one they say so loudly."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest
from chromium import WHY, Browser

MISSING = f"NO BROWSER: {WHY}"


@pytest.fixture(scope="session")
def started() -> Iterator[Browser]:
    if not (shutil.which("chromium") and shutil.which("chromedriver")):
        pytest.skip(MISSING)
    browser = Browser()
    yield browser
    browser.quit()


@pytest.fixture
def browser(started: Browser) -> Browser:
    """Return the browser with an empty page, a wide window and light colours."""
    started.reset()
    return started
