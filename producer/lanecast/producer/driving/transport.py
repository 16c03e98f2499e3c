"""How a driving simulation's steps leave it: by Redis (and viewers steer it), or by HTTP to a gateway.

Both keep the same promise: no call waits for a server or raises because of one; of frames and pictures the newest wins,
status, scene and metrics arrive once and in order.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from lanecast.producer.params import Param, Value
from lanecast.producer.run import Run


class Transport(Protocol):
    """One run; used from the simulation's thread only."""

    def start(self) -> None:
        """Begin; does not wait for a server."""

    def turn(self) -> bool:
        """Before each step: waits while a viewer has paused it; False once one has stopped it."""

    def scene(self, scene: Mapping[str, Any]) -> None:
        """The static map."""

    def frame(self, layers: Mapping[str, Any], step: int, time_s: float, phases: Mapping[str, float]) -> None:
        """One step; `phases` in milliseconds."""

    def image(self, camera: str, data: Any) -> None:
        """A picture of a camera at the last step."""

    def metrics(self, values: Mapping[str, float]) -> None:
        """Numbers of the last step."""

    def status(self, level: str, text: str) -> None:
        """A line for every viewer."""

    def close(self) -> None:
        """End the run: send what is left, for a bounded time."""


class RedisTransport:
    """By `Run`: viewers can pause, stop and step it, and set its parameters."""

    def __init__(
        self,
        run_id: str,
        *,
        title: str,
        metadata: Mapping[str, Any],
        params: Mapping[str, Param | Value],
        url: str | None,
    ) -> None:
        self.run = Run(run_id, title=title, kind="driving", metadata=metadata, params=params, url=url)

    def start(self) -> None:
        """As promised."""
        self.run.start()

    def turn(self) -> bool:
        """As promised."""
        return self.run.running()

    def scene(self, scene: Mapping[str, Any]) -> None:
        """As promised."""
        self.run.scene(scene)

    def frame(self, layers: Mapping[str, Any], step: int, time_s: float, phases: Mapping[str, float]) -> None:
        """As promised."""
        for name, ms in phases.items():
            self.run.add_phase(name, ms)
        self.run.frame(layers, step=step, time_s=time_s)

    def image(self, camera: str, data: Any) -> None:
        """As promised."""
        self.run.image(camera, data)

    def metrics(self, values: Mapping[str, float]) -> None:
        """As promised."""
        self.run.metrics(values)

    def status(self, level: str, text: str) -> None:
        """As promised."""
        self.run.status(level, text)

    def close(self) -> None:
        """As promised."""
        self.run.close()
