"""Checks of decoded input, value by value: each returns the value or raises `InvalidMessage` with its path. Pure.

Needs no NumPy, so that producers can use it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

from lanecast.broker.errors import InvalidMessage, TooLarge

MAX_NAME: Final = 64
MAX_STRING: Final = 256
MAX_INTEGER: Final = 2**53 - 1

_MISSING: Final = object()


def a_map(value: Any, path: str) -> Mapping[str, Any]:
    """A map whose keys are strings."""
    if not isinstance(value, Mapping):
        raise InvalidMessage(path, f"expected a map, got {kind_of(value)}")
    for key in value:
        if not isinstance(key, str):
            raise InvalidMessage(path, f"expected keys that are strings, got {key!r:.60}")
    return value


def a_name(value: Any, path: str) -> str:
    """The name of a layer, a column, a metric or a parameter: 1 to 64 printable characters."""
    if not isinstance(value, str) or not 0 < len(value) <= MAX_NAME or not value.isprintable():
        raise InvalidMessage(path, f"{str(value)[:80]!r} is no name: 1 to {MAX_NAME} printable characters")
    return value


def a_number(value: Any, path: str) -> float:
    """A finite number, as float."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidMessage(path, f"expected a number, got {kind_of(value)}")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise InvalidMessage(path, f"{value!r:.40} is not a finite number")
    return number


def an_integer(value: Any, path: str, low: int = -MAX_INTEGER, high: int = MAX_INTEGER) -> int:
    """An integer from `low` to `high`; by default whatever Lua and JavaScript hold exactly (53 bits)."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise InvalidMessage(path, f"expected an integer, got {kind_of(value)}")
    if not low <= value <= high:
        shown = f"{value:,}" if abs(value) <= MAX_INTEGER else "over 53 bits"
        raise InvalidMessage(path, f"{shown} is not an integer from {low:,} to {high:,}")
    return value


def numbers(value: Any, path: str) -> dict[str, float]:
    """A map of names to finite numbers."""
    return {a_name(key, path): a_number(number, f"{path}.{key}") for key, number in a_map(value, path).items()}


def strings(value: Any, path: str) -> list[str]:
    """A list of strings of at most 256 characters each."""
    if not isinstance(value, list):
        raise InvalidMessage(path, f"expected a list of strings, got {kind_of(value)}")
    for index, item in enumerate(value):
        if not isinstance(item, str):
            raise InvalidMessage(f"{path}[{index}]", f"expected a string, got {kind_of(item)}")
        if len(item) > MAX_STRING:
            raise TooLarge(f"{path}[{index}]", len(item), MAX_STRING, "characters")
    return value


def number_at(raw: Mapping[str, Any], key: str, default: float | None = None, path: str = "") -> float:
    """The finite number in field `key`; without a default it must be there."""
    return a_number(raw.get(key, default), _join(path, key))


def integer_at(raw: Mapping[str, Any], key: str, default: int | None = None) -> int:
    """The integer in field `key`, of at most 53 bits; without a default it must be there."""
    return an_integer(raw.get(key, default), key)


def boolean_at(raw: Mapping[str, Any], key: str, default: Any = _MISSING) -> bool:
    """The boolean in field `key`; without a default it must be there."""
    value = raw.get(key, default)
    if not isinstance(value, bool):
        raise InvalidMessage(key, f"expected a boolean, got {'nothing' if value is _MISSING else kind_of(value)}")
    return value


def text_at(raw: Mapping[str, Any], key: str, limit: int, path: str = "") -> str:
    """The string in field `key`, of at most `limit` characters; it must be there."""
    value = raw.get(key)
    if not isinstance(value, str):
        raise InvalidMessage(_join(path, key), f"expected a string, got {kind_of(value)}")
    if len(value) > limit:
        raise TooLarge(_join(path, key), len(value), limit, "characters")
    return value


def optional_text_at(raw: Mapping[str, Any], key: str, limit: int) -> str | None:
    """The string in field `key`, or None where it is missing."""
    return None if raw.get(key) is None else text_at(raw, key, limit)


def kind_of(value: Any) -> str:
    """What a value is, for a message: `a map`, `the number 7`, `nothing`."""
    names = {dict: "a map", list: "a list", str: "a string", bytes: "binary", type(None): "nothing"}
    if isinstance(value, bool):
        return f"the boolean {str(value).lower()}"
    if isinstance(value, int | float):
        return f"the number {value!r:.40}"
    return names.get(type(value), type(value).__name__)


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key
