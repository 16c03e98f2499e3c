"""The browser and the system that it looks at, both real; skipped, with the reason, where one cannot be had."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.e2e.browser import Browser, Page
from tests.ops.system import System, system

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if not chromium or not Path(chromium).exists():
        pytest.skip("no Chromium: install it, or name one by CHROMIUM=/path")
    if shutil.which("node") is None or not (ROOT / "web" / "node_modules" / "playwright-core").is_dir():
        pytest.skip("no playwright-core: `make setup` installs it")
    if not (ROOT / "web" / "dist" / "index.html").is_file():
        pytest.skip("the dashboard is not built: `make web` builds it")
    browser = Browser(chromium)
    yield browser
    browser.close()


@pytest.fixture(scope="module")
def city(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """Cologne, live; shared by the tests of a module, which leave it running. Depends on the browser: without one
    nothing is started.
    """
    with system(tmp_path_factory.mktemp("city"), "--demo", "cologne8") as it:
        yield it


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Opens pages that are closed after the test."""
    pages: list[Page] = []

    def open_page(url: str, **size: int) -> Page:
        page = browser.open(url, **size)
        pages.append(page)
        return page

    yield open_page
    for page in pages:
        page.close()


@pytest.fixture
def page(city: System, open_page: Callable[..., Page]) -> Page:
    """The city's page at 1440 x 900, drawing."""
    page = open_page(f"{city.url}/#/run/cologne8")
    page.until(lambda: page.number("scene", "entities") > 10, 15, "traffic is drawn")
    return page


@pytest.fixture(scope="session")
def screenshots() -> Path:
    return ROOT / "build" / "screenshots"
