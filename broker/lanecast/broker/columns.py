"""Columns: one attribute of many entities as one NumPy array. Pure.

A column holds numbers, or strings as codes into a list (`values`). This module reads the wire's forms of a
set of entities (rows, columns, typed columns) and refuses what is wrong by the field's name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lanecast.broker.checks import a_name, kind_of, strings
from lanecast.broker.errors import InvalidMessage, TooLarge

MAX_ROWS: Final = 1_000_000
MAX_COLUMNS: Final = 64

NUMPY_DTYPES: Final[dict[str, np.dtype[Any]]] = {
    name: np.dtype("<" + name) for name in ("u1", "i1", "u2", "i2", "u4", "i4", "f4", "f8")
}


@dataclass(slots=True)
class Column:
    """One attribute of n entities.

    Attributes:
        data: shape (n,), any of the wire's dtypes; codes when `values` is set.
        values: the strings that the codes stand for, or None for numbers.
    """

    data: NDArray[Any]
    values: list[str] | None = None

    def __len__(self) -> int:
        return len(self.data)

    def to_list(self) -> list[Any]:
        """The plain values, strings decoded."""
        if self.values is None:
            return list(self.data.tolist())
        values = self.values
        return [values[code] for code in self.data.tolist()]


def typed(array: NDArray[Any]) -> dict[str, Any]:
    """The wire's typed array for a 1-D `array` of one of its dtypes (little-endian)."""
    array = np.ascontiguousarray(array)
    return {"dtype": array.dtype.str[1:], "data": array.data.cast("B") if array.size else b""}


def untyped(value: Any, field: str) -> NDArray[Any]:
    """Read a typed array, without a copy of its bytes.

    Raises:
        InvalidMessage: it is not a map of `dtype` and `data` that fit.
    """
    if not isinstance(value, Mapping):
        raise InvalidMessage(field, f"expected a typed array, got {kind_of(value)}")
    dtype = NUMPY_DTYPES.get(value["dtype"]) if isinstance(value.get("dtype"), str) else None
    if dtype is None:
        raise InvalidMessage(f"{field}.dtype", f"{value.get('dtype')!r} is not one of {', '.join(NUMPY_DTYPES)}")
    data = value.get("data")
    if not isinstance(data, bytes | bytearray | memoryview):
        raise InvalidMessage(f"{field}.data", f"expected binary, got {kind_of(data)}")
    if len(data) % dtype.itemsize:
        raise InvalidMessage(f"{field}.data", f"{len(data)} bytes are not whole values of {dtype.itemsize} bytes")
    return np.frombuffer(data, dtype)


def read_column(value: Any, field: str) -> Column:
    """Read one column: a list of numbers, booleans or strings, or a typed array, possibly with `values`.

    Raises:
        InvalidMessage: mixed or unknown types, NaN or infinity, a code outside `values`.
    """
    if isinstance(value, Mapping):
        data = untyped(value, field)
        if value.get("values") is not None:
            values = strings(value["values"], f"{field}.values")
            if data.dtype.kind != "u" or (data.size and int(data.max()) >= len(values)):
                raise InvalidMessage(field, f"codes must be unsigned and below {len(values)}, the length of values")
            return Column(data, values)
        return Column(_finite(data, field))
    if not isinstance(value, list):
        raise InvalidMessage(field, f"expected a list or a typed array, got {kind_of(value)}")
    if value and isinstance(value[0], str):
        codes: dict[str, int] = {}
        data = np.fromiter((codes.setdefault(s, len(codes)) for s in strings(value, field)), np.uint32, len(value))
        return Column(data, list(codes))
    return Column(_finite(_numbers(value, field), field))


def read_columns(value: Any, field: str) -> dict[str, Column]:
    """Read a set of entities, given as rows or as columns; all columns come out equally long.

    Raises:
        InvalidMessage: with the path of the field that is wrong.
        TooLarge: over 1,000,000 rows or 64 columns.
    """
    if isinstance(value, list):
        value = _rows_to_columns(value, field)
    elif not isinstance(value, Mapping):
        raise InvalidMessage(field, f"expected rows (a list of maps) or columns (a map), got {kind_of(value)}")
    if len(value) > MAX_COLUMNS:
        raise TooLarge(field, len(value), MAX_COLUMNS, "columns")
    columns: dict[str, Column] = {}
    length: int | None = None
    for name, raw in value.items():
        a_name(name, field)
        column = read_column(raw, f"{field}.{name}")
        if length is None:
            length = len(column)
            if length > MAX_ROWS:
                raise TooLarge(f"{field}.{name}", length, MAX_ROWS, "rows")
        elif len(column) != length:
            raise InvalidMessage(f"{field}.{name}", f"{len(column)} values where the columns before have {length}")
        columns[name] = column
    return columns


def _rows_to_columns(rows: list[Any], field: str) -> dict[str, list[Any]]:
    if len(rows) > MAX_ROWS:
        raise TooLarge(field, len(rows), MAX_ROWS, "rows")
    if not rows:
        return {"id": []}
    if not isinstance(rows[0], Mapping):
        raise InvalidMessage(f"{field}[0]", f"expected a map, got {kind_of(rows[0])}")
    columns: dict[str, list[Any]] = {name: [] for name in rows[0]}
    for index, row in enumerate(rows):
        if not isinstance(row, Mapping):
            raise InvalidMessage(f"{field}[{index}]", f"expected a map, got {kind_of(row)}")
        if len(row) != len(columns):
            odd = sorted(str(name) for name in columns.keys() ^ row.keys())
            raise InvalidMessage(f"{field}[{index}].{odd[0]}", "every row needs the same fields as the first")
        for name, column in columns.items():
            try:
                column.append(row[name])
            except KeyError:
                raise InvalidMessage(f"{field}[{index}].{name}", "missing; the first row has it") from None
    return columns


def _numbers(value: Sequence[Any], field: str) -> NDArray[Any]:
    if not value:
        return np.empty(0, np.float32)
    try:
        data = np.asarray(value)
    except (ValueError, OverflowError):
        data = np.empty((0, 0))
    if data.ndim != 1 or data.dtype.kind not in "biuf":
        index, item = next(
            ((i, item) for i, item in enumerate(value) if not isinstance(item, int | float)), (0, value[0])
        )
        raise InvalidMessage(f"{field}[{index}]", f"expected a number like the others, got {kind_of(item)}")
    if data.dtype.kind == "b":
        return data.astype(np.uint8)
    return data


def _finite(data: NDArray[Any], field: str) -> NDArray[Any]:
    if data.dtype.kind == "f":
        bad = ~np.isfinite(data)
        if bad.any():
            index = int(np.argmax(bad))
            raise InvalidMessage(f"{field}[{index}]", f"{data[index]} is not a finite number")
    return data
