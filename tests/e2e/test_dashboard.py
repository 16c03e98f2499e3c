"""The dashboard in a real Chromium, before a real city: SUMO, Redis lanes, worker, gateway, page."""

from __future__ import annotations

import math
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
import redis
from tests.e2e.browser import Page
from tests.ops.system import HEALS_S, System, times_never_step_back, watching

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

PAUSE_S = 0.2


def test_moving_traffic_is_on_the_page(page: Page, screenshots: Path, tmp_path: Path) -> None:
    page.until(lambda: len(page.times()) > 20, 15, "time goes on")
    assert page.shown("conn-chip") == "open"
    assert page.shown("state-pill") == "running"
    assert page.shown("scene", "renderer") in ("SVG", "Canvas 2D"), "that little needs no WebGL2"
    page.until(lambda: page.number("metric-running") > 0, 10, "metrics are shown")
    box = page.box("scene")
    middle = {
        "x": box["x"] + box["width"] * 0.25,
        "y": box["y"] + box["height"] * 0.25,
        "width": box["width"] * 0.5,
        "height": box["height"] * 0.5,
    }
    before = page.screenshot(tmp_path / "before.png", middle).read_bytes()
    time.sleep(1)
    assert page.screenshot(tmp_path / "after.png", middle).read_bytes() != before, "nothing moves in the picture"
    assert colours(tmp_path / "after.png") > 20, "the picture is empty"
    page.screenshot(screenshots / "running-1440x900.png")
    assert page.errors() == []


@pytest.mark.parametrize(("drawing", "name"), [("svg", "SVG"), ("canvas", "Canvas 2D"), ("webgl", "WebGL2")])
def test_every_drawing_tier_draws_the_same_traffic(
    city: System, open_page: Callable[..., Page], screenshots: Path, drawing: str, name: str
) -> None:
    page = open_page(f"{city.url}/?drawing={drawing}#/run/cologne8")
    page.until(lambda: page.number("scene", "entities") > 10, 15, "traffic is drawn")
    page.until(lambda: page.shown("scene", "renderer") == name, 5, f"{name} draws")
    page.until(lambda: page.number("scene", "frames") > 20, 10, "it goes on drawing")
    picture = page.screenshot(screenshots / f"drawn-by-{drawing}.png", page.box("scene"))
    assert colours(picture) > 20, "the picture is empty"
    assert page.errors() == []


KEEP_CONTEXTS = """(() => {
  const give = OffscreenCanvas.prototype.getContext;
  globalThis.contexts = [];
  OffscreenCanvas.prototype.getContext = function (kind, ...more) {
    const context = give.call(this, kind, ...more);
    if (kind === 'webgl2') globalThis.contexts.push(context.getExtension('WEBGL_lose_context'));
    return context;
  };
})()"""


def test_a_lost_graphics_context_is_said_and_drawing_goes_on_until_it_comes_back(
    city: System, open_page: Callable[..., Page], screenshots: Path
) -> None:
    page = open_page(f"{city.url}/?drawing=canvas#/run/cologne8")
    page.until(lambda: page.shown("scene", "renderer") == "Canvas 2D", 15, "Canvas 2D draws")
    page.in_engine(KEEP_CONTEXTS)
    page.choose("drawing", "webgl")
    page.until(lambda: page.shown("scene", "renderer") == "WebGL2", 10, "WebGL2 draws")
    page.in_engine("globalThis.contexts.at(-1).loseContext()")
    page.until(lambda: page.shown("scene", "renderer") == "Canvas 2D", 10, "Canvas 2D draws instead")
    drawn = page.number("scene", "frames")
    page.until(lambda: page.number("scene", "frames") > drawn + 5, 10, "it goes on drawing")
    assert "the browser took the graphics context" in str(page.evaluate("document.body.textContent"))
    page.screenshot(screenshots / "context-lost.png")
    page.in_engine("globalThis.contexts[0].restoreContext()")
    page.until(lambda: page.shown("scene", "renderer") == "WebGL2", 10, "WebGL2 draws again")


