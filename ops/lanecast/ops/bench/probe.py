"""A viewer that takes the times in every frame, for benches: where a frame was when, and how old it came."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import Any, Self

import msgspec
import websockets
from websockets.sync.client import connect


@dataclass(frozen=True)
class Seen:
    """One frame: when it came (Unix ms), its times on the way (Unix ms), its tier, and entities by layer."""

    at_ms: float
    hops: dict[str, float]
    tier: str
    entities: dict[str, int]

    @property
    def age_ms(self) -> float:
        """From published to received."""
        return self.at_ms - self.hops["pub_ms"]


@dataclass
class Probe:
    """Watches a run on a thread of its own while its block lasts.

    Attributes:
        frames: what came; those of which nothing changed have no entities.
        levels: (Unix ms, level): what the run's worker gave up, each time it was told.
    """

    port: int
    run: str
    tier: str
    frames: list[Seen] = field(default_factory=list)
    levels: list[tuple[float, int]] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._socket = connect(
            f"ws://127.0.0.1:{self.port}/ws",
            subprotocols=[websockets.Subprotocol("lanecast.v1")],
            compression=None,
            max_size=None,
        )
        self._socket.send(msgspec.msgpack.encode({"type": "subscribe", "run": self.run, "tier": self.tier}))
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()
        self._thread.join(5)

    def _read(self) -> None:
        try:
            for data in self._socket:
                if isinstance(data, str):
                    continue
                at_ms = time.time() * 1000
                message: dict[str, Any] = msgspec.msgpack.decode(data)
                if message["type"] == "frame":
                    entities = {name: part["rows"] for name, part in message["layers"].items()}
                    self.frames.append(Seen(at_ms, message["hops"], message["tier"], entities))
                elif "info" in message and message["info"].get("quality"):
                    self.levels.append((at_ms, message["info"]["quality"]["level"]))
        except websockets.ConnectionClosed:
            return
