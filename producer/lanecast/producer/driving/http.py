"""The transport by HTTP: `POST /api/runs/RUN/ingest` of any gateway, from a thread. Viewers cannot steer such a run."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Mapping
from typing import Any, Final

import msgspec
import structlog

from lanecast.broker import keys, wire
from lanecast.producer import payloads
from lanecast.producer.driving.poster import Answer, Poster

KEPT: Final = 10_000
"""Lossless messages of a lane that wait while the gateway is away; beyond, the oldest go."""

BATCH: Final = 200
PAUSES_S: Final = (0.25, 0.5, 1.0, 2.0)
LOSSLESS: Final = {"status": "critical", "scene": "critical", "lifecycle": "critical", "metrics": "normal"}

log = structlog.get_logger()


class HttpTransport:
    """Numbers its messages, so that one whose answer was lost may be sent again."""

    def __init__(
        self,
        run_id: str,
        *,
        title: str,
        metadata: Mapping[str, Any],
        url: str,
        token: str | None = None,
        flush_s: float = 2.0,
    ) -> None:
        self.id = keys.check_id(run_id)
        self._description = payloads.description(title, "driving", dict(metadata), {})
        self._poster = Poster(url, token)
        self._flush_s = flush_s
        self._lock = threading.Condition()
        self._lanes: dict[str, deque[tuple[str, bytes]]] = {"critical": deque(), "normal": deque()}
        self._acked = dict.fromkeys(
            self._lanes, 0
        )  # number of the last message that is in; the next is the deque's first
        self._epoch = 0
        self._frame: bytes | None = None
        self._images: dict[str, bytes] = {}
        self._scene: bytes | None = None
        self._moment = (0, 0.0)
        self._closing = False
        self._told = False
        self.fenced = False
        self.dropped = 0
        self._thread = threading.Thread(target=self._work, name=f"lanecast-http-{run_id}", daemon=True)

    def start(self) -> None:
        """As promised."""
        self._put("lifecycle", wire.encode({"state": "created", **self._description}))
        self._put("lifecycle", wire.encode({"state": "running"}))
        self._thread.start()

    def turn(self) -> bool:
        """Always: commands do not come back by HTTP."""
        return True

    def scene(self, scene: Mapping[str, Any]) -> None:
        """As promised."""
        self._scene = payloads.scene(scene)
        self._put("scene", self._scene)

    def frame(self, layers: Mapping[str, Any], step: int, time_s: float, phases: Mapping[str, float]) -> None:
        """As promised."""
        data = payloads.frame(step, time_s, layers, partial=False, gone=None, phases=dict(phases), thorough=True)
        self._moment = (step, time_s)
        with self._lock:
            self.dropped += self._frame is not None
            self._frame = data
            self._lock.notify()

    def image(self, camera: str, data: Any) -> None:
        """As promised."""
        packed = payloads.image(camera, data, None, *self._moment)
        with self._lock:
            self._images[camera] = packed
            self._lock.notify()

    def metrics(self, values: Mapping[str, float]) -> None:
        """As promised."""
        self._put("metrics", payloads.metrics(*self._moment, values))

    def status(self, level: str, text: str) -> None:
        """As promised."""
        self._put("status", payloads.status(level, text, self._moment[1]))

    def close(self) -> None:
        """As promised; within `flush_s`."""
        self._put("lifecycle", wire.encode({"state": "ended"}))
        with self._lock:
            self._closing = True
            self._lock.notify()
        self._thread.join(self._flush_s)

    def _put(self, kind: str, data: bytes) -> None:
        with self._lock:
            waiting = self._lanes[LOSSLESS[kind]]
            if len(waiting) >= KEPT:
                # What goes was perhaps sent and not yet answered: its number goes with it, a new epoch begins.
                waiting.popleft()
                self.dropped += 1
                self._epoch = 0
            waiting.append((kind, data))
            self._lock.notify()

    def _work(self) -> None:
        failures, deadline_s = 0, None
        while not self.fenced:
            with self._lock:
                while not (self._closing or self._frame or self._images or any(self._lanes.values())):
                    self._lock.wait()
                if self._closing:
                    deadline_s = deadline_s or time.monotonic() + self._flush_s
                    if not any(self._lanes.values()) and self._frame is None:
                        break
            wait_s = self._send_once(failures)
            failures = failures + 1 if wait_s else 0
            if deadline_s is not None and time.monotonic() > deadline_s:
                break
            if wait_s:
                with self._lock:
                    self._lock.wait_for(lambda: self._closing, min(wait_s, 2.0) if deadline_s is None else 0.1)
        self._poster.close()

    def _send_once(self, failures: int) -> float:
        """Send some of what waits; returns how long to wait before the next try, 0 if all went well."""
        try:
            if not self._epoch:
                self._register()
            for lane in self._lanes:
                wait_s = self._send_lane(lane)
                if wait_s:
                    return wait_s
            self._send_newest()
        except OSError as error:
            if not self._told:
                remedy = "the simulation goes on; what is lossless is sent when it is back"
                log.warning("gateway_away", run=self.id, server=self._poster.url, error=repr(error), remedy=remedy)
                self._told = True
            return PAUSES_S[min(failures, len(PAUSES_S) - 1)]
        if self._told:
            log.warning("gateway_back", run=self.id, server=self._poster.url)
            self._told = False
        return 0.0

    def _register(self) -> None:
        answer = self._poster.post(f"/api/runs/{self.id}/producers", {"producer": self.id})
        if answer.status >= 300:
            raise ConnectionError(f"registering was answered by {answer.status}: {answer.error.get('message')}")
        epoch = int(answer.body["epoch"])
        with self._lock:
            self._epoch = epoch
            self._acked = dict.fromkeys(self._lanes, 0)

    def _send_lane(self, lane: str) -> float:
        with self._lock:
            batch = list(self._lanes[lane])[:BATCH]
            first, epoch = self._acked[lane] + 1, self._epoch
        if not batch:
            return 0.0
        if not epoch:
            return 0.01
        messages = [
            {
                "kind": kind,
                "lane": lane,
                "data": msgspec.Raw(data),
                "producer": self.id,
                "epoch": epoch,
                "seq": first + n,
            }
            for n, (kind, data) in enumerate(batch)
        ]
        answer = self._poster.post(f"/api/runs/{self.id}/ingest", messages)
        if answer.status == 409:
            return self._numbers_wrong(lane, answer)
        if answer.status in (429, 503):
            return answer.retry_s
        if answer.status >= 500:
            raise ConnectionError(f"answered by {answer.status}")
        if answer.status >= 300:
            # Refused for good: the first that is wrong goes, the others are sent again.
            index = answer.error.get("index") or 0
            log.warning("message_refused", run=self.id, kind=batch[index][0], error=answer.error.get("message"))
            with self._lock:
                if epoch == self._epoch:
                    del self._lanes[lane][index]
                    self.dropped += 1
            return 0.01 if answer.status not in (401, 403) else PAUSES_S[-1]
        self._acknowledge(lane, epoch, len(batch))
        return 0.0

    def _acknowledge(self, lane: str, epoch: int, count: int) -> None:
        with self._lock:
            if epoch == self._epoch:  # else some were dropped meanwhile, and all is numbered anew
                for _ in range(count):
                    self._lanes[lane].popleft()
                self._acked[lane] += count

    def _numbers_wrong(self, lane: str, answer: Answer) -> float:
        if answer.error.get("status") == "fenced":
            self.fenced = True
            log.warning(
                "fenced", run=self.id, remedy="a newer simulation of this name publishes; this one goes on unseen"
            )
            return 0.0
        ahead = int(answer.error.get("seq", 0)) - self._acked[lane] - 1
        if 0 < ahead <= len(self._lanes[lane]):
            self._acknowledge(lane, self._epoch, ahead)
            return 0.01
        # The server came back with less than it had: begin anew, with what it needs to know first.
        with self._lock:
            self._epoch = 0
            lifecycle = ("lifecycle", wire.encode({"state": "running", **self._description}))
            told = [lifecycle] if self._scene is None else [lifecycle, ("scene", self._scene)]
            self._lanes["critical"].extendleft(reversed(told))
        return 0.01

    def _send_newest(self) -> None:
        with self._lock:
            frame, self._frame = self._frame, None
            images, self._images = self._images, {}
        messages = [{"kind": "image", "data": msgspec.Raw(data)} for data in images.values()]
        if frame is not None:
            messages.insert(0, {"kind": "frame", "data": msgspec.Raw(frame), "producer": self.id})
        for message in messages:  # one by one: a picture that is refused takes no frame with it
            answer = self._poster.post(f"/api/runs/{self.id}/ingest", message)
            if answer.status >= 300:
                self.dropped += 1
