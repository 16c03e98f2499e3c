"""Columns of a simulation -> columns of the wire, checked by name. Pure; needs no NumPy, but knows its arrays.

This runs on the simulation's thread, so a column of 1,000 numbers in an array costs about 1 us. What is
returned may still refer to the simulation's arrays: encode it before the simulation goes on.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

from lanecast.broker.checks import MAX_STRING, a_name, kind_of, strings
from lanecast.broker.errors import InvalidMessage, TooLarge
from lanecast.producer.shapes import columns_of

MAX_ROWS: Final = 1_000_000
MAX_COLUMNS: Final = 64
MAX_ID: Final = 0xFFFFFFFF
NUMBERS_ONLY: Final = ("x", "y", "angle")
ITEM_BYTES: Final = {"u1": 1, "i1": 1, "u2": 2, "i2": 2, "u4": 4, "i4": 4, "f4": 4, "f8": 8}
_PLAIN: Final = frozenset({int, float, bool, str})
_FLOATS: Final = frozenset({"f4", "f8"})
_FOREIGN: Final = ">" if sys.byteorder == "little" else "<"
_CODES: Final[dict[str, Literal["B", "H", "I"]]] = {"u1": "B", "u2": "H", "u4": "I"}
_NAMES_LIMIT: Final = 4_096
_DOT_LIMIT: Final = 8_192
"""Arrays up to here are checked by a dot product, which is three times as fast; longer ones might wake BLAS threads."""

_forms: dict[Any, str] = {}  # NumPy dtype -> the wire's, filled as they come
_names: set[str] = set()  # names that have been checked


def pack_layer(value: Any, path: str, *, thorough: bool = True) -> dict[str, Any]:
    """The columns of one layer, in any of the shapes that `shapes` knows; it needs `id`.

    `thorough` also looks for ids that come twice in arrays, which costs as much as everything else.

    Raises:
        InvalidMessage: with the path of what is wrong: `layers.vehicles.x[3]: nan is not a finite number`.
        TooLarge: over 1,000,000 rows or 64 columns.
    """
    if not thorough and type(value) is dict:
        arrays = _pack_arrays(value)
        if arrays is not None:
            return arrays
    columns = pack_columns(value, path, thorough=thorough, needs_id=True)
    for axis in NUMBERS_ONLY:
        column = columns.get(axis, ())
        if "values" in column if isinstance(column, dict) else column and isinstance(column[0], str):
            raise InvalidMessage(f"{path}.{axis}", "expected numbers, got strings")
    return columns


def pack_columns(value: Any, path: str, *, thorough: bool = True, needs_id: bool = False) -> dict[str, Any]:
    """The columns of a set of items, all equally long; see `pack_layer` for errors."""
    if type(value) is not dict and not isinstance(value, Mapping):
        value = columns_of(value, path)
    if len(value) > MAX_COLUMNS:
        raise TooLarge(path, len(value), MAX_COLUMNS, "columns")
    if needs_id and "id" not in value:
        raise InvalidMessage(f"{path}.id", "missing; every entity needs an id")
    columns: dict[str, Any] = {}
    length = -1
    for name, raw in value.items():
        if name not in _names:
            _learn_name(name, path)
        where = f"{path}.{name}"
        count, columns[name] = (
            pack_ids(raw, where, thorough=thorough) if needs_id and name == "id" else pack_column(raw, where)
        )
        if count != length:
            if length >= 0:
                raise InvalidMessage(where, f"{count} values where the columns before have {length}")
            if count > MAX_ROWS:
                raise TooLarge(where, count, MAX_ROWS, "rows")
            length = count
    return columns


def pack_column(value: Any, path: str) -> tuple[int, Any]:
    """Length and wire form of a column: an array of one dimension, a sequence of numbers or strings, or a typed array.

    Raises:
        InvalidMessage: it is something else, or holds NaN or infinity.
    """
    form = _forms.get(getattr(value, "dtype", None))
    if form:
        return _pack_known(value, form, path)
    if hasattr(value, "dtype") and hasattr(value, "astype"):
        return _pack_array(value, path)
    if isinstance(value, Mapping):
        return _pack_typed(value, path)
    values = _as_list(value, path)
    return len(values), _checked_list(values, path)


def pack_ids(value: Any, path: str, *, thorough: bool = True) -> tuple[int, Any]:
    """Length and wire form of a column of ids: integers 0 to 4294967295, or strings, none of them twice.

    Raises:
        InvalidMessage: it is something else.
    """
    if hasattr(value, "dtype") and hasattr(value, "astype"):
        if value.dtype.kind not in "biuf":
            return pack_ids(value.tolist(), path)
        return _pack_id_array(value, path, thorough=thorough)
    if isinstance(value, Mapping):
        return _pack_typed(value, path)
    ids = _checked_list(_as_list(value, path), path)
    if ids and not isinstance(ids[0], str) and (set(map(type, ids)) != {int} or min(ids) < 0 or max(ids) > MAX_ID):
        for index, item in enumerate(ids):
            if item != int(item) or not 0 <= item <= MAX_ID:
                raise InvalidMessage(f"{path}[{index}]", f"{item!r:.40} is no id: integers 0 to {MAX_ID}, or strings")
        ids = [int(item) for item in ids]
    if len(set(ids)) != len(ids):
        raise InvalidMessage(path, f"the id {_twice(ids)!r} comes twice")
    return len(ids), ids


def _pack_arrays(layer: dict[Any, Any]) -> dict[str, Any] | None:
    """The columns of a layer of which nothing needs a closer look; None if something does.

    This is what nearly every frame of a simulation with NumPy is: arrays of one length and of dtypes that the wire
    has, under names that were seen before. One loop without a call for each column takes half the time.
    """
    columns: dict[str, Any] = {}
    squares: Any = 0.0
    shape = None
    try:
        if _forms[layer["id"].dtype] != "u4":
            return None
        for name, array in layer.items():
            form = _forms[array.dtype]
            data = array.data
            if data.shape != shape:
                if shape is not None or data.ndim != 1 or not 0 < len(data) <= _DOT_LIMIT:
                    return None
                shape = data.shape
            if not form or name not in _names or not data.c_contiguous:
                return None
            if form in _FLOATS:
                squares += array.dot(array)
            columns[name] = {"dtype": form, "data": data}
        # Finite if every number is (or it overflows, which the closer look settles).
        return columns if squares < math.inf and len(columns) <= MAX_COLUMNS else None
    except (KeyError, AttributeError, TypeError, ValueError, RuntimeWarning, FloatingPointError):
        return None


def _learn_name(name: Any, path: str) -> None:
    a_name(name, path)
    if len(_names) < _NAMES_LIMIT:
        _names.add(name)


def _pack_array(array: Any, path: str) -> tuple[int, Any]:
    form = _form(array.dtype)
    if form:
        return _pack_known(array, form, path)
    if array.ndim != 1:
        raise InvalidMessage(path, f"an array of shape {array.shape} is not a column")
    return _pack_odd_array(array, path)


def _pack_known(array: Any, form: str, path: str) -> tuple[int, Any]:
    if array.ndim != 1:
        raise InvalidMessage(path, f"an array of shape {array.shape} is not a column")
    if form in _FLOATS:
        _check_finite(array, path)
    if not array.flags.c_contiguous:
        array = array.copy()
    count = len(array)
    return count, {"dtype": form, "data": array.data if count else b""}


def _pack_odd_array(array: Any, path: str) -> tuple[int, Any]:
    """Arrays of what the wire has no typed form for: 64-bit integers, float16, big-endian ones, strings, objects."""
    kind = array.dtype.kind
    if array.dtype.byteorder == _FOREIGN:
        return _pack_array(array.astype(array.dtype.newbyteorder("=")), path)
    if kind == "f":
        return _pack_array(array.astype("<f4" if array.dtype.itemsize < 4 else "<f8"), path)
    if kind in "iu":
        if not len(array):
            return 0, {"dtype": "i4", "data": b""}
        low, high = int(array.min()), int(array.max())
        if low >= -(2**31) and high < 2**31:
            return _pack_array(array.astype("<i4"), path)
        if low >= 0 and high <= MAX_ID:
            return _pack_array(array.astype("<u4"), path)
        return _pack_array(array.astype("<f8"), path)
    if kind in "UO":
        values = array.tolist()
        return len(values), _checked_list(values, path)
    raise InvalidMessage(path, f"an array of {array.dtype} holds neither numbers, booleans nor strings")


def _pack_id_array(array: Any, path: str, *, thorough: bool) -> tuple[int, Any]:
    if array.ndim != 1:
        raise InvalidMessage(path, f"an array of shape {array.shape} is not a column")
    count = len(array)
    if not count:
        return 0, {"dtype": "u4", "data": b""}
    form = _forms.get(array.dtype)
    if (_form(array.dtype) if form is None else form) != "u4":
        array = _to_uint32(array, path)
    elif not array.flags.c_contiguous:
        array = array.copy()
    if thorough:
        ordered = sys.modules["numpy"].sort(array)
        if (ordered[1:] == ordered[:-1]).any():
            raise InvalidMessage(path, f"the id {_twice(array.tolist())} comes twice")
    return count, {"dtype": "u4", "data": array.data}


def _to_uint32(array: Any, path: str) -> Any:
    if array.dtype.kind == "f":
        array = array.astype("<f8")
        _check_finite(array, path)
        wrong = (array < 0) | (array > MAX_ID) | (array != array.round())
        if wrong.any():
            raise InvalidMessage(path, f"{array[wrong][0]} is no id: integers 0 to {MAX_ID}, or strings")
    elif array.dtype.kind != "b":
        # Negative if one is negative, and over the limit if one is: one pass instead of two.
        together = int(sys.modules["numpy"].bitwise_or.reduce(array))
        if not 0 <= together <= MAX_ID:
            raise InvalidMessage(path, f"an id is outside 0 to {MAX_ID} (from {array.min()} to {array.max()})")
    return array.astype("<u4")


def _form(dtype: Any) -> str:
    """The wire's name of a NumPy dtype; '' where the wire has none."""
    form: str = {"b1": "u1"}.get(dtype.str[1:], dtype.str[1:])
    if form not in ITEM_BYTES or dtype.byteorder == _FOREIGN:
        form = ""
    _forms[dtype] = form
    return form


