"""Parameters: what a viewer may change in a simulation while it runs, described by the wire's PARAM. Pure.

Needs no NumPy, so that producers can use it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from lanecast.broker.checks import a_map, a_number, number_at, strings, text_at
from lanecast.broker.errors import InvalidMessage

PARAM_TYPES: Final[dict[str, tuple[type, ...]]] = {
    "float": (int, float), "int": (int,), "bool": (bool,), "choice": (str,),
}  # fmt: skip


def read_param(value: Any, path: str) -> dict[str, Any]:
    """Check the description of one parameter and return it with its known keys only.

    Raises:
        InvalidMessage: type, bounds, choices or value do not fit one another.
    """
    raw = a_map(value, path)
    if raw.get("type") not in PARAM_TYPES:
        raise InvalidMessage(f"{path}.type", f"{raw.get('type')!r} is not one of {', '.join(PARAM_TYPES)}")
    param: dict[str, Any] = {"type": raw["type"]}
    for key in ("min", "max", "step"):
        if raw.get(key) is not None:
            param[key] = number_at(raw, key, path=path)
    for key in ("unit", "title"):
        if raw.get(key) is not None:
            param[key] = text_at(raw, key, 128, path)
    if raw["type"] == "choice":
        param["choices"] = strings(raw.get("choices"), f"{path}.choices")
    param["value"] = check_value(param, raw.get("value"), f"{path}.value")
    return param


def check_value(param: Mapping[str, Any], value: Any, path: str) -> Any:
    """Return `value` if a parameter described by `param` may take it.

    Raises:
        InvalidMessage: wrong type, not finite, out of bounds, or none of the choices.
    """
    types = PARAM_TYPES[param["type"]]
    if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
        raise InvalidMessage(path, f"expected {param['type']}, got {value!r:.60}")
    if param["type"] == "float":
        value = a_number(value, path)
    if "choices" in param and value not in param["choices"]:
        raise InvalidMessage(path, f"{value!r:.60} is not one of {', '.join(param['choices'])}")
    if "min" in param and value < param["min"]:
        raise InvalidMessage(path, f"{value} is below the minimum {param['min']:g}")
    if "max" in param and value > param["max"]:
        raise InvalidMessage(path, f"{value} is above the maximum {param['max']:g}")
    return value
