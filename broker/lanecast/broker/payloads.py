"""What the kinds of message hold, read and checked. Pure.

`read(message)` turns an entry of an input lane into one of the dataclasses below, or raises
`InvalidMessage` with the path of the field that is wrong. Unknown keys are ignored: that is how the wire grows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lanecast.broker import images, wire
from lanecast.broker.checks import (
    a_map,
    a_name,
    a_number,
    boolean_at,
    integer_at,
    number_at,
    numbers,
    optional_text_at,
    strings,
    text_at,
)
from lanecast.broker.columns import Column, read_column, read_columns
from lanecast.broker.errors import InvalidMessage, TooLarge
from lanecast.broker.layers import all_different
from lanecast.broker.params import read_param
from lanecast.broker.units import read_units

MAX_LAYERS: Final = 64
MAX_METRICS: Final = 256
MAX_TEXT: Final = 4096

LIFECYCLE_STATES: Final = ("created", "running", "paused", "stopping", "ended")
LEVELS: Final = ("info", "warning", "error", "complete")


@dataclass(frozen=True, slots=True)
class Layer:
    """Entities of one kind: `ids` is a (n,) uint32 array or n strings; every column has n values."""

    ids: NDArray[np.uint32] | list[str]
    columns: dict[str, Column]

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, slots=True)
class Frame:
    """State at one step. A full frame replaces the layers it names; a partial one updates rows."""

    step: int
    time_s: float
    layers: dict[str, Layer]
    partial: bool = False
    gone: dict[str, NDArray[np.uint32] | list[str]] = field(default_factory=dict)
    phases: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Events:
    """A batch of events of one type; what the columns mean is up to the type's reducer."""

    type: str
    time_s: float
    items: dict[str, Column]


@dataclass(frozen=True, slots=True)
class Metrics:
    """Named numbers at one step."""

    step: int
    time_s: float
    values: dict[str, float]


@dataclass(frozen=True, slots=True)
class Status:
    """A line for the event log."""

    level: str
    text: str
    time_s: float


@dataclass(frozen=True, slots=True)
class Lifecycle:
    """A change of the run's state or description; None means: as it was."""

    state: str
    title: str | None = None
    kind: str | None = None
    metadata: dict[str, Any] | None = None
    params: dict[str, dict[str, Any]] | None = None
    units: dict[str, dict[str, str]] | None = None


@dataclass(frozen=True, slots=True)
class Control:
    """What the simulation really does now."""

    paused: bool
    stopping: bool
    params: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Result:
    """The answer to one command."""

    command_id: str
    ok: bool
    error: str | None = None
    field: str | None = None


@dataclass(frozen=True, slots=True)
class Scene:
    """The static map: `data` is the payload again, checked, as MessagePack."""

    kind: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Image:
    """One camera picture as it was sent; `width`, `height` and `channels` are those of a raw one, else 0."""

    camera: str
    mime: str
    step: int
    time_s: float
    data: bytes
    width: int = 0
    height: int = 0
    channels: int = 0


Payload = Frame | Events | Metrics | Status | Lifecycle | Control | Result | Scene | Image


def read(message: wire.Message) -> Payload:
    """Read a message's payload.

    Raises:
        InvalidMessage: it is not what its kind asks for.
    """
    return read_payload(message.kind, wire.decode(message.data, message.enc))


def read_payload(kind: str, payload: Any) -> Payload:
    """Read a decoded payload of a known kind; see `read`."""
    return _READERS[kind](a_map(payload, "data"))


def _frame(raw: Mapping[str, Any]) -> Frame:
    layers_raw = a_map(raw.get("layers"), "layers")
    if len(layers_raw) > MAX_LAYERS:
        raise TooLarge("layers", len(layers_raw), MAX_LAYERS, "layers")
    partial = boolean_at(raw, "partial", False)
    layers = {a_name(name, "layers"): _layer(value, f"layers.{name}") for name, value in layers_raw.items()}
    gone = {
        a_name(name, "gone"): _ids(read_column(value, f"gone.{name}"), f"gone.{name}")
        for name, value in a_map(raw.get("gone") or {}, "gone").items()
    }
    if gone and not partial:
        raise InvalidMessage("gone", "only a partial frame names those who left; a full one leaves them out")
    return Frame(
        integer_at(raw, "step"),
        number_at(raw, "time_s"),
        layers,
        partial,
        gone,
        numbers(raw.get("phases") or {}, "phases"),
    )


def _layer(value: Any, path: str) -> Layer:
    columns = read_columns(value, path)
    ids = columns.pop("id", None)
    if ids is None:
        raise InvalidMessage(f"{path}.id", "missing; every entity needs an id")
    for axis in ("x", "y", "angle"):
        if axis in columns and columns[axis].values is not None:
            raise InvalidMessage(f"{path}.{axis}", "expected numbers, got strings")
    return Layer(_ids(ids, f"{path}.id"), columns)


def _ids(column: Column, path: str) -> NDArray[np.uint32] | list[str]:
    if column.values is not None:
        names = column.to_list()
        if len(set(names)) != len(names):
            raise InvalidMessage(path, "an id comes twice")
        return names
    data = column.data
    if data.size == 0:
        return np.empty(0, np.uint32)
    if data.dtype.kind == "f" and not (data == np.floor(data)).all():
        raise InvalidMessage(path, "ids are integers or strings, not fractions")
    if data.min() < 0 or data.max() > 0xFFFFFFFF:
        raise InvalidMessage(path, "an id is outside 0 to 4294967295")
    ids = data.astype(np.uint32)
    if not all_different(ids):
        raise InvalidMessage(path, "an id comes twice")
    return ids