def _check_finite(array: Any, path: str) -> None:
    if len(array) <= _DOT_LIMIT:
        try:
            # The sum of squares is finite if every number is (or it overflows, which the exact check settles).
            if array.dot(array) < math.inf:
                return
        except (RuntimeWarning, FloatingPointError):  # the simulation has made them errors; what follows is one
            pass
    finite = sys.modules["numpy"].isfinite(array)
    if not finite.all():
        index = int(finite.argmin())
        raise InvalidMessage(f"{path}[{index}]", f"{array[index]} is not a finite number")


def _pack_typed(value: Mapping[str, Any], path: str) -> tuple[int, dict[str, Any]]:
    dtype, data = value.get("dtype"), value.get("data")
    size = ITEM_BYTES.get(dtype) if isinstance(dtype, str) else None
    if size is None or dtype is None:
        raise InvalidMessage(f"{path}.dtype", f"{dtype!r:.40} is not one of {', '.join(ITEM_BYTES)}")
    if not isinstance(data, bytes | bytearray | memoryview):
        raise InvalidMessage(f"{path}.data", f"expected binary, got {kind_of(data)}")
    data = memoryview(data).cast("B")
    if len(data) % size:
        raise InvalidMessage(f"{path}.data", f"{len(data)} bytes are not whole values of {size} bytes")
    if value.get("values") is None:
        return len(data) // size, {"dtype": dtype, "data": data}
    values = strings(value["values"], f"{path}.values")
    if dtype not in _CODES or (len(data) and max(data.cast(_CODES[dtype])) >= len(values)):
        raise InvalidMessage(path, f"codes must be unsigned and below {len(values)}, the length of values")
    return len(data) // size, {"dtype": dtype, "data": data, "values": values}


