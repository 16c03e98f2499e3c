"""One layer's entities: the latest state as columns, with stable numbers for string ids. Pure.

An entity keeps its row as long as it is there: one who leaves is replaced by the last row, one who comes is appended,
in whatever order a producer names them. The chains of all tiers keep their rows by the same rule (`broker.rows`), and
find columns that have not changed by their identity.

A `LayerTable` computes what a frame makes of the layer without changing it (`replaced`, `updated`); the owner
assigns the outcome to `state` once the whole frame has been found good. Arrays are never changed in place: a snapshot
stays what it was.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lanecast.broker.columns import Column
from lanecast.broker.errors import InvalidMessage, TooLarge
from lanecast.broker.layers import ANGLES, POSITIONS, SPEEDS, LayerState, rows_of
from lanecast.broker.payloads import Layer
from lanecast.broker.rows import follow, swap_remove
from lanecast.workers.limits import Limits

Ids = NDArray[np.uint32]
SLACK: Final = 4_096
"""Strings or names beyond twice those in use after which the ones that nobody uses are let go."""


class Dictionary:
    """The strings of one column, each with a code; it only grows, so codes keep their meaning until it is rebuilt."""

    __slots__ = ("codes", "values")

    def __init__(self, values: list[str] | None = None) -> None:
        self.values: list[str] = [] if values is None else values
        self.codes: dict[str, int] = {value: code for code, value in enumerate(self.values)}

    def code(self, value: str) -> int:
        """The code of one string."""
        code = self.codes.get(value)
        if code is None:
            code = self.codes[value] = len(self.values)
            self.values.append(value)
        return code

    def encode(self, column: Column) -> NDArray[np.uint32]:
        """A column's codes in this dictionary; strings that the column only mentions are not taken in."""
        table = np.zeros(len(column.values or ()), np.uint32)
        for used in np.flatnonzero(np.bincount(column.data, minlength=0)).tolist():
            table[used] = self.code((column.values or [])[used])
        codes: NDArray[np.uint32] = table[column.data]
        return codes


