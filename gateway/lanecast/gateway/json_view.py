"""Frames for `lanecast.json.v1`: every one complete, columns as plain lists. Pure.

Built from the same chain that binary viewers get, and only while a JSON viewer watches.
"""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np

from lanecast.broker import messages
from lanecast.broker.errors import InvalidMessage
from lanecast.broker.rendition import LayerView, View
from lanecast.gateway import outbound
from lanecast.gateway.layer_filter import Layers


class JsonView:
    """What JSON viewers of one run and tier have."""

    def __init__(self) -> None:
        self._view = View()

    def take(self, payload: bytes | memoryview) -> bool:
        """Take a frame; False if it does not follow the last one, or contradicts itself: a keyframe is needed."""
        try:
            return self._view.apply(messages.decode(bytes(payload)))
        except (InvalidMessage, msgspec.MsgspecError, AttributeError, KeyError, TypeError, ValueError, IndexError):
            self._view = View()
            return False

    def framed(self, layers: Layers | None = None) -> bytes | None:
        """The state (of these layers only) as one WebSocket text frame; None before the first keyframe."""
        message = self.state(layers)
        return None if message is None else outbound.encode(message, text=True)

    def state(self, layers: Layers | None = None) -> dict[str, Any] | None:
        """The state (of these layers only) as a complete frame, columns as lists; None before the first keyframe."""
        frame = self._view.frame
        if not frame or self._view.offset is None:
            return None
        message: dict[str, Any] = {
            **frame,
            "key": True,
            "prev": None,
            "layers": {
                name: _layer(layer) for name, layer in self._view.layers.items() if layers is None or name in layers
            },
            "metrics": self._view.metrics,
        }
        # A delta does not say them again, and here every frame is complete.
        sides = {name: {"cell": self._view.layers[name].cell} for name in message["layers"]}
        sides = {name: side for name, side in sides.items() if side["cell"] is not None}
        left_out = [name for name in self._view.left_out or () if layers is None or name in layers]
        message |= {"lod": sides} if sides else {}
        message |= {"left_out": left_out} if left_out else {}
        return message


def _layer(layer: LayerView) -> dict[str, list[Any]]:
    columns: dict[str, list[Any]] = {"id": layer.ids.tolist() if layer.names is None else layer.names}
    for name, stored in layer.columns.items():
        column = layer.column(name)
        if stored.scale:
            # One decimal more than the quantum has: origin + scale * n is not to be shown as 12.300000000000001.
            digits = max(0, 2 - int(np.floor(np.log10(stored.scale))))
            columns[name] = np.round(column.data, digits).tolist()
        else:
            columns[name] = column.to_list()
    return columns