def test_a_layer_that_is_switched_off_is_not_sent_and_comes_back_when_it_is_wanted(
    city: System, open_page: Callable[..., Page]
) -> None:
    page = open_page(f"{city.url}/#/run/cologne8")
    page.until(lambda: page.number("scene", "entities") > 10, 15, "traffic is drawn")
    page.until(lambda: page.number("layer-vehicles") > 10, 10, "the layer is listed")
    page.click("show-vehicles")
    page.until(lambda: page.number("scene", "entities") == 0, 10, "no vehicle is drawn")
    page.until(lambda: page.shown("layer-vehicles", "sent") == "false", 10, "vehicles are not sent")
    page.click("show-vehicles")
    page.until(lambda: page.shown("layer-vehicles", "sent") == "true", 10, "vehicles are sent")
    page.until(lambda: page.number("scene", "entities") > 10, 10, "vehicles are drawn again")
    assert page.errors() == []


def test_one_looks_back_while_the_run_goes_on_and_is_told_that_it_is_not_live(
    city: System, open_page: Callable[..., Page], screenshots: Path
) -> None:
    page = open_page(f"{city.url}/#/run/cologne8")
    page.until(lambda: page.number("scrubber", "frames") > 20, 20, "there is a history")
    page.keys("Home")
    page.until(lambda: page.condition() == "past", 5, "it says that it looks back")
    before = page.number("sim-time")
    behind = page.number("scrubber", "behind-s")
    page.until(lambda: page.number("scrubber", "behind-s") > behind + 0.5, 10, "the run goes on meanwhile")
    assert page.number("sim-time") == before, "the moment that is looked at does not move"
    page.keys("ArrowRight")
    page.until(lambda: page.number("sim-time") > before, 5, "one frame further")
    page.screenshot(screenshots / "looking-back.png")
    assert page.axe() == []
    page.keys("l")
    page.until(lambda: page.shown("scrubber", "live") == "true", 5, "the present again")
    page.until(lambda: page.number("sim-time") > before + behind, 5, "it is live")
    assert page.errors() == []


def test_on_a_phone_the_scene_comes_first_and_nothing_is_cut_off(
    city: System, open_page: Callable[..., Page], screenshots: Path
) -> None:
    page = open_page(f"{city.url}/#/run/cologne8", width=390, height=844)
    page.until(lambda: page.number("scene", "entities") > 10, 15, "traffic is drawn")
    scene = page.box("scene")
    assert scene["y"] < 844 / 3
    assert scene["width"] >= 380
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.box("pause")["x"] >= 0
    page.screenshot(screenshots / "running-390x844.png")
    assert page.errors() == []


def test_pausing_freezes_the_simulation_within_200_ms_and_resuming_goes_on(
    city: System, page: Page, screenshots: Path
) -> None:
    with watching(city.url, "cologne8") as watcher:
        watcher.more(5, within_s=10)
        clicked = page.click("pause")
        frozen_at = time.monotonic() + clicked - time.time() + PAUSE_S
        page.until(lambda: page.shown("state-pill") == "paused", 3, "the page says paused")
        time.sleep(1.5)
        late = [frame["time_s"] for frame, at in zip(watcher.frames, watcher.at_s, strict=True) if at > frozen_at]
        assert len(set(late)) <= 1, "simulation time went on"
        frozen = watcher.last["time_s"]
        assert set(late) <= {frozen}
        assert page.times()[-1] == pytest.approx(frozen)
        shown_late = {entry["simTime"] for entry in page.history(clicked + PAUSE_S)}
        assert shown_late <= {page.times()[-1]}, "the page went on"
        page.screenshot(screenshots / "paused-1440x900.png")
        page.click("resume")
        watcher.more(10)
        page.until(lambda: page.shown("state-pill") == "running", 3, "the page says running")
        page.until(lambda: page.times()[-1] > frozen, 3, "the page goes on")
        assert times_never_step_back(watcher.frames)


def test_a_late_second_browser_draws_at_once(city: System, page: Page, open_page: Callable[..., Page]) -> None:
    late = open_page(f"{city.url}/#/run/cologne8")

    def first(what: Callable[[dict[str, Any]], Any]) -> float:
        return next((float(entry["at_ms"]) for entry in late.history() if what(entry)), math.inf)

    late.until(lambda: math.isfinite(first(lambda entry: entry["drawn"] and entry["entities"])), 10, "traffic is drawn")
    assert (
        first(lambda entry: entry["drawn"] and entry["entities"]) - first(lambda entry: entry["link"] == "open") < 1_000
    )
    late.until(lambda: abs(late.times()[-1] - page.times()[-1]) < 2, 3, "both show the same moment")


