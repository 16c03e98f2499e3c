"""`StreamingVisualizer`: watch and steer an optimizer, with the calls of a single-process visualizer."""

from __future__ import annotations

import functools
import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import structlog

from lanecast.broker.errors import InvalidMessage
from lanecast.producer.optimizer import capture, pages
from lanecast.producer.optimizer.audience import Audience
from lanecast.producer.optimizer.limiter import Limiter
from lanecast.producer.optimizer.pageserver import PageServer
from lanecast.producer.optimizer.recording import MAX_BYTES, Recording
from lanecast.producer.optimizer.server import StreamServer
from lanecast.producer.params import Param, Value
from lanecast.producer.run import Run

KIND: Final = "optimizer"

log = structlog.get_logger()


class StreamingVisualizer:
    """Streams one optimizer's iterations to any number of viewers, and obeys them.

    Without `redis_url` an embedded server (Valkey, worker, gateway) is started as child processes and ended with this
    one. Once started nothing here raises because of a server; what raises is a mistake in a call (`InvalidMessage`).
    Methods may be called from any thread.
    """

    def __init__(
        self,
        run_id: str = "optimizer",
        title: str = "",
        host: str = "127.0.0.1",
        port: int = 0,
        fps_limit: float = 30.0,
        *,
        redis_url: str | None = None,
        gateway_url: str | None = None,
        token: str | None = None,
        server: StreamServer | None = None,
        components: Callable[[], Any] | None = None,
        outline: Sequence[Sequence[float]] | None = None,
        params: Mapping[str, Param | Value] | None = None,
        metadata: Mapping[str, str | float | bool] | None = None,
        skip_unwatched: bool = False,
        record_bytes: int = MAX_BYTES,
    ) -> None:
        """Nothing is started before `start_streaming` (or the `with` block).

        Args:
            run_id: id of the run, 1 to 64 characters of `a-z A-Z 0-9 . _ -`.
            title: as viewers see it; default: the id.
            host: where the embedded server listens; other than loopback needs LANECAST_SECRET.
            port: of the embedded server; 0 takes any free one.
            fps_limit: frames a second that are streamed at most; 0: all.
            redis_url: of a running server, which then is used instead of an embedded one.
            gateway_url: `http://host:port` of its gateway, for the viewer's page and the figures.
            token: for a gateway with a secret: written into the viewer's page, so give it to nobody else.
            server: an embedded server that several visualizers share; it is not stopped with this one.
            components: called when `capture_and_stream` is not given any.
            outline: of the board or area: points (x, y).
            params: what viewers may change, as for `Run`.
            metadata: anything else worth showing.
            skip_unwatched: nothing is made of a frame while nobody watches. Such frames are missing from the export.
            record_bytes: memory that the frames for `export_html` may take; 0: none are kept.

        Raises:
            InvalidMessage: an id, a parameter or the outline is not what it should be.
        """
        self._scene = None if outline is None else capture.outline_scene(outline)
        self.title = title or run_id
        self.fps_limit = fps_limit if server is None else min(fps_limit or server.fps_limit, server.fps_limit)
        self._own = server is None and redis_url is None
        self._server = StreamServer(host, port) if self._own else server
        self._redis_url, self._gateway_url, self._token = redis_url, (gateway_url or "").rstrip("/"), token
        self._components = components
        self._skip = skip_unwatched
        self._recording = Recording(record_bytes) if record_bytes else None
        self._limiter = Limiter(self.fps_limit)
        self._lock = threading.Lock()
        self._make: Callable[[str | None], Run] = functools.partial(
            _run, run_id, title=self.title, params=params, metadata=metadata
        )
        self.run_id = run_id
        self._make(redis_url)  # what is wrong with the arguments shows now, not minutes later
        self._run: Run | None = None
        self._audience: Audience | None = None
        self._page: PageServer | None = None
        self._viewer_path: Path | None = None
        self._began_s = 0.0
        self._ended_s = 0.0
        self._frames = 0
        self._iteration = 0

    def start_streaming(self, generate_viewer: bool = True, viewer_path: Path | str | None = None) -> Self:
        """Start the server if there is none, and the run.

        Args:
            generate_viewer: also write the viewer's page, one file without anything beside it, and serve it.
            viewer_path: where to; default: `RUN-viewer.html` in the working folder.

        Raises:
            ServerNotStarted: an embedded server was needed and cannot be had.
        """
        if self._run is not None:
            raise RuntimeError(f"run {self.run_id!r} was started before; make a new StreamingVisualizer")
        if generate_viewer and self._own:
            self._page = PageServer(self._viewer_html)
            assert self._server is not None  # noqa: S101 - it is our own
            self._server.allow_origin(self._page.origin)
        try:
            if self._server is not None:
                self._server.start()
                self._redis_url = self._server.redis_url
                self._gateway_url = self._gateway_url or self._server.url
            if generate_viewer:
                self._write_viewer(Path(viewer_path or f"{self.run_id}-viewer.html"))
            self._run = self._make(self._redis_url).start()
        except BaseException:
            self._end_servers()
            raise
        self._began_s = time.monotonic()
        if self._scene is not None:
            self._run.scene(self._scene)
        url = self._redis_url or os.environ.get("LANECAST_REDIS_URL")
        self._audience = Audience(self.run_id, url or "redis://127.0.0.1:6379/0", self._gateway_url)
        self._audience.start()
        return self

    def stop_streaming(self) -> None:
        """End the run, and the embedded server if there is one. The recording stays. Safe to repeat."""
        run = self._run
        if run is None or self._ended_s:
            return
        self._ended_s = time.monotonic()
        run.close()
        if self._audience is not None:
            self._audience.stop()
        self._end_servers()

    def __enter__(self) -> Self:
        return self if self._run is not None else self.start_streaming()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if kind is not None and issubclass(kind, Exception) and not self._ended_s:
            self.send_status("error", f"the optimizer failed: {kind.__name__}: {error}"[:4096])
        self.stop_streaming()

    def capture_and_stream(
        self,
        label: str = "",
        iteration: int | None = None,
        phase: str = "",
        modules: Mapping[Any, str] | None = None,
        forces: Any = None,
        energy: float | None = None,
        max_move: float | None = None,
        overlaps: float | None = None,
        wire_length: float | None = None,
        components: Any = None,
        *,
        force_frame: bool = False,
    ) -> bool:
        """Show one iteration; False if it was skipped (over `fps_limit`, or nobody watches and they are not wanted).

        Args:
            label: says what it is, for the recording and the viewers' log when it changes.
            iteration: its number, not going back; default: one more than the last.
            phase: such as `global` or `legalize`; told in the event log when it changes.
            modules: id of a component -> module, which gives the colour.
            forces: id of a component -> (fx, fy), or rows or columns with `id`, `fx`, `fy` and perhaps `x`, `y`.
            energy: the objective.
            max_move: the furthest that a component has moved, in scene units.
            overlaps: how many pairs overlap.
            wire_length: in scene units.
            components: columns, rows or objects with `id` (`ref`), `x`, `y`, `angle` (`rotation`, degrees), `length`
                and `width`; default: what the callable given to the constructor returns.
            force_frame: not to be skipped: the last one, for instance.

        Raises:
            InvalidMessage: with the path of what is wrong, such as `components.x`.
        """
        run = self._open()
        with self._lock:
            iteration = self._iteration + 1 if iteration is None else iteration
            self._iteration = iteration
            unwatched = self._skip and self._audience is not None and self._audience.viewers == 0
            if not force_frame and (unwatched or not self._limiter.due(time.monotonic())):
                return False
            given = self._components() if components is None and self._components is not None else components
            if given is None:
                raise InvalidMessage("components", "missing; give them here, or a callable to the constructor")
            layers = {capture.COMPONENTS: capture.component_columns(given, modules)}
            if forces is not None:
                layers[capture.FORCES] = capture.force_columns(forces, layers[capture.COMPONENTS])
            metrics = capture.frame_metrics(
                energy=energy, max_move=max_move, overlaps=overlaps, wire_length=wire_length, iteration=iteration
            )
            run.frame(layers, step=iteration)
            run.metrics(metrics, step=iteration)
            self._frames += 1
            if self._recording is not None:
                about = {"label": label, "phase": phase, "iteration": iteration, "metrics": metrics}
                self._recording.add(about, layers)
            self._tell_phase(run, label, phase)
        return True

    def send_status(self, level: str, text: str) -> None:
        """Tell every viewer: level `info`, `warning`, `error` or `complete`."""
        self._open().status(level, text)

    @property
    def params(self) -> Mapping[str, Any]:
        """The parameters as viewers have set them; they change in `is_paused`, `is_stop_requested`, `wait_resume`."""
        return self._open().params

    @property
    def is_paused(self) -> bool:
        """Whether a viewer has paused it; asks without waiting."""
        return self._open().poll()[0]

    @property
    def is_stop_requested(self) -> bool:
        """Whether a viewer has asked it to stop."""
        return self._run is not None and self._run.poll()[1]

    def wait_resume(self) -> bool:
        """Wait while paused; True to take the next iteration (or the one step asked for), False to stop."""
        return self._open().running()

    def try_resume(self) -> bool | None:
        """As `wait_resume`, but None at once where that would wait."""
        return self._open().turn_now()

    def get_viewer_url(self) -> str:
        """Where to look: the generated viewer, else the dashboard; empty if no gateway is known."""
        if self._page is not None:
            return self._page.url
        return f"{self._gateway_url}/#/run/{self.run_id}" if self._gateway_url else ""

    def get_dashboard_url(self) -> str:
        """Of this run in the full dashboard; empty if no gateway is known."""
        return f"{self._gateway_url}/#/run/{self.run_id}" if self._gateway_url else ""

    @property
    def viewer_path(self) -> Path | None:
        """The viewer's file, if it was written."""
        return self._viewer_path

    def get_server_stats(self) -> dict[str, Any]:
        """`clients` now (None: not known), `frames` streamed, `bytes` that the gateway has delivered, `average_fps`, `uptime_s`."""  # noqa: E501
        audience = self._audience
        until = self._ended_s or time.monotonic()
        uptime_s = until - self._began_s if self._began_s else 0.0
        return {
            "clients": 0 if self._ended_s else audience and audience.viewers,
            "frames": self._frames,
            "bytes": int(audience.delivered.get("bytes_out", 0)) if audience else 0,
            "average_fps": round(self._frames / uptime_s, 2) if uptime_s > 0 else 0.0,
            "uptime_s": round(uptime_s, 3),
        }

    def export_html(self, path: Path | str) -> Path:
        """Write all frames that were streamed into one HTML file, to step through and to play; also after the end.

        Raises:
            RuntimeError: nothing was recorded.
        """
        with self._lock:
            if self._recording is None or not self._recording.frames:
                raise RuntimeError("nothing was recorded: capture a frame first, and leave record_bytes above 0")
            text = pages.export_page(self.title, self._recording, scene=self._scene)
        return _write(Path(path), text)

    def _open(self) -> Run:
        if self._run is None or self._ended_s:
            raise RuntimeError(f"run {self.run_id!r} is not streaming: call start_streaming, or use the `with` block")
        return self._run

    _told = ("", "")

    def _tell_phase(self, run: Run, label: str, phase: str) -> None:
        if (label, phase) != self._told and (label or phase):
            self._told = (label, phase)
            run.log(": ".join(part for part in (phase, label) if part)[:4096])

    def _viewer_html(self) -> str:
        served = self._page.url if self._page is not None else None
        return pages.viewer_page(
            self.run_id, self.title, self._gateway_url, scene=self._scene, token=self._token, served=served
        )

    def _write_viewer(self, path: Path) -> None:
        if not self._gateway_url:
            log.warning("no_viewer_written", run=self.run_id, remedy="name the gateway: gateway_url=http://host:port")
            return
        self._viewer_path = _write(path, self._viewer_html(), private=self._token is not None)

    def _end_servers(self) -> None:
        if self._page is not None:
            self._page.close()
            self._page = None
        if self._own and self._server is not None:
            self._server.stop()


def _run(run_id: str, url: str | None, **more: Any) -> Run:
    return Run(run_id, kind=KIND, url=url, **more)


def _write(path: Path, text: str, *, private: bool = False) -> Path:
    path = path.absolute()
    path.parent.mkdir(parents=True, exist_ok=True)
    if private:
        path.unlink(missing_ok=True)
        path.touch(0o600)
    path.write_text(text, encoding="utf-8")
    return path
