"""Cameras: what a worker makes of 1280 x 720 at 30 pictures a second in all five tiers, and what it leaves out.

The way measured is the real one: a simulation publishes highway-like frames through `Run.image`, a worker process makes
the pictures, and the streams of all tiers are read as a gateway reads them. Statuses go out all the time; their way to
the critical output is timed without cameras, with one, and with so many that the worker cannot make them all.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path
from typing import Any, Final

import numpy as np
import redis
import simplejpeg

from lanecast.broker import demand, keys, messages
from lanecast.broker.tiers import TIERS
from lanecast.ops.bench.machine import child, server
from lanecast.ops.bench.result import Result, at_least, at_most, quantile
from lanecast.producer import Run

RUN: Final = "bench-images"
WIDTH, HEIGHT, FPS = 1280, 720, 30
MANY: Final = 6
"""Cameras that overload any two cores."""
STATUS_EVERY_S: Final = 0.02
LIMIT_MS: Final = 100.0
RSS_MIB: Final = 600.0


def measure(quick: bool) -> Result:
    """Three phases: no camera, one, many."""
    phase_s = 6.0 if quick else 30.0
    frames = [_highway(n) for n in range(12)]
    rows: list[dict[str, Any]] = []
    settings = {"LANECAST_STATS_S": "0"}
    with server() as url, _worker(url, settings) as worker, Run(RUN, url=url) as run, _Reader(url) as reader:
        _until(reader.owned, "the worker")
        pid = worker.pid
        for cameras in (0, 1, MANY):
            _phase(run, reader, frames, cameras, 2.0)  # threads begin, relief finds its level
            before = _usage(pid), reader.counts()
            reader.begin()
            waits_ms = _phase(run, reader, frames, cameras, phase_s)
            rows.append(_row(cameras, phase_s, waits_ms, reader, before, (_usage(pid), reader.counts())))
    idle, one, many = rows
    return Result(
        [
            at_least("one camera: ultra_low pictures a second", one["fps_ultra_low"], 9.0, "/s"),
            at_least("one camera: high pictures a second", one["fps_high"], 12.0, "/s"),
            at_most("critical p99, one camera", one["critical_p99_ms"], LIMIT_MS, "ms"),
            at_most("critical p99, overloaded", many["critical_p99_ms"], LIMIT_MS, "ms"),
            at_most("critical p99, without cameras", idle["critical_p99_ms"], LIMIT_MS, "ms"),
            at_most("statuses that did not come out", sum(row["critical_missing"] for row in rows), 0, "messages"),
            at_least("overloaded: pictures left out and counted", many["left_out"], 1, "pictures"),
            at_most("overloaded: width of ultra's pictures", many["width_ultra"], WIDTH - 1, "pixels"),
            at_least("overloaded: ultra_low goes on, pictures a second", many["fps_ultra_low"], 5.0, "/s"),
            at_most("memory of the worker", max(row["rss_mib"] for row in rows), RSS_MIB, "MiB"),
        ],
        rows,
    )


class _Reader:
    """Asks for all tiers, reads them, and takes the time until statuses come out."""

    def __init__(self, url: str) -> None:
        self._client = redis.Redis.from_url(url)
        self._control = redis.Redis.from_url(url)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self.sent: dict[str, float] = {}
        self.waits_ms: list[float] = []
        self.made: dict[str, int] = {}
        self.widths: dict[str, int] = {}
        self.bytes = 0

    def __enter__(self) -> _Reader:  # noqa: PYI034 - it is private
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(3)
        self._client.close()
        self._control.close()

    def owned(self) -> bool:
        """Whether a worker has the run."""
        return bool(self._control.exists(keys.lease(RUN)))

    def begin(self) -> None:
        """A phase begins."""
        self.made, self.widths, self.bytes = {}, {}, 0

    def counts(self) -> dict[str, int]:
        """The run's counters."""
        rows: Any = self._control.hgetall(keys.counts(RUN))
        return {name.decode(): int(n) for name, n in rows.items()}

    def _read(self) -> None:
        streams: dict[Any, Any] = {keys.out(RUN, "critical"): "0-0", **{keys.image(RUN, name): "0-0" for name in TIERS}}
        asked = 0.0
        while not self._over.is_set():
            if time.monotonic() - asked > demand.REFRESH_S:
                asked = time.monotonic()
                for name in TIERS:
                    fields: Any = demand.Demand("bench", name, 1, images=True).to_fields()
                    self._client.xadd(keys.demand(RUN), fields, maxlen=demand.STREAM_KEPT)
            reply: Any = self._client.xread(streams, block=200)
            now = time.perf_counter()
            for key, rows in reply:
                streams[key.decode()] = rows[-1][0]
                for _, fields in rows:
                    message = messages.decode(fields[b"data"])
                    if message["type"] == "status":
                        at = self.sent.pop(message["text"], None)
                        if at is not None:
                            self.waits_ms.append((now - at) * 1000)
                    elif message["type"] == "image":
                        tier = message["tier"]
                        self.made[tier] = self.made.get(tier, 0) + 1
                        self.widths[tier] = message["width"]
                        self.bytes += len(fields[b"data"])