class LayerTable:
    """One layer of a run.

    Attributes:
        state: the entities now; assign what `replaced` or `updated` returned to make it so.
        generation: rises when something was renumbered, so that only a keyframe tells viewers the truth.
        producer: who published the layer; '' for one without a name.
        next_number: the number that the next new string id gets; numbers are not used again.
    """

    def __init__(self, name: str, limits: Limits, producer: str = "") -> None:
        self.name = name
        self.producer = producer
        self.state = LayerState(np.empty(0, np.uint32), {})
        self.generation = 0
        self.next_number = 0
        self._limits = limits
        self._numbers: dict[str, int] = {}
        self._dictionaries: dict[str, Dictionary] = {}

    @classmethod
    def restored(
        cls, name: str, limits: Limits, producer: str, state: LayerState, next_number: int, generation: int
    ) -> LayerTable:
        """A table with the state of a checkpoint."""
        table = cls(name, limits, producer)
        table.state, table.next_number, table.generation = state, next_number, generation
        if state.names is not None:
            table._numbers = dict(zip(state.names, state.ids.tolist(), strict=True))
        table._dictionaries = {
            key: Dictionary(column.values) for key, column in state.columns.items() if column.values is not None
        }
        return table

    def replaced(self, layer: Layer) -> LayerState:
        """What a full frame makes of the layer.

        Raises:
            TooLarge: a column has more different strings than the limit.
        """
        if not len(layer):
            return self._emptied(layer)
        self._make_room(len(layer))
        ids, names = self._identify(layer.ids)
        before = self.state
        step = follow(before.ids, ids)
        ids = before.ids if step.stands else step.ids
        if step.order is not None and names is not None:
            names = [names[row] for row in step.order.tolist()]
        columns = {
            key: self._replaced_column(key, column, before.columns.get(key), step.order)
            for key, column in layer.columns.items()
        }
        for key in self._dictionaries.keys() - {key for key, column in columns.items() if column.values is not None}:
            del self._dictionaries[key]
        return LayerState(ids, columns, names)

    def updated(self, layer: Layer | None, gone: Ids | list[str] | None) -> LayerState:
        """What a partial frame makes of the layer: `gone` leave, then those of `layer` change or join.

        Somebody who joins without a column that the layer has gets 0 (or an empty string) there.

        Raises:
            InvalidMessage: ids or a column are of another kind than the layer's.
            TooLarge: a column has more different strings than the limit.
        """
        self._make_room(0 if layer is None else len(layer))
        state = self.state
        if gone is not None and len(gone):
            state = self._without(state, gone)
        if layer is None or not len(layer):
            return state
        if len(state.ids) and (state.names is None) != isinstance(layer.ids, np.ndarray):
            kinds = ("integers", "strings") if state.names is None else ("strings", "integers")
            raise InvalidMessage(
                f"layers.{self.name}.id", f"the layer's ids are {kinds[0]}, a partial frame's {kinds[1]}"
            )
        ids, names = self._identify(layer.ids)
        rows, fresh = _places(state.ids, ids)
        n = len(state.ids) + int(fresh.sum())
        columns = {
            key: self._updated_column(key, state.columns.get(key), layer.columns.get(key), rows, n)
            for key in {**state.columns, **layer.columns}
        }
        joined = None
        if names is not None:
            joined = [*(state.names or []), *(names[row] for row in np.flatnonzero(fresh).tolist())]
        return LayerState(np.concatenate([state.ids, ids[fresh]]) if fresh.any() else state.ids, columns, joined)

    def tidy(self) -> None:
        """Let go of names and strings that nobody uses any more, once they are many."""
        names = self.state.names
        if len(self._numbers) > 2 * len(names or ()) + SLACK:
            self._numbers = dict(zip(names or (), self.state.ids.tolist(), strict=True))
        for key, dictionary in list(self._dictionaries.items()):
            column = self.state.columns.get(key)
            if column is None or column.values is None or len(dictionary.values) <= SLACK:
                continue
            in_use = int(np.count_nonzero(np.bincount(column.data)))
            if len(dictionary.values) > 2 * in_use + SLACK:
                fresh = Dictionary()
                self._dictionaries[key] = fresh
                columns = {**self.state.columns, key: Column(fresh.encode(column), fresh.values)}
                self.state = LayerState(self.state.ids, columns, names)
                self.generation += 1

    def _emptied(self, layer: Layer) -> LayerState:
        """Nobody is there: what the layer's columns are is still known, so viewers need no new keyframe for it."""
        if self.state.columns or not layer.columns:
            none = np.empty(0, np.intp)
            columns = {key: Column(column.data[none], column.values) for key, column in self.state.columns.items()}
            return LayerState(self.state.ids[none], columns, None if self.state.names is None else [])
        columns = {key: self._replaced_column(key, column, None) for key, column in layer.columns.items()}
        return LayerState(np.empty(0, np.uint32), columns)

    def _identify(self, ids: Ids | list[str]) -> tuple[Ids, list[str] | None]:
        if isinstance(ids, np.ndarray):
            return ids, None
        numbers = self._numbers
        found = [numbers.get(name) for name in ids]
        if None in found:
            for row, number in enumerate(found):
                if number is None:
                    found[row] = numbers[ids[row]] = self.next_number
                    self.next_number += 1
        return np.array(found, np.uint32), ids

    def _make_room(self, joining: int) -> None:
        """After four billion names the numbers begin again; viewers are told by a keyframe."""
        if self.next_number + joining <= 0xFFFFFFFF:
            return
        names = self.state.names or []
        self._numbers = {name: number for number, name in enumerate(names)}
        self.next_number = len(names)
        if self.state.names is not None:
            self.state = LayerState(np.arange(len(names), dtype=np.uint32), self.state.columns, names)
        self.generation += 1

    def _replaced_column(
        self, key: str, column: Column, before: Column | None, order: NDArray[np.intp] | None = None
    ) -> Column:
        """The column in the table's rows; the one that was there before if nothing in it is another."""
        now = Column(_natural(key, column.data, before)) if column.values is None else self._coded(key, column)
        if order is not None:
            now.data = now.data[order]
        if before is not None and before.values is now.values and before.data.dtype == now.data.dtype:
            return before if np.array_equal(before.data, now.data) else now
        return now

    def _coded(self, key: str, column: Column) -> Column:
        dictionary = self._dictionaries.setdefault(key, Dictionary())
        codes = dictionary.encode(column)
        if len(dictionary.values) > 2 * self._limits.strings:
            self._dictionaries[key] = dictionary = Dictionary()
            self.generation += 1
            codes = dictionary.encode(column)
            if len(dictionary.values) > self._limits.strings:
                path, size = f"layers.{self.name}.{key}", len(dictionary.values)
                raise TooLarge(path, size, self._limits.strings, "different strings")
        return Column(codes, dictionary.values)

    def _updated_column(
        self, key: str, before: Column | None, column: Column | None, rows: NDArray[np.intp], n: int
    ) -> Column:
        path = f"layers.{self.name}.{key}"
        if before is not None and column is not None and (before.values is None) != (column.values is None):
            kinds = ("numbers", "strings") if before.values is None else ("strings", "numbers")
            raise InvalidMessage(path, f"the layer holds {kinds[0]} there, a partial frame {kinds[1]}")
        if any(known is not None and known.values is not None for known in (before, column)):
            return self._updated_strings(key, before, column, rows, n)
        old = np.empty(0, np.uint8) if before is None else before.data
        if column is None:
            return Column(_extended(old, n, old.dtype, 0))
        data = _natural(key, column.data, before)
        base = _extended(old, n, np.result_type(old.dtype, data.dtype) if before is not None else data.dtype, 0)
        base[rows] = data
        return Column(base)

    def _updated_strings(
        self, key: str, before: Column | None, column: Column | None, rows: NDArray[np.intp], n: int
    ) -> Column:
        dictionary = self._dictionaries.setdefault(key, Dictionary())
        codes = None if column is None else dictionary.encode(column)
        if len(dictionary.values) > 2 * self._limits.strings:
            raise TooLarge(
                f"layers.{self.name}.{key}", len(dictionary.values), 2 * self._limits.strings, "different strings"
            )
        old = np.empty(0, np.uint32) if before is None else before.data
        filler = dictionary.code("") if len(old) < n else 0
        base = _extended(old, n, np.dtype(np.uint32), filler)
        if codes is not None:
            base[rows] = codes
        return Column(base, dictionary.values)

    def _without(self, state: LayerState, gone: Ids | list[str]) -> LayerState:
        if isinstance(gone, list):
            numbers = self._numbers
            left = [numbers[name] for name in gone if name in numbers] if state.names is not None else []
            gone = np.array(left, np.uint32)
        elif state.names is not None:
            raise InvalidMessage(f"gone.{self.name}", "the layer's ids are strings")
        rows = rows_of(state.ids, gone)
        drop = np.unique(rows[rows >= 0])[::-1]
        if not drop.size:
            return state
        keep = swap_remove(len(state.ids), drop)
        names = state.names
        columns = {key: Column(column.data[keep], column.values) for key, column in state.columns.items()}
        return LayerState(state.ids[keep], columns, None if names is None else [names[row] for row in keep.tolist()])


