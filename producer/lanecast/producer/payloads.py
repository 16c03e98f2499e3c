"""The payloads that a producer sends, checked and encoded on the simulation's thread. Pure; needs no NumPy.

Everything that the worker would refuse is refused here, by the same field names, where the mistake was made.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Mapping
from itertools import pairwise
from typing import Any, Final

from lanecast.broker import images, wire
from lanecast.broker.checks import a_map, a_name, a_number, kind_of, numbers, strings, text_at
from lanecast.broker.errors import InvalidMessage, TooLarge
from lanecast.producer.pack import pack_column, pack_columns, pack_ids, pack_layer

MAX_LAYERS: Final = 64
MAX_METRICS: Final = 256
MAX_TEXT: Final = 4096
PICTURE_HEAD_BYTES: Final = 512
"""What a picture's other fields take at most, encoded."""
LEVELS: Final = ("info", "warning", "error", "complete")


def frame(
    step: int,
    time_s: float,
    layers: Any,
    *,
    partial: bool = False,
    gone: Any = None,
    phases: Mapping[str, float] | None = None,
    thorough: bool = True,
) -> bytes:
    """State at one step; `thorough`: see `pack_layer`.

    Raises:
        InvalidMessage: with the path of what is wrong.
    """
    if type(layers) is not dict and not isinstance(layers, Mapping):
        raise InvalidMessage("layers", f"expected a map, got {kind_of(layers)}")
    if len(layers) > MAX_LAYERS:
        raise TooLarge("layers", len(layers), MAX_LAYERS, "layers")
    packed = {}
    for name, value in layers.items():
        packed[a_name(name, "layers")] = pack_layer(value, f"layers.{name}", thorough=thorough)
    payload: dict[str, Any] = {"step": step, "time_s": time_s, "layers": packed}
    if partial:
        payload["partial"] = True
    if gone:
        if not partial:
            raise InvalidMessage("gone", "only a partial frame names those who left; a full one leaves them out")
        payload["gone"] = {
            a_name(name, "gone"): pack_ids(ids, f"gone.{name}")[1] for name, ids in a_map(gone, "gone").items()
        }
    if phases:
        payload["phases"] = phases
    return wire.encode(payload)


def events(kind: str, time_s: float, items: Any) -> bytes:
    """A batch of events of one type.

    Raises:
        InvalidMessage: with the path of what is wrong.
    """
    return wire.encode(
        {"type": text_at({"type": kind}, "type", 64), "time_s": time_s, "items": pack_columns(items, "items")}
    )


def metrics(step: int, time_s: float, values: Mapping[str, Any]) -> bytes:
    """Named numbers at one step; NumPy scalars are numbers, too.

    Raises:
        InvalidMessage: a name or a number is none.
    """
    plain = {name: value.item() if hasattr(value, "item") else value for name, value in a_map(values, "values").items()}
    if len(plain) > MAX_METRICS:
        raise TooLarge("values", len(plain), MAX_METRICS, "metrics")
    return wire.encode({"step": step, "time_s": time_s, "values": numbers(plain, "values")})


def status(level: str, text: str, time_s: float) -> bytes:
    """A line for the event log.

    Raises:
        InvalidMessage: there is no such level, or the text is over 4096 characters.
    """
    if level not in LEVELS:
        raise InvalidMessage("level", f"{str(level)[:40]!r} is not one of {', '.join(LEVELS)}")
    return wire.encode({"level": level, "text": text_at({"text": text}, "text", MAX_TEXT), "time_s": time_s})


def image(camera: str, data: Any, mime: str | None, step: int, time_s: float) -> bytes:
    """One picture of a camera: encoded bytes, or an array of rows (height, width), (height, width, 3 or 4) of uint8.

    Raises:
        InvalidMessage: with what is wrong.
    """
    payload: dict[str, Any] = {"camera": text_at({"camera": camera}, "camera", 64), "step": step, "time_s": time_s}
    if not camera:
        raise InvalidMessage("camera", "expected a name of 1 to 64 characters")
    if isinstance(data, bytes | bytearray | memoryview):
        payload["data"] = bytes(data)
        payload["mime"] = mime = mime or images.sniff(payload["data"])
        if mime == images.RAW:
            raise InvalidMessage("mime", "bytes do not tell their shape: hand in a NumPy array for a raw picture")
        if mime not in images.MIMES:
            what = f"{mime!r} is not one of" if mime else "cannot be told from the first bytes; name one of"
            raise InvalidMessage("mime", f"{what} {', '.join(images.MIMES[:-1])}")
        if images.sniff(payload["data"]) != mime:
            raise InvalidMessage("data", f"does not begin as {mime} does")
    else:
        payload |= _rows(data, mime)
    if len(payload["data"]) + PICTURE_HEAD_BYTES > wire.MAX_DATA_BYTES:
        raise TooLarge("data", len(payload["data"]), wire.MAX_DATA_BYTES - PICTURE_HEAD_BYTES, "bytes; send a JPEG")
    return wire.encode(payload)


