"""Columns as the viewers of a tier have them: integers with a scale and an origin, codes, or exact floats. Pure.

A column is quantized once, against the scale and origin of the last keyframe; what changes is found between the
integers. So the error is at most half a quantum in every frame, and nothing drifts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lanecast.broker.columns import Column, typed
from lanecast.broker.layers import ANGLES, POSITIONS, SPEEDS
from lanecast.broker.tiers import Tier

SPARSE_BYTES: Final = 24
"""What naming rows costs besides the rows."""
_LIMIT: Final = 2**30
_DTYPES: Final = {name: np.dtype("<" + name) for name in ("u1", "i1", "u2", "i2", "u4", "i4")}
_RANGES: Final = {
    name: (int(np.iinfo(dtype).min), int(np.iinfo(dtype).max)) for name, dtype in _DTYPES.items()
}  # fmt: skip


@dataclass(slots=True)
class Stored:
    """A column as the viewers have it.

    Attributes:
        data: int32 (scaled, plain or codes), or exact floats.
        scale: value = origin + scale * data; 0 means that `data` are the values.
        values: the strings that codes stand for.
        modulus: quanta of a full turn, for angles; a power of two, or 0.
        source: the values that `data` was made of, if nobody has changed its rows since.
    """

    data: NDArray[Any]
    scale: float = 0.0
    origin: float = 0.0
    values: list[str] | None = None
    modulus: int = 0
    source: NDArray[Any] | None = None


def store(name: str, column: Column, tier: Tier) -> Stored:
    """A column of a keyframe: this fixes its scale and origin."""
    source = column.data
    if column.values is not None:
        return Stored(source.astype(np.int32), values=list(column.values), source=source)
    if source.dtype.kind != "f":
        exact = source.dtype.itemsize < 4 or source.dtype == np.int32 or _in_int32(source)
        return Stored(source.astype(np.int32 if exact else np.float64), source=source)
    step = step_of(name, source, tier)
    if step:
        modulus = round(360 / step) if name in ANGLES else 0
        origin = 0.0 if modulus or not source.size else float(np.floor(source.min()))
        stored = Stored(np.empty(0, np.int32), step, origin, modulus=modulus, source=source)
        data = quantize(source, stored)
        if data is not None:
            stored.data = data
            return stored
    return Stored(_single(source), source=source)


def step_of(name: str, data: NDArray[Any], tier: Tier) -> float:
    """The quantum of a column of fractions; 0 means exact."""
    if name in POSITIONS:
        return tier.position_step
    if name in ANGLES:
        return tier.angle_step
    if name in SPEEDS:
        return tier.speed_step
    largest = max(-float(data.min()), float(data.max())) if tier.value_bits and data.size else 0.0
    return float(2.0 ** (np.ceil(np.log2(largest)) - tier.value_bits)) if largest > 1e-30 else 0.0


def quantize(data: NDArray[Any], stored: Stored) -> NDArray[Any] | None:
    """Values in the form of `stored`; None if they do not fit in."""
    if stored.values is not None:
        return data.astype(np.int32)
    if stored.scale:
        return _scaled(data, stored)
    if stored.data.dtype == np.float32:
        return _single(data)
    if stored.data.dtype.kind == "f":
        return data.astype(np.float64)
    return data.astype(np.int32) if data.dtype.kind != "f" and _in_int32(data) else None


def _scaled(data: NDArray[Any], stored: Stored) -> NDArray[Any] | None:
    if not data.size:
        return np.empty(0, np.int32)
    with np.errstate(over="ignore", invalid="ignore"):
        steps = data - stored.origin if stored.origin else data / stored.scale
        if stored.origin:
            steps /= stored.scale
    if not -_LIMIT < float(steps.min()) <= float(steps.max()) < _LIMIT:
        return None
    quantized = np.rint(steps, out=steps).astype(np.int32)
    if stored.modulus:
        quantized &= stored.modulus - 1
    return quantized


def column(stored: Stored, data: NDArray[Any]) -> dict[str, Any]:
    """The wire's form of a column, or of some of its rows."""
    if stored.values is not None:
        return {**typed(narrow(data, "u")), "values": stored.values}
    if stored.scale:
        return {**typed(narrow(data)), "scale": stored.scale, "origin": stored.origin}
    return typed(narrow(data))


def change(before: NDArray[Any], now: NDArray[Any]) -> dict[str, Any] | None:
    """What turns `before` into `now`, in the form that takes the fewest bytes; None if nothing has changed."""
    if before.dtype.kind == "f":
        different = before != now
        forms = [("abs", now, now.dtype)]
    else:
        # In 32 bits, where what overflows wraps around, here and at the viewers alike.
        different = now - before
        forms = [("abs", now, _fitting(now)), ("diff", different, _fitting(different))]
    count = int(np.count_nonzero(different))
    if not count:
        return None
    mode, data, dtype = min(forms, key=lambda form: form[2].itemsize)
    size = dtype.itemsize * len(now)
    row_bytes = 2 if len(now) <= 0x10000 else 4
    if count * (1 + row_bytes) + SPARSE_BYTES >= size:
        return {**typed(data.astype(dtype, copy=False)), "mode": mode}
    rows = np.flatnonzero(different)
    some = [(form, part, _fitting(part)) for form, part in ((form, data[rows]) for form, data, _ in forms)]
    few_mode, few, few_dtype = min(some, key=lambda form: form[2].itemsize)
    if count * (few_dtype.itemsize + row_bytes) + SPARSE_BYTES >= size:
        return {**typed(data.astype(dtype, copy=False)), "mode": mode}
    return {**typed(few.astype(few_dtype, copy=False)), "mode": few_mode, "rows": typed(narrow_rows(rows, len(now)))}


def narrow(data: NDArray[Any], signs: str = "ui") -> NDArray[Any]:
    """The same integers in the smallest dtype of the wire; floats stay as they are."""
    return data.astype(_fitting(data, signs), copy=False)


def narrow_rows(rows: NDArray[np.intp], n: int) -> NDArray[Any]:
    """Row indexes of a layer of `n` rows."""
    return rows.astype("<u2" if n <= 0x10000 else "<u4")


def _fitting(data: NDArray[Any], signs: str = "ui") -> np.dtype[Any]:
    """The smallest dtype of the wire for these values."""
    if data.dtype.kind == "f":
        return data.dtype
    if not data.size:
        return _DTYPES["u1"]
    low, high = int(data.min()), int(data.max())
    for name in ("u1", "i1", "u2", "i2"):
        least, most = _RANGES[name]
        if name[0] in signs and least <= low and high <= most:
            return _DTYPES[name]
    return _DTYPES["u4" if signs == "u" else "i4"]


def _single(data: NDArray[Any]) -> NDArray[Any]:
    """As float32; what is beyond its range is cut to its ends, for viewers must get no infinity."""
    if data.dtype == np.float64 and data.size:
        limit = float(np.finfo(np.float32).max)
        if not -limit <= float(data.min()) <= float(data.max()) <= limit:
            data = np.clip(data, -limit, limit)
    return data.astype(np.float32)


def _in_int32(data: NDArray[Any]) -> bool:
    if data.dtype == np.int32 or data.dtype.itemsize < 4 or not data.size:
        return True
    return int(data.min()) >= -(2**31) and int(data.max()) < 2**31
