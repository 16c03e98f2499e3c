"""What a run publishes: frames, pictures, events, metrics, lines, the scene, units; and what became of it.

None of it blocks, and none of it raises because of Redis. Any thread may call it; calls of `frame` take turns, so that
steps go out in the order in which they were numbered.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any, Final, SupportsFloat

from lanecast.broker import wire
from lanecast.broker.checks import a_name
from lanecast.broker.errors import InvalidMessage
from lanecast.broker.flow import Flow
from lanecast.broker.lanes import CRITICAL, HIGH, LOW, NORMAL
from lanecast.broker.units import read_units
from lanecast.producer import payloads
from lanecast.producer.profile import Profile, Report
from lanecast.producer.publisher import Publisher
from lanecast.producer.stats import Counters, Stats
from lanecast.producer.steering import Steering

THOROUGH_EVERY: Final = 64
"""Ids that come twice are looked for in the first frame and in every so many."""


class Publishing:
    """One run's outgoing side; `Run` and `AsyncRun` build on it."""

    id: str
    _publisher: Publisher

    def __init__(self, description: dict[str, Any]) -> None:
        """`description` is what the run's first `lifecycle` says besides the state."""
        self._description = description
        self._steering = Steering(description["params"], self._say)
        self._profile = Profile()
        self._lock = threading.Lock()
        self._step = 0
        self._time_s = 0.0
        self._first_time_s = 0.0
        self._timed = False
        self._began_s = time.monotonic()
        self._frames = 0
        self._phases: dict[str, float] = {}
        self._scene: bytes | None = None
        self._started = False
        self._closed = False
        self._forked: Counters | None = None

    def frame(
        self,
        layers: Mapping[str, Any],
        *,
        step: int | None = None,
        time_s: float | None = None,
        partial: bool = False,
        gone: Mapping[str, Any] | None = None,
    ) -> None:
        """Publish the state at one step.

        Args:
            layers: name -> entities, as columns (a map of NumPy arrays or sequences, a structured array, a DataFrame of
                pandas, whose index is the `id` if no column is) or as rows (a list of maps, dataclasses or named
                tuples). Each needs `id`: integers 0 to 4294967295 or strings. `x` and `y` are in metres (or the scene's
                unit), `angle` in degrees counter-clockwise from the x axis, `speed` in m/s; any other column is shown
                as it is, with the unit that `schema` gives. Values are copied: reuse the arrays at once.
            step: number of the step, not going back; default: one more than the last.
            time_s: simulation seconds, not going back; default: as in the last frame, or if none ever said, the
                seconds of wall time since the start.
            partial: the frame only updates the entities and columns that it names.
            gone: of a partial frame, layer -> ids of entities that have left.

        Raises:
            InvalidMessage: with the path of what is wrong, such as `layers.points.x[3]`.
        """
        if self._away(HIGH.name):
            return
        with self._lock:
            step, time_s = self._moment(step, time_s, 1)
            phases = self._phases
            if phases:
                self._phases = {}
            data = payloads.frame(
                step,
                time_s,
                layers,
                partial=partial,
                gone=gone,
                phases=phases,
                thorough=not self._frames % THOROUGH_EVERY,
            )
            if not self._frames:
                self._first_time_s = time_s
            self._step, self._time_s = step, time_s
            self._frames += 1
            if phases:
                self._profile.phases(phases)
            self._publisher.put_frame(data, frozenset(layers), partial=partial)
        self._steering.frame_published()

    def image(
        self, camera: str, data: Any, *, mime: str | None = None, step: int | None = None, time_s: float | None = None
    ) -> None:
        """Publish one picture of a camera; of each camera the newest one waits to be sent, an older one is dropped.

        Pictures go last and are the first that is left out: when the run sheds, they are dropped here and counted.
        Rendering them costs more than publishing does: ask `watched` first.

        Args:
            camera: its name, 1 to 64 characters; a run has at most 16 cameras.
            data: a JPEG, PNG or WebP as bytes, or a NumPy array of uint8, (height, width) for grey, (height, width, 3)
                for RGB or (height, width, 4) for RGBA, copied at once. Under 4 MiB: a larger one wants to be a JPEG.
            mime: of bytes, `image/jpeg`, `image/png` or `image/webp`; default: told from the bytes.
            step: default: that of the last frame.
            time_s: simulation seconds; default: that of the last frame.

        Raises:
            InvalidMessage: with what is wrong.
        """
        if self._away(LOW.name):
            return
        step = self._step if step is None else payloads.a_step(step)
        if self._publisher.flow.shed_low:  # before the work of packing it
            self._publisher.left_out(LOW.name)
            return
        self._publisher.put_image(camera, payloads.image(camera, data, mime, step, self._time(time_s)))

    def metrics(
        self, values: Mapping[str, SupportsFloat], *, step: int | None = None, time_s: float | None = None
    ) -> None:
        """Publish named numbers; `step` and `time_s` default to those of the last frame.

        Raises:
            InvalidMessage: a name or a number is none.
        """
        if self._away(NORMAL.name):
            return
        step = self._step if step is None else payloads.a_step(step)
        self._publisher.put(NORMAL.name, "metrics", payloads.metrics(step, self._time(time_s), values))

    def events(self, kind: str, items: Any, *, time_s: float | None = None) -> None:
        """Publish a batch of events of one type, as columns or rows; what they hold depends on the type.

        Raises:
            InvalidMessage: with the path of what is wrong, such as `items.edge`.
        """
        if self._away(NORMAL.name):
            return
        self._publisher.put(NORMAL.name, "events", payloads.events(kind, self._time(time_s), items))

    def status(self, level: str, text: str, *, time_s: float | None = None) -> None:
        """Tell every viewer something: level `info`, `warning`, `error` or `complete`.

        Raises:
            InvalidMessage: there is no such level, or the text is over 4096 characters.
        """
        if self._away(CRITICAL.name):
            return
        self._publisher.put(CRITICAL.name, "status", payloads.status(level, text, self._time(time_s)))

    def log(self, text: str, level: str = "info", *, time_s: float | None = None) -> None:
        """Publish a line of the simulation's log; less urgent than `status`.

        Raises:
            InvalidMessage: as for `status`.
        """
        if self._away(NORMAL.name):
            return
        self._publisher.put(NORMAL.name, "log", payloads.status(level, text, self._time(time_s)))

    def scene(self, scene: Mapping[str, Any]) -> None:
        """Publish the static map: `kind`, `bounds` [x0, y0, x1, y1], and `lines` and `areas` as in the wire's `scene`.

        Raises:
            InvalidMessage: with the path of what is wrong, such as `lines.starts`.
        """
        data = payloads.scene(scene)
        if self._away(CRITICAL.name):
            return
        self._scene = data
        self._publisher.put(CRITICAL.name, "scene", data)

    def schema(self, units: Mapping[str, Mapping[str, str]]) -> None:
        """Say in which units columns are: layer -> column -> unit, such as `{"tanks": {"level": "m"}}`.

        They are shown beside the values. A layer that is named has all of its units replaced.

        Raises:
            InvalidMessage: a name or a unit (64 characters) is none; the field says which.
        """
        units = {layer: dict(columns) for layer, columns in read_units(units).items()}
        if self._away(CRITICAL.name):
            return
        self._description.setdefault("units", {}).update(units)
        self._say("lifecycle", {"state": self._steering.state, "units": units})

    @contextlib.contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Measure a part of the step; its milliseconds go out with the next frame, added up if it comes twice.

        Raises:
            InvalidMessage: it is no name (1 to 64 printable characters).
        """
        a_name(name, "phases")
        start = time.perf_counter()
        try:
            yield
        finally:
            self.add_phase(name, (time.perf_counter() - start) * 1000)

    def add_phase(self, name: str, ms: float) -> None:
        """Add a part of the step that was measured elsewhere; otherwise as `phase`.

        Raises:
            InvalidMessage: it is no name (1 to 64 printable characters).
        """
        a_name(name, "phases")
        with self._lock:
            self._phases[name] = self._phases.get(name, 0.0) + ms

    @property
    def viewers(self) -> int:
        """How many watch the run, as gateways say; at most a second old, and a viewer who left counts for 4 s more.

        0 while it is not known; `watched` is the one to ask before work is skipped.
        """
        return self._publisher.viewers or 0 if self._forked is None else 0

    @property
    def watched(self) -> bool:
        """Whether somebody may be looking: False only if a server has said that nobody does.

        Skip what only viewers need (pictures, forces, wide frames), not metrics or statuses, which are kept for those
        who come later. Who comes is shown the last frame, and is known of within a second.
        """
        return self._forked is None and self._publisher.viewers != 0

    def profile(self) -> Report:
        """How long steps and phases took so far: mean, p50, p99, share, real-time factor; `print` shows a table."""
        return self._profile.report(self.id, time.perf_counter(), self._time_s - self._first_time_s)

    @property
    def stats(self) -> Stats:
        """What became of everything published so far."""
        if self._forked is not None:
            return Stats({}, self._forked.snapshot()[1], {}, 0, connected=False, epoch=0, fenced=False)
        return self._publisher.stats()

    @property
    def flow(self) -> Flow:
        """What the run may send now: `state` (`ok`, `shed`, `slow`, `stop_bulk`), `max_rate_hz`, `reason`.

        It is obeyed without the simulation's help; one that makes fewer frames meanwhile saves itself the work.
        """
        return self._publisher.flow

    def _away(self, lane: str) -> bool:
        if self._forked is not None:
            self._forked.dropped(lane, "forked")
            return True
        if not self._started or self._closed:
            raise RuntimeError(f"run {self.id!r} is not open: publish inside the `with` block")
        return False

    def _moment(self, step: Any, time_s: Any, ahead: int) -> tuple[int, float]:
        step = self._step + ahead if step is None else payloads.a_step(step)
        time_s = self._time(time_s)
        if self._frames:
            if step < self._step:
                raise InvalidMessage("step", f"goes back from {self._step} to {step}; begin a new Run to start over")
            if time_s < self._time_s:
                raise InvalidMessage(
                    "time_s", f"goes back from {self._time_s} to {time_s}; begin a new Run to start over"
                )
        return step, time_s

    def _time(self, time_s: Any) -> float:
        if time_s is not None:
            self._timed = True
            return payloads.a_time(time_s)
        return self._time_s if self._timed else time.monotonic() - self._began_s

    def _say(self, kind: str, payload: dict[str, Any]) -> None:
        if kind == "status":
            payload |= {"time_s": self._time(None)}
        self._publisher.put(CRITICAL.name, kind, wire.encode(payload))

    def _announcement(self) -> list[tuple[str, bytes]]:
        """What a server that has forgotten this run is told first."""
        told = [
            ("lifecycle", wire.encode({"state": self._steering.state, **self._description})),
            ("control", wire.encode(self._steering.control())),
        ]
        return told if self._scene is None else [*told, ("scene", self._scene)]