def test_a_late_browser_draws_at_once_even_while_the_simulation_is_paused(
    city: System, open_page: Callable[..., Page]
) -> None:
    assert city.command("cologne8", "pause")["ok"]
    try:
        late = open_page(f"{city.url}/#/run/cologne8")
        late.until(lambda: late.number("scene", "entities") > 10, 5, "the paused traffic is drawn")
        assert late.shown("state-pill") == "paused"
    finally:
        assert city.command("cologne8", "resume")["ok"]


def test_a_changed_parameter_is_acknowledged_and_really_in_effect(city: System, page: Page) -> None:
    assert city.info("cologne8")["control"]["params"]["step_rate"] == 20
    try:
        page.enter("param-step_rate", "40")
        page.until(lambda: page.shown("param-step_rate-state") == "ok", 5, "the change is acknowledged")
        assert city.info("cologne8")["control"]["params"]["step_rate"] == 40
        with watching(city.url, "cologne8") as watcher:
            watcher.more(10, within_s=10)
            first, at = watcher.last["step"], watcher.at_s[-1]
            watcher.until(lambda: watcher.at_s[-1] > at + 2)
            steps_per_s = (watcher.last["step"] - first) / (watcher.at_s[-1] - at)
        assert steps_per_s > 28, "at 20 steps/s it would be 20"
        page.until(lambda: page.number("metric-steps_per_s") > 28, 5, "the page shows it")
    finally:
        assert city.command("cologne8", "set_params", params={"step_rate": 20})["ok"]
    page.until(lambda: page.evaluate(PARAM_SHOWN) == "20", 5, "a change by somebody else is shown")


PARAM_SHOWN = "document.querySelector('[data-testid=\"param-step_rate\"]').value"


def test_a_value_that_a_parameter_does_not_take_is_rejected_and_changes_nothing(city: System, page: Page) -> None:
    page.enter("param-step_rate", "100000")
    page.until(lambda: page.shown("param-step_rate-state") == "rejected", 5, "the change is rejected")
    assert city.info("cologne8")["control"]["params"]["step_rate"] == 20


@pytest.mark.parametrize("part", ["gateway-1", "worker-1", "valkey"])
def test_a_killed_part_is_said_on_the_page_and_heals(city: System, page: Page, part: str, screenshots: Path) -> None:
    killed = time.time()
    city.kill(part)
    page.until(lambda: told(page.history(killed)), HEALS_S, "the page says that something is (or was) wrong")
    page.screenshot(screenshots / f"killed-{part.partition('-')[0]}-1440x900.png")
    shown = page.times()[-1]
    page.until(lambda: healed(page.history(killed), shown), killed + HEALS_S - time.time(), "it goes on")
    times = page.times()
    assert times == sorted(times), "simulation time stepped back"
    city.until(lambda: f"{part} is back" in city.log, HEALS_S, "the log says it")


def test_what_is_published_by_hand_appears_as_a_run_of_its_own(city: System, page: Page, screenshots: Path) -> None:
    data = '{"step":1,"time_s":0.1,"layers":{"points":{"id":[1,2],"x":[0,10],"y":[0,5]}}}'
    redis_cli(city, "SADD", "lc:runs", "hello")
    redis_cli(city, "XADD", "lc:{hello}:in:high", "*", "kind", "frame", "enc", "json", "data", data)
    options = "[...document.querySelectorAll('[data-testid=\"run-select\"] option')].map((option) => option.value)"
    page.until(lambda: "hello" in page.evaluate(options), 15, "the run is offered")
    page.choose("run-select", "hello")
    page.until(lambda: page.number("scene", "entities") == 2, 10, "both points are drawn")
    page.until(lambda: page.number("sim-time") == pytest.approx(0.1), 3, "its time is shown")
    assert page.evaluate("location.hash") == "#/run/hello"
    page.screenshot(screenshots / "by-hand-1440x900.png")