def _events(raw: Mapping[str, Any]) -> Events:
    return Events(text_at(raw, "type", 64), number_at(raw, "time_s"), read_columns(raw.get("items"), "items"))


def _metrics(raw: Mapping[str, Any]) -> Metrics:
    values = numbers(raw.get("values"), "values")
    if len(values) > MAX_METRICS:
        raise TooLarge("values", len(values), MAX_METRICS, "metrics")
    return Metrics(integer_at(raw, "step", 0), number_at(raw, "time_s", 0.0), values)


def _status(raw: Mapping[str, Any]) -> Status:
    level = raw.get("level", "info")
    if level not in LEVELS:
        raise InvalidMessage("level", f"{str(level)[:40]!r} is not one of {', '.join(LEVELS)}")
    return Status(level, text_at(raw, "text", MAX_TEXT), number_at(raw, "time_s", 0.0))


def _lifecycle(raw: Mapping[str, Any]) -> Lifecycle:
    state = raw.get("state")
    if state not in LIFECYCLE_STATES:
        raise InvalidMessage("state", f"{str(state)[:40]!r} is not one of {', '.join(LIFECYCLE_STATES)}")
    metadata = raw.get("metadata")
    if metadata is not None:
        for name, value in a_map(metadata, "metadata").items():
            if not isinstance(value, str | int | float | bool) or (isinstance(value, str) and len(value) > MAX_TEXT):
                raise InvalidMessage(f"metadata.{name}", "expected a short string, a number or a boolean")
    params = raw.get("params")
    if params is not None:
        params = {
            a_name(name, "params"): read_param(value, f"params.{name}")
            for name, value in a_map(params, "params").items()
        }
    return Lifecycle(
        state,
        optional_text_at(raw, "title", 256),
        optional_text_at(raw, "kind", 64),
        None if metadata is None else dict(metadata),
        params,
        read_units(raw["units"]) if raw.get("units") is not None else None,
    )


def _control(raw: Mapping[str, Any]) -> Control:
    return Control(
        boolean_at(raw, "paused", False),
        boolean_at(raw, "stopping", False),
        dict(a_map(raw.get("params") or {}, "params")),
    )


def _result(raw: Mapping[str, Any]) -> Result:
    return Result(
        text_at(raw, "command_id", 64),
        boolean_at(raw, "ok"),
        optional_text_at(raw, "error", MAX_TEXT),
        optional_text_at(raw, "field", 256),
    )


def _scene(raw: Mapping[str, Any]) -> Scene:
    kind = text_at(raw, "kind", 64)
    bounds = raw.get("bounds")
    if not isinstance(bounds, list) or len(bounds) != 4:
        raise InvalidMessage("bounds", "expected [x0, y0, x1, y1]")
    for index in range(4):
        a_number(bounds[index], f"bounds[{index}]")
    scene: dict[str, Any] = {"kind": kind, "bounds": [float(value) for value in bounds]}
    for name in ("lines", "areas"):
        if raw.get(name) is not None:
            scene[name] = _shapes(a_map(raw[name], name), name)
    return Scene(kind, wire.encode(scene))


def _shapes(raw: Mapping[str, Any], path: str) -> dict[str, Any]:
    points = read_column(raw.get("points"), f"{path}.points").data.astype("<f4")
    starts = read_column(raw.get("starts"), f"{path}.starts").data
    if points.size % 2:
        raise InvalidMessage(f"{path}.points", f"{points.size} numbers are not pairs of x and y")
    if starts.size and (starts[0] != 0 or (np.diff(starts) <= 0).any() or starts[-1] >= points.size // 2):
        raise InvalidMessage(f"{path}.starts", "expected indexes of points, rising from 0")
    shapes: dict[str, Any] = {"points": points, "starts": starts.astype("<u4")}
    if raw.get("width") is not None:
        shapes["width"] = _per_shape(read_column(raw["width"], f"{path}.width").data.astype("<f4"), starts, path)
    if raw.get("id") is not None:
        shapes["id"] = _per_shape(strings(raw["id"], f"{path}.id"), starts, path)
    return shapes


def _per_shape(values: Any, starts: NDArray[Any], path: str) -> Any:
    if len(values) != len(starts):
        raise InvalidMessage(path, f"{len(values)} values for {len(starts)} shapes")
    return values


def _image(raw: Mapping[str, Any]) -> Image:
    data = raw.get("data")
    if not isinstance(data, bytes):
        raise InvalidMessage("data", "expected binary")
    camera, mime = text_at(raw, "camera", 64), text_at(raw, "mime", 64)
    if not camera:
        raise InvalidMessage("camera", "expected a name of 1 to 64 characters")
    if mime not in images.MIMES:
        raise InvalidMessage("mime", f"{mime!r} is not one of {', '.join(images.MIMES)}")
    step, time_s = integer_at(raw, "step", 0), number_at(raw, "time_s")
    if mime != images.RAW:
        return Image(camera, mime, step, time_s, data)
    width, height, channels = (integer_at(raw, name) for name in ("width", "height", "channels"))
    images.check_raw(width, height, channels, len(data))
    return Image(camera, mime, step, time_s, data, width, height, channels)


_READERS: Final[dict[str, Callable[[Mapping[str, Any]], Payload]]] = {
    "frame": _frame,
    "events": _events,
    "metrics": _metrics,
    "status": _status,
    "log": _status,
    "lifecycle": _lifecycle,
    "control": _control,
    "result": _result,
    "scene": _scene,
    "image": _image,
}
