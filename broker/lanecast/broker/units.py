"""The units of columns, as a run states them. Pure; needs no NumPy."""

from __future__ import annotations

from typing import Any, Final

from lanecast.broker.checks import a_map, a_name, text_at
from lanecast.broker.errors import TooLarge

MAX_LAYERS: Final = 64
MAX_COLUMNS: Final = 64
MAX_UNIT: Final = 64


def read_units(raw: Any) -> dict[str, dict[str, str]]:
    """Check what a run says of its columns: layer -> column -> unit.

    Raises:
        InvalidMessage: a name or a unit is none; `field` says which.
        TooLarge: over 64 layers, or 64 columns of one.
    """
    units: dict[str, dict[str, str]] = {}
    for layer, columns in a_map(raw, "units").items():
        path = f"units.{a_name(layer, 'units')}"
        named = a_map(columns, path)
        if len(named) > MAX_COLUMNS:
            raise TooLarge(path, len(named), MAX_COLUMNS, "columns")
        units[layer] = {a_name(name, path): text_at(named, name, MAX_UNIT, path) for name in named}
    if len(units) > MAX_LAYERS:
        raise TooLarge("units", len(units), MAX_LAYERS, "layers")
    return units
