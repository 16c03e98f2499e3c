"""The frames of a run in memory, for the final export; bounded, and small in the file. Pure.

A frame keeps its numbers as float32; in the file they are steps of a quantum, a 50,000th of the largest number that the
column ever held. When the bound is reached every second frame is given up, so that what is kept always spans the run.
"""

from __future__ import annotations

import base64
import json
import zlib
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

MAX_BYTES: Final = 64 * 1024 * 1024
MAX_FRAMES: Final = 20_000
GRAIN: Final = 50_000
OVERHEAD: Final = 400
"""Bytes of a frame beside its columns, roughly."""

ANGLE_QUANTUM: Final = 0.1


@dataclass(slots=True)
class Frame:
    """One captured frame: what was said of it, and layer -> column -> numbers or strings."""

    meta: dict[str, Any]
    layers: dict[str, dict[str, Any]]
    size: int = 0


@dataclass(slots=True)
class Recording:
    """Keeps frames; `stride` says that only every so many-th is kept any more."""

    max_bytes: int = MAX_BYTES
    max_frames: int = MAX_FRAMES
    frames: list[Frame] = field(default_factory=list)
    stride: int = 1
    seen: int = 0
    bytes: int = 0
    _last: Frame | None = None

    def add(self, meta: Mapping[str, Any], layers: Mapping[str, Mapping[str, Any]]) -> None:
        """Take a frame: `meta` (label, iteration, phase, metrics) and its layers as columns of equal length."""
        self.seen += 1
        packed = {name: _pack(columns) for name, columns in layers.items()}
        frame = Frame(dict(meta), packed)
        frame.size = OVERHEAD + sum(_size(column) for columns in packed.values() for column in columns.values())
        self._last = frame
        if (self.seen - 1) % self.stride:
            return
        self.frames.append(frame)
        self.bytes += frame.size
        while len(self.frames) > 2 and (self.bytes > self.max_bytes or len(self.frames) > self.max_frames):
            del self.frames[1::2]
            self.stride *= 2
            self.bytes = sum(frame.size for frame in self.frames)

    def encoded(self) -> str:
        """All kept frames and the very last one: JSON of deltas, deflated, in base64."""
        frames = list(self.frames)
        if self._last is not None and (not frames or frames[-1] is not self._last):
            frames.append(self._last)
        quanta = _quanta(frames)
        before: dict[str, dict[str, Any]] = {}
        told = []
        for frame in frames:
            layers = {name: _quantized(name, columns, quanta) for name, columns in frame.layers.items()}
            told.append({"meta": frame.meta, "layers": _deltas(layers, before)})
            before = layers
        text = json.dumps({"quanta": quanta, "frames": told}, separators=(",", ":"), allow_nan=False)
        return base64.b64encode(zlib.compress(text.encode(), 9)).decode()


def _pack(columns: Mapping[str, Any]) -> dict[str, Any]:
    packed: dict[str, Any] = {}
    for name, given in columns.items():
        values: Sequence[Any] = given.tolist() if hasattr(given, "tolist") else list(given)
        packed[name] = values if name == "id" or isinstance(values[0] if values else 0, str) else array("f", values)
    return packed


def _quanta(frames: Sequence[Frame]) -> dict[str, float]:
    """`layer.column` -> its quantum."""
    reaches: dict[str, float] = {}
    for frame in frames:
        for layer, columns in frame.layers.items():
            for name, column in columns.items():
                if isinstance(column, array) and column:
                    key = f"{layer}.{name}"
                    reaches[key] = max(reaches.get(key, 0.0), max(column, default=0.0), -min(column, default=0.0))
    return {
        key: ANGLE_QUANTUM if key.endswith(".angle") else reach / GRAIN or 1.0 / GRAIN for key, reach in reaches.items()
    }


def _quantized(layer: str, columns: Mapping[str, Any], quanta: Mapping[str, float]) -> dict[str, Any]:
    return {
        name: [round(value / quanta[f"{layer}.{name}"]) for value in column] if isinstance(column, array) else column
        for name, column in columns.items()
    }


def _size(column: Any) -> int:
    return column.itemsize * len(column) if isinstance(column, array) else 8 * len(column)


def _deltas(layers: dict[str, dict[str, Any]], before: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Each layer as what differs from the frame before: `{"c": {column: values}, "d": {column: differences}}`.

    A column of `c` replaces the one before; one of `d` is added to it; one in neither is as it was. A layer that is
    missing has gone.
    """
    told: dict[str, Any] = {}
    for layer, columns in layers.items():
        old = before.get(layer, {})
        same_rows = old.get("id") == columns.get("id") and old.keys() == columns.keys()
        complete, differences = {}, {}
        for name, column in columns.items():
            if same_rows and old[name] == column:
                continue
            if same_rows and isinstance(column[0], int) and name != "id":
                differences[name] = [new - was for new, was in zip(column, old[name], strict=True)]
            else:
                complete[name] = column
        told[layer] = {"c": complete, "d": differences} | ({} if same_rows else {"new": True})
    return told