def _rows(data: Any, mime: str | None) -> dict[str, Any]:
    shape, dtype = getattr(data, "shape", None), getattr(data, "dtype", None)
    if shape is None or str(dtype) != "uint8" or len(shape) not in {2, 3}:
        what = f"an array of {dtype} {shape}" if shape is not None else kind_of(data)
        raise InvalidMessage("data", f"expected bytes, or an array (height, width[, 3 or 4]) of uint8, got {what}")
    if mime not in {None, images.RAW}:
        raise InvalidMessage("mime", f"an array is {images.RAW}, not {mime!r}")
    height, width, channels = (*shape, 1)[:3]
    size = int(height) * int(width) * int(channels)
    images.check_raw(int(width), int(height), int(channels), size)
    if size + PICTURE_HEAD_BYTES > wire.MAX_DATA_BYTES:
        raise TooLarge("data", size, wire.MAX_DATA_BYTES - PICTURE_HEAD_BYTES, "bytes; encode it as JPEG, or scale it")
    return {
        "mime": images.RAW, "width": int(width), "height": int(height), "channels": int(channels),
        "data": data.tobytes(),
    }  # fmt: skip


def scene(value: Any) -> bytes:
    """The static map: kind, bounds, lines, areas.

    Raises:
        InvalidMessage: with the path of what is wrong.
    """
    raw = a_map(value, "scene")
    bounds = raw.get("bounds")
    if not isinstance(bounds, list | tuple) or len(bounds) != 4:
        raise InvalidMessage("bounds", "expected [x0, y0, x1, y1]")
    payload: dict[str, Any] = {
        "kind": text_at(raw, "kind", 64),
        "bounds": [a_number(_item(number), f"bounds[{index}]") for index, number in enumerate(bounds)],
    }
    for name in ("lines", "areas"):
        if raw.get(name) is not None:
            payload[name] = _shapes(a_map(raw[name], name), name)
    return wire.encode(payload)


def description(title: str, kind: str, metadata: Any, params: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """What a run's first `lifecycle` says besides the state.

    Raises:
        InvalidMessage: with the path of what is wrong.
    """
    for name, value in a_map(metadata, "metadata").items():
        if not isinstance(value, str | int | float | bool) or (isinstance(value, str) and len(value) > MAX_TEXT):
            raise InvalidMessage(f"metadata.{name}", "expected a short string, a number or a boolean")
        if isinstance(value, float):
            a_number(value, f"metadata.{name}")
    return {
        "title": text_at({"title": title}, "title", 256),
        "kind": text_at({"kind": kind}, "kind", 64),
        "metadata": dict(metadata),
        "params": params,
    }


def a_step(value: Any) -> int:
    """An integer step of at most 53 bits; NumPy's integers are taken.

    Raises:
        InvalidMessage: it is none.
    """
    try:
        step = operator.index(value)
    except TypeError:
        raise InvalidMessage("step", f"expected an integer, got {kind_of(value)}") from None
    if isinstance(value, bool) or not -(2**53) < step < 2**53:
        raise InvalidMessage("step", f"expected an integer of at most 53 bits, got {kind_of(value)}")
    return step


def a_time(value: Any) -> float:
    """A finite number of simulation seconds; NumPy's numbers are taken.

    Raises:
        InvalidMessage: it is none.
    """
    if type(value) is float and math.isfinite(value):
        return value
    return a_number(_item(value), "time_s")


def _shapes(raw: Mapping[str, Any], path: str) -> dict[str, Any]:
    count, points = pack_column(raw.get("points"), f"{path}.points")
    if count % 2:
        raise InvalidMessage(f"{path}.points", f"{count} numbers are not pairs of x and y")
    shapes, starts = pack_column(raw.get("starts"), f"{path}.starts")
    first = raw["starts"].tolist() if hasattr(raw["starts"], "tolist") else raw["starts"]
    if not isinstance(first, Mapping) and shapes:
        rising = all(before < after for before, after in pairwise(first))
        if first[0] != 0 or not rising or first[-1] >= count // 2:
            raise InvalidMessage(f"{path}.starts", "expected indexes of points, rising from 0")
    payload: dict[str, Any] = {"points": points, "starts": starts}
    if raw.get("width") is not None:
        widths, payload["width"] = pack_column(raw["width"], f"{path}.width")
        _check_count(widths, shapes, f"{path}.width")
    if raw.get("id") is not None:
        payload["id"] = strings(list(raw["id"]), f"{path}.id")
        _check_count(len(payload["id"]), shapes, f"{path}.id")
    return payload


def _check_count(count: int, shapes: int, path: str) -> None:
    if count != shapes:
        raise InvalidMessage(path, f"{count} values for {shapes} shapes")


def _item(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else value
