"""The viewer's page and the final export in a real browser: one file each, no other requests, steering and stepping."""

from __future__ import annotations

import json
import math
import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.browser import Page

from lanecast.producer import Param
from lanecast.producer.optimizer import StreamingVisualizer

pytestmark = pytest.mark.e2e
BOARD = [(0, 0), (100, 0), (100, 60), (0, 60)]


class Optimizer(threading.Thread):
    """Turns twelve components around the board's middle until it is stopped."""

    def __init__(self, viz: StreamingVisualizer) -> None:
        super().__init__(daemon=True)
        self.viz = viz

    def run(self) -> None:
        turn = 0.0
        while self.viz.wait_resume():
            turn += 0.02
            angles = [turn + n * math.tau / 12 for n in range(12)]
            components = {
                "id": [f"U{n}" for n in range(12)],
                "x": [50 + 25 * math.cos(angle) for angle in angles],
                "y": [30 + 20 * math.sin(angle) for angle in angles],
                "angle": [math.degrees(angle) % 360 for angle in angles],
                "length": [12.0] * 12,
                "width": [6.0] * 12,
            }
            modules = {f"U{n}": "power" if n % 2 else "logic" for n in range(12)}
            forces = {"U0": (math.cos(turn), math.sin(turn))}
            self.viz.capture_and_stream("", None, "turning", modules, forces, 1 / turn, components=components)
            threading.Event().wait(0.03)


@pytest.fixture(scope="module")
def viz(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[StreamingVisualizer]:
    folder = tmp_path_factory.mktemp("viewer")
    viz = StreamingVisualizer("turning", "Turning", outline=BOARD, params={"gain": Param(1.0, min=0, max=2)})
    with viz.start_streaming(viewer_path=folder / "viewer.html"):
        optimizer = Optimizer(viz)
        optimizer.start()
        yield viz
        assert viz._run is not None
        viz._run.interrupt()
        optimizer.join(5)


def shown(page: Page, script: str) -> str:
    return str(page.evaluate(script))


def text(page: Page, testid: str) -> str:
    return shown(page, f"document.querySelector('[data-testid=\"{testid}\"]').textContent")


def test_the_viewer_shows_and_steers(
    viz: StreamingVisualizer, open_page: Callable[..., Page], screenshots: Path
) -> None:
    page = open_page(viz.get_viewer_url())
    page.until(lambda: "energy" in text(page, "metrics"), 15, "frames come")
    page.until(lambda: "ms" in text(page, "figures"), 5, "latency is shown")
    assert (text(page, "connection"), text(page, "state")) == ("live", "running")
    assert shown(page, "document.querySelector('#modules').textContent") == "logicpower"
    page.screenshot(screenshots / "optimizer-viewer.png")
    page.evaluate("document.querySelector('#pause').click()")
    page.until(lambda: text(page, "state") == "paused", 5, "it pauses")
    page.until(lambda: viz.is_paused, 5, "the optimizer waits")
    page.evaluate("document.querySelector('#resume').click()")
    page.until(lambda: text(page, "state") == "running", 5, "it goes on")
    viz.send_status("warning", "the board is warm")
    page.until(lambda: "the board is warm" in text(page, "log"), 5, "the line is in the log")
    page.evaluate(
        "(() => { const field = document.querySelector('#params input'); field.value = 1.5;"
        " field.dispatchEvent(new Event('change')); })()"
    )
    page.until(lambda: viz.params["gain"] == 1.5, 5, "the parameter arrives")
    requests = page.evaluate("performance.getEntriesByType('resource').map(({ name }) => name)")
    assert not [name for name in requests if not name.startswith("data:")]
    assert page.errors() == []


def test_after_a_cut_it_connects_again_and_shows_no_event_twice(
    viz: StreamingVisualizer, open_page: Callable[..., Page]
) -> None:
    page = open_page(viz.get_viewer_url())
    page.until(lambda: text(page, "connection") == "live", 15, "it is connected")
    viz.send_status("info", "before the cut")
    page.until(lambda: "before the cut" in text(page, "log"), 5, "the first line")
    assert viz._server is not None
    assert viz._server._folder is not None
    state = json.loads((Path(viz._server._folder.name) / "state.json").read_text())
    os.kill(state["children"]["gateway-1"], signal.SIGKILL)
    page.until(lambda: text(page, "connection") != "live", 5, "the cut is shown")
    viz.send_status("info", "meanwhile")
    page.until(lambda: "meanwhile" in text(page, "log"), 20, "what was missed comes")
    assert text(page, "log").count("before the cut") == 1
    assert text(page, "log").count("meanwhile") == 1


def test_the_file_from_disk_goes_on_to_where_it_is_served(
    viz: StreamingVisualizer, open_page: Callable[..., Page]
) -> None:
    assert viz.viewer_path is not None
    page = open_page(viz.viewer_path.as_uri(), width=400, height=800)
    page.until(lambda: "energy" in text(page, "metrics"), 15, "frames come")
    assert page.evaluate("document.documentElement.scrollWidth <= 400")


def test_the_export_steps_and_plays_without_any_server(
    viz: StreamingVisualizer, open_page: Callable[..., Page], tmp_path: Path, screenshots: Path
) -> None:
    page = open_page(viz.export_html(tmp_path / "export.html").as_uri())
    page.until(lambda: text(page, "over").startswith("frame"), 5, "it is unpacked")
    total = int(text(page, "over").split()[3])
    page.screenshot(screenshots / "optimizer-export.png")
    angle = page.evaluate("stored.components.angle[0] * quanta['components.angle']")
    for _ in range(2):
        page.evaluate("document.querySelector('#back').click()")
    assert text(page, "over").startswith(f"frame {total - 2} of {total}")
    for _ in range(2):
        page.evaluate("document.querySelector('#forth').click()")
    assert page.evaluate("stored.components.angle[0] * quanta['components.angle']") == pytest.approx(angle)
    page.evaluate("show(0)")
    page.evaluate("document.querySelector('#play').click()")
    page.until(lambda: not text(page, "over").startswith("frame 1 of"), 5, "it plays")
    assert page.errors() == []
