"""`Run`: one simulation, published and steered."""

from __future__ import annotations

import atexit
import contextlib
import os
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Mapping
from types import TracebackType
from typing import Any, Final, Self, SupportsFloat

import structlog

from lanecast.broker import keys, wire
from lanecast.broker.checks import a_name
from lanecast.broker.connect import DEFAULT_URL
from lanecast.broker.errors import InvalidMessage
from lanecast.broker.flow import Flow
from lanecast.broker.lanes import CRITICAL, HIGH, LOW, NORMAL
from lanecast.producer import payloads
from lanecast.producer.listener import Listener
from lanecast.producer.params import Param, Value, Values, describe
from lanecast.producer.publisher import Publisher
from lanecast.producer.stats import Counters, Stats
from lanecast.producer.steering import Steering

THOROUGH_EVERY: Final = 64
"""Ids that come twice are looked for in the first frame and in every so many."""

log = structlog.get_logger()

_open_runs: weakref.WeakSet[Run] = weakref.WeakSet()


class Run:
    """One run: publishes what the simulation does and obeys its viewers.

    Use it as a context manager; whatever way the block is left, the run ends and what is buffered is sent. Publishing
    never blocks and never raises because of Redis: while the server is away the simulation goes on, lossless messages
    wait in bounded buffers (100,000 messages or 64 MiB a lane, then the oldest are dropped and counted), of frames only
    the newest. What raises, at once, is a mistake in the call: `InvalidMessage`, which names the field.

    Methods may be called from any thread; `running` and `sleep` belong to the simulation's own. A process forked from
    this one does not publish: in it every call does nothing (and is counted), and `running()` is False.
    """

    def __init__(
        self,
        run_id: str,
        *,
        title: str = "",
        kind: str = "generic",
        params: Mapping[str, Param | Value] | None = None,
        metadata: Mapping[str, str | float | bool] | None = None,
        producer: str | None = None,
        url: str | None = None,
        flush_s: float = 2.0,
        batch: int = 10,
        batch_ms: float = 10.0,
    ) -> None:
        """Nothing is sent before the block is entered (or `start` called).

        Args:
            run_id: 1 to 64 characters of `a-z A-Z 0-9 . _ -`, starting with a letter or digit.
            title: as viewers see it; default: the id.
            kind: what it simulates, such as `traffic`; the dashboard may show kinds in their own way.
            params: what viewers may change: name -> `Param`, or a plain value.
            metadata: anything else worth showing: strings, numbers, booleans.
            producer: who publishes, written like a run id; default: the run's id. Of two producers of one name the
                younger one takes over, and the older one stops publishing: so a restarted simulation follows itself.
            url: of Redis or Valkey; default: LANECAST_REDIS_URL, else redis://127.0.0.1:6379/0.
            flush_s: how long leaving the block may take to send what is buffered.
            batch: messages of a lossless lane that are sent without waiting for more.
            batch_ms: how long fewer of them wait for more.

        Raises:
            InvalidMessage: an id, a name, a parameter or a value is not what the wire asks for.
        """
        self.id = keys.check_id(run_id)
        self._producer = keys.check_id(producer or run_id, "producer")
        self._description = payloads.description(title or run_id, kind, dict(metadata or {}), describe(params or {}))
        self._flush_s = flush_s
        url = url or os.environ.get("LANECAST_REDIS_URL") or DEFAULT_URL
        self._steering = Steering(self._description["params"], self._say)
        self.params: Mapping[str, Any] = Values(self._steering.values)
        self._listener = Listener(self.id, self._producer, url, self._steering.handle)
        self._publisher = Publisher(
            self.id,
            self._producer,
            url,
            batch=batch,
            batch_ms=batch_ms,
            announce=self._announcement,
            on_fenced=self._listener.stop,
            time_s=lambda: self._time(None),
        )
        self._lock = threading.Lock()
        self._step = 0
        self._time_s = 0.0
        self._timed = False
        self._began_s = time.monotonic()
        self._frames = 0
        self._phases: dict[str, float] = {}
        self._scene: bytes | None = None
        self._started = False
        self._closed = False
        self._forked: Counters | None = None

    def start(self) -> Self:
        """Start publishing; the `with` block does it."""
        if self._started:
            raise RuntimeError(f"run {self.id!r} was started before; make a new Run")
        self._started = True
        self._began_s = time.monotonic()
        self._say("lifecycle", {"state": "created", **self._description})
        self._say("control", self._steering.control())
        self._publisher.start()
        self._listener.start()
        _open_runs.add(self)
        atexit.register(self.close)
        return self

    def close(self) -> None:
        """End the run: send `ended` and what is buffered, for at most `flush_s` seconds. Safe to repeat."""
        if self._closed or not self._started or self._forked is not None:
            return
        self._closed = True
        atexit.unregister(self.close)
        self._listener.stop()
        self._steering.end()
        complete = self._publisher.close(self._flush_s, lambda client: client.delete(keys.alive(self.id)))
        if not complete:
            log.warning("run_closed_with_messages_unsent", run=self.id, dropped=self.stats.dropped)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if kind is not None and issubclass(kind, Exception):
            text = f"the simulation failed: {kind.__name__}: {error}"
            with contextlib.suppress(InvalidMessage, RuntimeError):  # whatever it is, the first error is the user's
                self.status("error", text[: payloads.MAX_TEXT])
        self.close()

    def running(self) -> bool:
        """Ask before each step: True to take it, False once the run has to stop.

        Waits while a viewer has paused the run (and wakes at once when one resumes, steps or stops it). What viewers
        have set shows in `params` from here on, and callbacks of `on_param` are called from here.
        """
        if self._closed or self._forked is not None:
            return False
        return bool(self._steering.turn())

    def turn_now(self) -> bool | None:
        """`running()` that never waits: None where that would; for event loops."""
        if self._closed or self._forked is not None:
            return False
        return self._steering.turn(wait=False)

    def poll(self) -> tuple[bool, bool]:
        """Ask without waiting: (paused, stopping). For a loop that itself decides when to wait in `running()`."""
        if self._closed or self._forked is not None:
            return False, True
        return self._steering.poll()

    def sleep(self, seconds: float) -> bool:
        """Sleep between steps, to keep a pace; False if a viewer's command came in, which ends the sleep at once."""
        if self._closed or self._forked is not None:
            return False
        return self._steering.sleep(seconds)

    def interrupt(self) -> None:
        """Make `running()` False and end `sleep`, within 0.1 s; the one method that a signal handler may call."""
        self._steering.interrupt()

    def on_param(self, name: str, callback: Callable[[Any], None]) -> None:
        """Call `callback(value)` on the simulation's thread, inside `running()`, after a viewer has changed `name`.

        An exception in it is logged and told to the viewers as an error; the simulation goes on.

        Raises:
            InvalidMessage: the run has no such parameter.
        """
        self._steering.on_param(name, callback)

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
            layers: name -> entities, as columns (a map of NumPy arrays or sequences) or as rows (a list of maps). Each
                needs `id`: integers 0 to 4294967295 or strings. `x` and `y` are in metres (or the scene's unit),
                `angle` in degrees counter-clockwise from the x axis, `speed` in m/s; any other column is shown as it
                is. The values are copied: the simulation may reuse its arrays at once.
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
        step, time_s = self._moment(step, time_s, 1)
        phases, self._phases = self._phases, {}
        data = payloads.frame(
            step,
            time_s,
            layers,
            partial=partial,
            gone=gone,
            phases=phases,
            thorough=not self._frames % THOROUGH_EVERY,
        )
        self._step, self._time_s = step, time_s
        self._frames += 1
        self._steering.frame_published()
        self._publisher.put_frame(data, frozenset(layers), partial=partial)

    def image(
        self, camera: str, data: Any, *, mime: str | None = None, step: int | None = None, time_s: float | None = None
    ) -> None:
        """Publish one picture of a camera; of each camera the newest one waits to be sent, an older one is dropped.

        Pictures go last and are the first that is left out: when the run sheds, they are dropped here and counted.

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
            self._phases[name] = self._phases.get(name, 0.0) + (time.perf_counter() - start) * 1000

    def add_phase(self, name: str, ms: float) -> None:
        """Add a part of the step that was measured elsewhere; otherwise as `phase`.

        Raises:
            InvalidMessage: it is no name (1 to 64 printable characters).
        """
        a_name(name, "phases")
        self._phases[name] = self._phases.get(name, 0.0) + ms

    @property
    def state(self) -> str:
        """`created`, `running`, `paused`, `stopping` or `ended`."""
        return self._steering.state

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

    def _after_fork(self) -> None:
        # Threads and connections stayed with the parent; whatever lock they held is held for ever.
        self._forked = Counters()
        atexit.unregister(self.close)


def _after_fork_in_child() -> None:
    for run in list(_open_runs):
        run._after_fork()  # noqa: SLF001
    _open_runs.clear()


os.register_at_fork(after_in_child=_after_fork_in_child)
