"""What an environment's observations look like to viewers: layers, pictures and named numbers. Pure.

| observation | becomes |
|---|---|
| one number, or n of them | layer of n entities, drawn as bars: `x` the index, `length` the height, `value` itself |
| a table of n x k numbers | layer of n entities with k columns, called as `names` says |
| (height, width[, 3]) of uint8 | a picture |
| a map or a tuple of observations | one of these for each part |

Values that are not finite (an environment's "unknown") are shown as 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

MOST_METRICS: Final = 32
"""Numbers of one observation that are published as metrics, too."""
MOST_COLUMNS: Final = 60
MOST_ROWS: Final = 10_000
THINNEST: Final = 0.01


@dataclass(slots=True)
class Seen:
    """One observation, or what its parts have come to."""

    bars: bool = True
    layers: dict[str, dict[str, Any]] = field(default_factory=dict)
    pictures: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)


def see(observation: Any, names: Sequence[str] = (), called: str = "observation", *, bars: bool = True) -> Seen:
    """Take an observation apart; what is none of the above is left out. Without `bars` numbers have no place."""
    seen = Seen(bars)
    _see(observation, list(names), called, seen)
    return seen


def numbers(info: Mapping[Any, Any], prefix: str, most: int = MOST_METRICS) -> dict[str, float]:
    """The finite numbers and booleans of a map, and of maps in it, by dotted names; at most `most`."""
    found: dict[str, float] = {}
    for name, value in info.items():
        if isinstance(value, Mapping):
            found |= numbers(value, f"{prefix}.{name}", most)
        elif np.isscalar(value) and not isinstance(value, str | bytes | complex) and np.isfinite(value):
            found[f"{prefix}.{name}"[:64]] = float(value)
    return dict(list(found.items())[:most])


def _see(value: Any, names: list[str], called: str, seen: Seen) -> None:
    if isinstance(value, Mapping):
        for key, part in value.items():
            _see(part, names, f"{called}.{key}"[:64], seen)
        return
    if isinstance(value, tuple):
        for index, part in enumerate(value):
            _see(part, names, f"{called}.{index}"[:64], seen)
        return
    try:
        array = np.asarray(value)
    except ValueError:  # ragged
        return
    if array.dtype == np.uint8 and (array.ndim == 2 or (array.ndim == 3 and array.shape[2] in {1, 3, 4})):
        seen.pictures[called] = np.ascontiguousarray(array)
    elif array.dtype.kind in "biuf" and array.size:
        finite = np.nan_to_num(array.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)
        if array.ndim <= 1:
            _row(finite.reshape(-1)[:MOST_ROWS], names, called, seen)
        elif array.ndim == 2:
            _table(finite[:MOST_ROWS, :MOST_COLUMNS], names, called, seen)


def _row(values: Any, names: list[str], called: str, seen: Seen) -> None:
    """One entity for each number, named where there is a name."""
    index = np.arange(len(values))
    all_named = len(names) == len(values)
    ids: Any = names if all_named else index.astype(np.uint32)
    seen.layers[called] = {"id": ids, "value": values}
    if seen.bars:  # each a rectangle that stands on the axis, or hangs from it
        seen.layers[called] |= {
            "x": index.astype(np.float32),
            "y": values / 2,
            "angle": np.full(len(values), 90.0, np.float32),
            "length": np.maximum(np.abs(values), THINNEST),
            "width": np.full(len(values), 0.8, np.float32),
        }
    if len(values) <= MOST_METRICS:
        labels = names if all_named else [str(i) for i in index]
        seen.metrics |= {f"{called}.{label}"[:64]: float(value) for label, value in zip(labels, values, strict=True)}


def _table(values: Any, names: list[str], called: str, seen: Seen) -> None:
    width = values.shape[1]
    labels = names if len(names) == width else [f"c{i}" for i in range(width)]
    columns = dict(zip(labels, values.T, strict=True))
    columns.pop("id", None)
    seen.layers[called] = {"id": np.arange(len(values), dtype=np.uint32), **columns}
