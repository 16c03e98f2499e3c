"""`StreamManager`: several runs at once on one server."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Any, Self

from lanecast.producer.optimizer.server import StreamServer
from lanecast.producer.optimizer.visualizer import StreamingVisualizer


class StreamManager:
    """Owns a `StreamServer` and the visualizers made by `create`; all of them end with it."""

    def __init__(self, host: str = "127.0.0.1", port: int = 0, fps_limit: float = 30.0, **server: Any) -> None:
        self.server = StreamServer(host, port, fps_limit=fps_limit, **server)
        self._lock = threading.Lock()
        self._visualizers: dict[str, StreamingVisualizer] = {}

    def start(self) -> Self:
        """Start the server; raises `ServerNotStarted` if it cannot be had."""
        self.server.start()
        return self

    def create(
        self, run_id: str, title: str = "", *, generate_viewer: bool = False, **more: Any
    ) -> StreamingVisualizer:
        """Start a visualizer of its own run on this server; `more` as for `StreamingVisualizer`.

        Raises:
            ValueError: there is one of this id already.
        """
        self.server.start()
        with self._lock:
            if run_id in self._visualizers:
                raise ValueError(f"run_id: {run_id!r} streams already; remove it first, or choose another id")
            visualizer = StreamingVisualizer(run_id, title, server=self.server, **more)
            self._visualizers[run_id] = visualizer
        try:
            return visualizer.start_streaming(generate_viewer)
        except BaseException:
            with self._lock:
                del self._visualizers[run_id]
            raise

    def get(self, run_id: str) -> StreamingVisualizer | None:
        """The visualizer of this run, if there is one."""
        return self._visualizers.get(run_id)

    @property
    def run_ids(self) -> list[str]:
        """Of all that stream, in the order in which they began."""
        return list(self._visualizers)

    def remove(self, run_id: str) -> None:
        """End one; does nothing if there is none."""
        with self._lock:
            visualizer = self._visualizers.pop(run_id, None)
        if visualizer is not None:
            visualizer.stop_streaming()

    def stop(self) -> None:
        """End all, then the server. Safe to repeat."""
        for run_id in self.run_ids:
            self.remove(run_id)
        self.server.stop()

    def get_server_stats(self) -> dict[str, Any]:
        """Of all together, and under `runs` of each: as `StreamingVisualizer.get_server_stats`."""
        runs = {run_id: visualizer.get_server_stats() for run_id, visualizer in list(self._visualizers.items())}
        return {
            "clients": sum(stats["clients"] or 0 for stats in runs.values()),
            "frames": sum(stats["frames"] for stats in runs.values()),
            "bytes": max((stats["bytes"] for stats in runs.values()), default=0),  # each asks the same gateway
            "average_fps": round(sum(stats["average_fps"] for stats in runs.values()), 2),
            "uptime_s": round(self.server.uptime_s, 3),
            "runs": runs,
        }

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()