def _natural(key: str, data: NDArray[Any], before: Column | None) -> NDArray[Any]:
    """Numbers in the dtype that the layer keeps them in: once floats, always floats (JSON writes 1.0 as 1)."""
    if key in POSITIONS:
        return data.astype(np.float64)
    if data.dtype.kind == "f":
        return data
    if key in ANGLES or key in SPEEDS:
        return data.astype(np.float64)
    if before is not None and before.values is None and before.data.dtype.kind == "f":
        return data.astype(np.float64)
    return data


def _places(ids: Ids, wanted: Ids) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """For each of `wanted` its row in `ids`, or a row after the last; and who is not in `ids`."""
    rows = rows_of(ids, wanted)
    fresh = rows < 0
    rows[fresh] = np.arange(len(ids), len(ids) + int(fresh.sum()))
    return rows, fresh


def _extended(data: NDArray[Any], n: int, dtype: np.dtype[Any], filler: int) -> NDArray[Any]:
    base = np.full(n, filler, dtype)
    base[: len(data)] = data
    return base


def schema(state: LayerState) -> dict[str, dict[str, str | None]]:
    """What a layer's columns are, for the run's info: `{NAME: {dtype, unit}}`."""
    units: Mapping[str, str] = {
        **dict.fromkeys(POSITIONS, "m"), **dict.fromkeys(ANGLES, "deg"), **dict.fromkeys(SPEEDS, "m/s"),
    }  # fmt: skip
    return {
        key: {
            "dtype": "str" if column.values is not None else {"i8": "i4", "u8": "u4"}.get(kind, kind),
            "unit": units.get(key),
        }
        for key, column in state.columns.items()
        for kind in (column.data.dtype.str[1:],)
    }


def with_units(schema: dict[str, dict[str, Any]], units: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, Any]]:
    """Layers and their columns as `schema` says, with the units that producers have stated in place of the usual."""
    for layer, named in units.items():
        columns = schema.get(layer, {"columns": {}})["columns"]
        for name in named.keys() & columns.keys():
            columns[name]["unit"] = named[name]
    return schema
