"""The page by keyboard alone, and axe in every state that the real stack can be brought into.

The states that need a gateway to misbehave (a slow connection, numbered closes) are for `npm run look`, with axe too.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.e2e.browser import Browser, Page
from tests.ops.system import ENV, System, system

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

ROOT = Path(__file__).parents[2]
LOOKS = {"1440x900-dark": (1440, 900, "dark"), "390x844-light": (390, 844, "light")}


@pytest.fixture(scope="module")
def stack(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """The real stack without a run."""
    with system(tmp_path_factory.mktemp("stack")) as it:
        yield it


@pytest.fixture
def publish(stack: System) -> Iterator[Callable[[str], subprocess.Popen[bytes]]]:
    """Starts runs of walkers that are ended after the test."""
    producers: list[subprocess.Popen[bytes]] = []

    def publish(run: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "tests.e2e.walkers", run, stack.redis_url]
        producers.append(subprocess.Popen(command, cwd=ROOT, env=ENV, stdin=subprocess.DEVNULL))
        return producers[-1]

    yield publish
    for producer in producers:
        producer.kill()
        producer.wait(10)


def walking(page: Page) -> None:
    page.until(lambda: page.number("scene", "entities") == 60, 20, "walkers are drawn")


def shows(page: Page, condition: str, within_s: float = 15) -> None:
    page.until(lambda: page.condition() == condition, within_s, f"the scene is {condition}")


def tab_to(page: Page, testid: str) -> None:
    """Press Tab until an element has the focus."""
    for _ in range(60):
        if page.focused() == testid:
            return
        page.keys("Tab")
    raise AssertionError(f"Tab does not reach {testid}")


def command(page: Page, key: str, words: str) -> None:
    """Open the palette by a key and type."""
    page.keys(key)
    page.until(lambda: page.focused() == "palette", 5, "the palette has the focus")
    page.keys(*words)


def test_axe_finds_nothing_in_any_state(
    stack: System,
    publish: Callable[[str], subprocess.Popen[bytes]],
    open_page: Callable[..., Page],
    screenshots: Path,
) -> None:
    wrong: dict[str, list[str]] = {}

    def look(page: Page, state: str) -> None:
        wrong.update({f"{state} {name}": found for name, found in looks(page, state, screenshots) if found})

    page = open_page(f"{stack.url}/")
    shows(page, "no-runs")
    look(page, "no-runs")
    waiting = open_page(f"{stack.url}/#/run/states")
    shows(waiting, "waiting")
    look(waiting, "waiting")
    waiting.close()

    producer = publish("states")
    walking(page)
    shows(page, "live")
    look(page, "live")
    page.keys("?")
    look(page, "help")
    page.keys("Escape", "b")
    page.until(lambda: page.number("entity-table", "rows") == 60, 5, "the table is there")
    look(page, "table")
    page.keys("b", " ")
    shows(page, "paused")
    look(page, "paused")
    page.keys(" ")
    shows(page, "live")

    stack.kill("gateway-1")
    page.until(lambda: page.condition() in {"reconnecting", "resumed"}, 10, "the page says that it is cut off")
    shows(page, "live", 20)

    producer.kill()
    page.until(lambda: page.condition() in {"stale", "lost"}, 15, "the page says that nothing comes")
    look(page, page.condition())
    shows(page, "lost", 30)
    look(page, "lost")
    assert wrong == {}


def looks(page: Page, state: str, screenshots: Path) -> Iterator[tuple[str, list[str]]]:
    """What axe finds on a wide dark page and on a small light one, and a picture of each."""
    for name, (width, height, scheme) in LOOKS.items():
        page.resize(width, height, scheme)
        page.screenshot(screenshots / f"{state}-{name}.png")
        yield name, page.axe()
    page.resize(1440, 900)


def test_the_whole_journey_goes_by_keyboard_alone(
    stack: System, publish: Callable[[str], subprocess.Popen[bytes]], open_page: Callable[..., Page]
) -> None:
    publish("journey")
    page = open_page(f"{stack.url}/#/run/journey")
    walking(page)
    # Pause, step, resume.
    page.keys(" ")
    page.until(lambda: page.shown("state-pill") == "paused", 5, "the space bar has paused it")
    page.until(lambda: page.number("conn-chip", "age-ms") > 500, 5, "the last frame is there")
    step = page.number("step")
    page.keys("ArrowRight")
    page.until(lambda: page.number("step") == step + 1, 5, "the arrow has made one step")
    ready = "document.querySelector('[data-testid=resume]')?.disabled === false"
    page.until(lambda: page.evaluate(ready), 5, "the step is acknowledged")
    page.keys(" ")
    page.until(lambda: page.shown("state-pill") == "running", 5, "the space bar has resumed it")
    # Find an entity, follow it, leave it.
    command(page, "/", "w42")
    page.until(lambda: page.evaluate("document.querySelectorAll('[role=option]').length") == 1, 5, "w42 is found")
    page.keys("Enter")
    page.until(lambda: page.shown("inspector", "present") == "true", 5, "w42 is selected")
    assert "w42" in page.evaluate("document.querySelector('[data-testid=inspector]').textContent")
    page.keys("Escape")
    page.until(lambda: page.shown("inspector", "present") == "", 5, "nothing is selected")
    # Select in the table.
    page.keys("b")
    page.until(lambda: page.number("entity-table", "rows") == 60, 5, "the table is there")
    for _ in range(60):
        if page.focused().startswith("w"):
            break
        page.keys("Tab")
    page.keys("ArrowDown", "Enter")
    page.until(lambda: page.shown("inspector", "present") == "true", 5, "a row is selected")
    # Change a parameter.
    page.keys("Escape", "2")
    tab_to(page, "param-pace")
    page.keys("Control+a", "2", "Enter")
    page.until(lambda: page.shown("param-pace-state") == "ok", 5, "the change is acknowledged")
    assert stack.info("journey")["control"]["params"]["pace"] == 2
    theme = "getComputedStyle(document.body).backgroundColor"
    # A command by its words, then stop, which asks. The letters above went to the fields only.
    before = page.evaluate(theme)
    command(page, "Control+k", "theme")
    page.keys("Enter")
    page.until(lambda: page.evaluate(theme) != before, 5, "the theme is the other one")
    command(page, "Control+k", "stop")
    page.keys("Enter")
    page.until(lambda: page.evaluate("document.querySelector('dialog[open]') !== null"), 5, "it asks")
    tab_to(page, "stop-confirm")
    page.keys("Enter")
    page.until(lambda: page.shown("state-pill") == "ended", 10, "the run has ended")
    assert page.errors() == []


def test_two_runs_are_shown_side_by_side(
    stack: System,
    publish: Callable[[str], subprocess.Popen[bytes]],
    open_page: Callable[..., Page],
    screenshots: Path,
) -> None:
    publish("left")
    publish("right")
    page = open_page(f"{stack.url}/#/run/left+right")
    drawn = "[...document.querySelectorAll('[data-testid=scene]')].map((scene) => Number(scene.dataset.entities))"
    page.until(lambda: page.evaluate(drawn) == [60, 60], 20, "both are drawn")
    # The bar belongs to the one that has the focus: only that one is paused.
    page.evaluate("document.querySelectorAll('[data-testid=scene]')[1].focus()")
    page.keys(" ")
    states = "[...document.querySelectorAll('.tile [data-testid=state-pill]')].map((pill) => pill.dataset.state)"
    page.until(lambda: page.evaluate(states) == ["running", "paused"], 5, "the right one is paused")
    assert page.axe() == []
    page.screenshot(screenshots / "side-by-side-1440x900.png")
    command(page, "Control+k", "close this")
    page.keys("Enter")
    page.until(lambda: page.evaluate(drawn) == [60], 5, "the left one is alone")
    assert page.evaluate("location.hash") == "#/run/left"
    assert page.errors() == []