def _phase(run: Run, reader: _Reader, frames: list[bytes], cameras: int, seconds: float) -> list[float]:
    """Publish for so long; the statuses' times, ms."""
    reader.waits_ms = []
    reader.sent.clear()
    began = time.perf_counter()
    shown = told = 0
    while (passed := time.perf_counter() - began) < seconds:
        while shown < passed * FPS:
            for camera in range(cameras):
                run.image(f"camera {camera}", frames[(shown + camera) % len(frames)])
            shown += 1
        if told < passed / STATUS_EVERY_S:
            text = f"{began:.3f} {told}"
            reader.sent[text] = time.perf_counter()
            run.status("info", text)
            told += 1
        time.sleep(0.002)
    deadline = time.monotonic() + 2
    while reader.sent and time.monotonic() < deadline:
        time.sleep(0.01)
    return reader.waits_ms


def _row(
    cameras: int, seconds: float, waits_ms: list[float], reader: _Reader,
    before: tuple[tuple[float, float], dict[str, int]], after: tuple[tuple[float, float], dict[str, int]],
) -> dict[str, Any]:  # fmt: skip
    (cpu0, _), counts0 = before
    (cpu1, rss), counts1 = after
    risen = {name: n - counts0.get(name, 0) for name, n in counts1.items()}
    images = sum(reader.made.values())
    return {
        "cameras": cameras,
        **{f"fps_{name}": round(reader.made.get(name, 0) / seconds / max(1, cameras), 1) for name in TIERS},
        "width_ultra": reader.widths.get("ultra", 0),
        "left_out": risen.get("dropped:low:image_overload", 0),
        "pictures": images,
        "cpu_cores": round((cpu1 - cpu0) / seconds, 2),
        "cpu_ms_each": round((cpu1 - cpu0) * 1000 / images, 1) if images else 0.0,
        "mib_per_s": round(reader.bytes / seconds / 2**20, 1),
        "rss_mib": round(rss, 1),
        "critical": len(waits_ms),
        "critical_missing": len(reader.sent),
        "critical_p50_ms": round(quantile(waits_ms, 0.5), 2),
        "critical_p99_ms": round(quantile(waits_ms, 0.99), 2),
    }


def _worker(url: str, settings: dict[str, str]) -> Any:
    os.environ.update(settings)
    return child(sys.executable, "-m", "lanecast.ops", "worker", "--redis", url)


def _usage(pid: int) -> tuple[float, float]:
    """CPU seconds and resident MiB of a process (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    ticks = os.sysconf("SC_CLK_TCK")
    return (int(fields[11]) + int(fields[12])) / ticks, pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def _highway(n: int) -> bytes:
    """A JPEG of a road seen from above: a generated test picture, with the noise that a sensor has."""
    noise = np.random.default_rng(n).normal(0, 2, (HEIGHT, WIDTH, 1))
    picture = np.full((HEIGHT, WIDTH, 3), 100.0)
    for lane in range(1, 4):
        for x in range(-(n * 12) % 120, WIDTH, 120):
            picture[HEIGHT * lane // 4 :, x : x + 60][:3] = 255
    for car in range(24):
        x, y = (car * 173 + n * (6 + car % 5)) % WIDTH, HEIGHT * (car % 4) // 4 + 30
        picture[y : y + 60, x : x + 110] = (50 + car * 8, 200 - car * 6, 120)
    data: bytes = simplejpeg.encode_jpeg(np.clip(picture + noise, 0, 255).astype(np.uint8), 90)
    return data


def _until(done: Any, what: str) -> None:
    deadline = time.monotonic() + 20
    while not done():
        if time.monotonic() > deadline:
            raise RuntimeError(f"{what} does not work")
        time.sleep(0.05)