BAD: list[tuple[str, dict[str, Any]]] = [
    ("high", {"kind": "frame", "data": b"\xc1 not MessagePack"}),
    ("high", {"kind": "frame", "enc": "json", "data": b"{"}),
    ("high", {"kind": "frame", "enc": "json", "data": b'{"step": "one", "time_s": 1, "layers": {}}'}),
    ("high", {"kind": "frame", "enc": "json", "data": b'{"step": 1, "time_s": NaN, "layers": {}}'}),
    ("high", {"kind": "frame", "enc": "json", "data": b'{"step":1,"time_s":1,"layers":{"a":[{"x":1}]}}'}),
    ("high", {"kind": "no-such-kind", "data": b""}),
    ("high", {"no": "fields"}),
    ("normal", {"kind": "metrics", "enc": "json", "data": b'{"step":1,"time_s":1,"values":{"n":"many"}}'}),
    ("critical", {"kind": "lifecycle", "enc": "json", "data": b'{"state": "flying"}'}),
    ("high", {"kind": "frame", "enc": "json", "data": b" " * 10_000_000}),
]


def test_bad_input_is_counted_with_the_field_and_disturbs_nothing(city: System, page: Page) -> None:
    page.until(lambda: len(page.times()) > 20, 10, "the traffic goes on")
    before = time.time()
    with redis.Redis.from_url(city.redis_url) as client:
        client.xadd("lc:{cologne8}:in:no-such-lane", {"kind": "frame", "data": b""})
        for lane, fields in BAD:
            client.xadd(f"lc:{{cologne8}}:in:{lane}", fields)
        page.until(lambda: len(page.times(before)) > 20, 10, "the traffic goes on")
        # Now without the simulation's own frames: by them a bad one is superseded before anybody looks at it.
        assert city.command("cologne8", "pause")["ok"]
        try:
            for lane, fields in BAD:
                counted = refused(client)
                client.xadd(f"lc:{{cologne8}}:in:{lane}", fields)
                page.until(lambda: refused(client) > counted, 5, f"{str(fields)[:80]} is refused")  # noqa: B023
        finally:
            assert city.command("cologne8", "resume")["ok"]
        reasons = b"\n".join(fields[b"reason"] for _, fields in client.xrange("lc:{cologne8}:dead"))
    for field in (b"data", b"step", b"layers.a", b"kind", b"values.n", b"state"):
        assert field in reasons
    answer = httpx.get(f"{city.url}/api/runs/no-such-run", timeout=5, trust_env=False)
    assert (answer.status_code, "no-such-run" in answer.text) == (404, True)
    resumed = time.time()
    page.until(lambda: len(page.times(resumed)) > 20, 10, "the traffic goes on")
    assert [entry for entry in page.history(before) if entry["dimmed"] or entry["link"] != "open"] == []
    assert page.shown("state-pill") == "running"
    times = page.times()
    assert times == sorted(times)


def test_stopping_asks_twice_and_ends_the_simulation_for_everybody(city: System, page: Page, screenshots: Path) -> None:
    """The last test of this module: it ends the city's simulation."""
    page.click("stop")
    assert page.shown("state-pill") == "running", "asked once, nothing has happened"
    page.screenshot(screenshots / "stop-1440x900.png")
    page.click("stop-confirm")
    page.until(lambda: page.shown("state-pill") == "ended", 10, "the page says that it has ended")
    city.until(lambda: "demo" not in city.state["children"], 10, "the demo has ended")
    assert page.number("scene", "entities") > 0, "the final picture stays"
    assert "demo has come to its end; the rest goes on" in city.log


def told(history: list[dict[str, Any]]) -> bool:
    """The page has said that it is cut off, that what it shows is old, or, after less than a second, what was away."""
    return any(entry["link"] != "open" or entry["dimmed"] or "Redis" in entry["log"] for entry in history)


def healed(history: list[dict[str, Any]], shown: float) -> bool:
    """The page is connected, and shows later times than `shown`."""
    last = history[-1]
    return last["link"] == "open" and not last["dimmed"] and last["simTime"] > shown


def refused(client: Any) -> int:
    """How many messages of the city have been refused so far."""
    return int(client.xlen("lc:{cologne8}:dead"))


def redis_cli(city: System, *words: str) -> None:
    """As somebody with nothing but a Redis client."""
    port = city.redis_url.rpartition(":")[2].partition("/")[0]
    try:
        subprocess.run(["redis-cli", "-p", port, *words], check=True, capture_output=True, timeout=10)
    except FileNotFoundError:  # the same words by another client
        with redis.Redis(port=int(port)) as client:
            client.execute_command(*words)


def colours(path: Path) -> int:
    """How many different colours a picture has."""
    from PIL import Image

    with Image.open(path) as image:
        return len(image.convert("RGB").getcolors(1 << 24) or ())