def _as_list(value: Any, path: str) -> list[Any]:
    if isinstance(value, list):
        return value
    if isinstance(value, str | bytes) or not (isinstance(value, Sequence) or hasattr(value, "tolist")):
        raise InvalidMessage(path, f"expected a sequence, an array or a typed array, got {kind_of(value)}")
    return list(value)


def _checked_list(values: list[Any], path: str) -> list[Any]:
    kinds = set(map(type, values))
    if kinds <= {int, float, bool}:
        _check_numbers(values, path)
        return values
    if kinds == {str}:
        return strings(values, path) if max(map(len, values)) > MAX_STRING else values
    if any(_is_dressed_up(kind) for kind in kinds):
        return _checked_list([_plain(item) for item in values], path)
    wanted: Any = str if isinstance(values[0], str) else (int, float) if isinstance(values[0], int | float) else None
    if wanted is None:
        raise InvalidMessage(f"{path}[0]", f"expected a number, a boolean or a string, got {kind_of(values[0])}")
    index, odd = next((i, item) for i, item in enumerate(values) if not isinstance(item, wanted))
    raise InvalidMessage(
        f"{path}[{index}]", f"expected a {'string' if wanted is str else 'number'} like the first, got {kind_of(odd)}"
    )


def _check_numbers(values: list[Any], path: str) -> None:
    try:
        if math.isfinite(sum(values)) and (not values or -(2**53) < min(values) <= max(values) < 2**53):
            return
    except OverflowError:
        pass
    for index, item in enumerate(values):  # the sum may be too large where no value is
        if isinstance(item, float) and not math.isfinite(item):
            raise InvalidMessage(f"{path}[{index}]", f"{item} is not a finite number")
        if isinstance(item, int) and not -(2**63) <= item < 2**63:
            raise InvalidMessage(f"{path}[{index}]", "an integer of more than 64 bits")


def _is_dressed_up(kind: type) -> bool:
    return hasattr(kind, "item") or (kind not in _PLAIN and issubclass(kind, int | float | str))


def _plain(item: Any) -> Any:
    """The plain value of a NumPy scalar, an enumeration's member and the like."""
    if hasattr(item, "item"):
        return item.item()
    for kind in (bool, int, float, str):
        if isinstance(item, kind):
            return kind(item)
    return item


def _twice(ids: list[Any]) -> Any:
    seen: set[Any] = set()
    for item in ids:
        if item in seen:
            return item
        seen.add(item)
    return None
