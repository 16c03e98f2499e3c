"""The shapes in which a simulation may hold a set of entities -> columns, not copied and not checked. Pure.

Rows: a sequence of maps, of dataclasses or of named tuples. Columns: a map, one dataclass whose fields are columns, a
structured NumPy array, a DataFrame of pandas or polars. Libraries are known by what their objects can do, not imported.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import Any, Final

from lanecast.broker.checks import kind_of
from lanecast.broker.errors import InvalidMessage

KNOWN: Final = "rows (a list of maps or dataclasses) or columns (a map, a dataclass, a DataFrame)"


def columns_of(value: Any, path: str) -> Mapping[Any, Any]:
    """Name -> column of whatever holds the entities.

    A DataFrame without a column `id` has its index for one. Rows must all have the fields of the first.

    Raises:
        InvalidMessage: it is nothing that is known, or a row has other fields; `path` leads there.
    """
    if isinstance(value, Mapping):
        return value
    if names := getattr(getattr(value, "dtype", None), "names", None):
        return {name: value[name] for name in names}
    if hasattr(value, "columns") and hasattr(value, "to_numpy"):
        return _of_table(value)
    if fields := _fields(type(value)):  # also a named tuple of columns, which is a sequence
        return {name: getattr(value, name) for name in fields}
    return _of_rows(value, path)


def _of_table(table: Any) -> dict[Any, Any]:
    columns = {name: table[name].to_numpy() for name in table.columns}
    if "id" not in columns and hasattr(table, "index"):
        return {"id": table.index.to_numpy(), **columns}
    return columns


def _of_rows(rows: Any, path: str) -> dict[Any, list[Any]]:
    if not isinstance(rows, Sequence) or isinstance(rows, str | bytes):
        raise InvalidMessage(path, f"expected {KNOWN}, got {kind_of(rows)}")
    if not rows:
        return {"id": []}
    if fields := _fields(type(rows[0])):
        return _of_records(rows, fields, path)
    try:
        if set(map(len, rows)) == {len(rows[0])}:
            return {name: [row[name] for row in rows] for name in rows[0]}
    except (TypeError, KeyError, IndexError):
        pass  # something is wrong: find out where
    for index, row in enumerate(rows):
        if not isinstance(row, Mapping):
            raise InvalidMessage(f"{path}[{index}]", f"expected a map, got {kind_of(row)}")
        if row.keys() != rows[0].keys():
            odd = sorted(str(name) for name in rows[0].keys() ^ row.keys())
            raise InvalidMessage(f"{path}[{index}].{odd[0]}", "every row needs the same fields as the first")
    raise InvalidMessage(path, f"expected {KNOWN}")


def _of_records(rows: Sequence[Any], fields: tuple[str, ...], path: str) -> dict[Any, list[Any]]:
    kind = type(rows[0])
    for index, row in enumerate(rows):
        if type(row) is not kind:
            raise InvalidMessage(f"{path}[{index}]", f"expected a {kind.__name__} like the first, got {kind_of(row)}")
    return {name: list(map(attrgetter(name), rows)) for name in fields}


def _fields(kind: type) -> tuple[str, ...]:
    """The fields of a class of dataclasses or named tuples; empty for any other."""
    if dataclasses.is_dataclass(kind):
        return tuple(field.name for field in dataclasses.fields(kind))
    return tuple(kind._fields) if issubclass(kind, tuple) and hasattr(kind, "_fields") else ()
