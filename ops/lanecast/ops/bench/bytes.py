"""What real traffic takes on the wire in each tier, against the same frames as JSON rows; and how exact it is.

Recorded vehicles go the worker's way: read as messages, merged, rendered as keyframes and deltas, decoded by a view,
which is compared with what was published in every single frame.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
import numpy as np

from lanecast.broker import messages, payloads
from lanecast.broker.layers import rows_of
from lanecast.broker.payloads import Frame
from lanecast.broker.rendition import LayerState, View
from lanecast.broker.tiers import SERVED, TIERS
from lanecast.broker.wire import Message
from lanecast.ops.bench import traffic
from lanecast.ops.bench.result import Result, at_least, at_most
from lanecast.workers.aggregate import RunState
from lanecast.workers.entries import Entry
from lanecast.workers.render import Renderers
from lanecast.workers.render import View as Snapshot

LAYER: Final = "vehicles"
SHARE: Final = 0.1
ROUNDING: Final = 1 + 1e-6
"""Float arithmetic may be off by as much, over half a step."""


def measure(quick: bool) -> Result:
    """One minute or ten, every tier."""
    sizes = follow(traffic.payloads_in(traffic.recorded(1 if quick else 10)))
    rows = [size.row() for size in sizes.values()]
    high = sizes["high"]
    errors = [
        at_most(f"largest error of x and y at tier {tier}", size.error, TIERS[tier].position_step / 2 * ROUNDING, "m")
        for tier, size in sizes.items()
        if size.exact
    ]
    return Result(
        [
            at_most("bytes at tier high over JSON rows", high.sent / high.json, SHARE, "x"),
            *errors,
            at_least("frames that were compared", high.frames, 600, "frames"),
        ],
        rows,
    )


@dataclass(slots=True)
class Size:
    """What one tier took: bytes `sent`, `deflated` (zlib, each frame alone), and of the same frames as `json` rows.

    `error` is the largest of a position, in metres, in any frame; `exact` if no frame was of cells, which have none.
    """

    tier: str
    frames: int = 0
    entities: int = 0
    sent: int = 0
    deflated: int = 0
    json: int = 0
    error: float = 0.0
    exact: bool = True
    view: View = field(default_factory=View)

    def take(self, message: bytes, state: LayerState, json: int) -> None:
        """One frame as it was sent, and the state that it stands for.

        Raises:
            RuntimeError: a view cannot follow.
        """
        if not self.view.apply(messages.decode(message)):
            raise RuntimeError(f"tier {self.tier}: a frame does not follow the one before")
        self.frames += 1
        self.entities += len(state.ids)
        self.sent += len(message)
        self.deflated += min(len(message), len(zlib.compress(message, 1)))
        self.json += json
        layer = self.view.layers[LAYER]
        if layer.cell is not None:
            self.exact = False
            return
        rows = rows_of(layer.ids, state.ids)
        if len(layer.ids) != len(state.ids) or (rows < 0).any():
            raise RuntimeError(f"tier {self.tier}: not the entities that were published")
        for name in ("x", "y"):
            seen = layer.column(name).data[rows].astype(np.float64)
            self.error = max(self.error, float(np.abs(seen - state.columns[name].data).max(initial=0.0)))

    def row(self) -> dict[str, Any]:
        """The figures, per entity and frame."""
        each = max(1, self.entities)
        return {
            "tier": self.tier,
            "frames": self.frames,
            "entities": round(self.entities / max(1, self.frames)),
            "bytes": round(self.sent / each, 2),
            "bytes_deflated": round(self.deflated / each, 2),
            "bytes_json_rows": round(self.json / each, 2),
            "share": round(self.sent / self.json, 4),
            "position_error_m": round(self.error, 4),
        }


def follow(recording: Iterable[bytes]) -> dict[str, Size]:
    """Let every tier see a recording, which it does at its own rate."""
    state, renderers = RunState(), Renderers(1, keyframe_s=2.0)
    renderers.watch(frozenset(SERVED))
    sizes = {tier: Size(tier) for tier in SERVED}
    for n, data in enumerate(recording, 1):
        frame = payloads.read(Message("frame", data))
        assert isinstance(frame, Frame)  # noqa: S101 - it was recorded as one
        now_s = n / traffic.HZ
        state.apply(Message("frame", data), frame, Entry(f"{round(now_s * 1000)}-0", {}))
        snapshot = Snapshot(state.snapshot(), state.metrics, state.version, state.generation)
        json = len(msgspec.json.encode(json_rows(frame)))
        for renderer in renderers.due(snapshot, now_s):
            made = renderer.render(snapshot, now_s)
            hops = {"pub_ms": now_s * 1000, "in_ms": now_s * 1000, "out_ms": now_s * 1000}
            message = messages.frame(
                "bench", made.tier, "e1", made.offset, made.prev, frame.step, frame.time_s, hops, made.parts, {}
            )
            sizes[made.tier].take(message, snapshot.layers[LAYER], json)
    return sizes


def json_rows(frame: Frame) -> dict[str, Any]:
    """The frame as somebody would write it in JSON: a map for each entity, two decimals."""
    layer = frame.layers[LAYER]
    ids = layer.ids if isinstance(layer.ids, list) else layer.ids.tolist()
    columns = {
        name: column.to_list()
        if column.data.dtype.kind != "f"
        else np.round(column.data.astype(np.float64), 2).tolist()
        for name, column in layer.columns.items()
    }
    rows = [
        {"id": key, **dict(zip(columns, row, strict=True))} for key, *row in zip(ids, *columns.values(), strict=True)
    ]
    return {"step": frame.step, "time_s": frame.time_s, "layers": {LAYER: rows}}
