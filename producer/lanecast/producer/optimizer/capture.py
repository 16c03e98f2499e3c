"""What an optimizer hands over -> the layers and metrics of a frame. Pure.

Components come as columns, as rows (maps) or as objects with attributes, under the names that such programs use:
`id` (or `ref`, `reference`, `name`), `x`, `y`, `angle` (or `rotation`, degrees counter-clockwise), `length` along the
angle and `width` across it. A `height` without a `length` means that `width` is along and `height` across.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from lanecast.broker.errors import InvalidMessage

COMPONENTS: Final = "components"
FORCES: Final = "forces"
NO_MODULE: Final = "-"

_ALIASES: Final[dict[str, tuple[str, ...]]] = {
    "id": ("id", "ref", "reference", "name"),
    "x": ("x",),
    "y": ("y",),
    "angle": ("angle", "rotation"),
    "length": ("length",),
    "width": ("width",),
    "height": ("height",),
    "module": ("module",),
}
_NEEDED: Final = ("id", "x", "y")

Columns = dict[str, Any]


def component_columns(components: Any, modules: Mapping[Any, str] | None = None) -> Columns:
    """The columns of the layer `components`; `modules` maps an id to the module that it is coloured by.

    Raises:
        InvalidMessage: something that every component needs is missing; the field says which.
    """
    columns = _columns(components)
    for name in _NEEDED:
        if name not in columns:
            known = " or ".join(_ALIASES[name])
            raise InvalidMessage(f"{COMPONENTS}.{name}", f"missing; every component needs {known}")
    if "height" in columns:
        height = columns.pop("height")
        if "length" not in columns and "width" in columns:
            columns["length"], columns["width"] = columns["width"], height
    if modules is not None:
        columns["module"] = [str(modules.get(id_, NO_MODULE)) for id_ in _plain(columns["id"])]
    return columns


def force_columns(forces: Any, components: Columns) -> Columns:
    """The columns of the layer `forces`: from id -> (fx, fy), a vector at its component, or from rows or columns.

    Raises:
        InvalidMessage: a force is of no component, or is not a pair.
    """
    if not isinstance(forces, Mapping) or {"fx", "fy"} <= forces.keys():
        columns = _columns(forces, ("id", "x", "y", "fx", "fy"))
        missing = [name for name in ("id", "fx", "fy") if name not in columns]
        if missing:
            raise InvalidMessage(f"{FORCES}.{missing[0]}", "missing; expected id -> (fx, fy), or rows with id, fx, fy")
        if "x" in columns and "y" in columns:
            return columns
        vectors = zip(_plain(columns["fx"]), _plain(columns["fy"]), strict=True)
        forces = dict(zip(_plain(columns["id"]), vectors, strict=True))
    ids = _plain(components["id"])
    where = dict(zip(ids, zip(_plain(components["x"]), _plain(components["y"]), strict=True), strict=True))
    result: Columns = {"id": [], "x": [], "y": [], "fx": [], "fy": []}
    for id_, vector in forces.items():
        if id_ not in where:
            raise InvalidMessage(f"{FORCES}.{id_}", "there is no such component")
        try:
            fx, fy = vector
        except (TypeError, ValueError):
            raise InvalidMessage(f"{FORCES}.{id_}", f"expected (fx, fy), got {vector!r:.60}") from None
        for name, value in zip(result, (id_, *where[id_], fx, fy), strict=True):
            result[name].append(value)
    return result


def frame_metrics(**given: float | None) -> dict[str, float]:
    """Those that were given, by name."""
    return {name: float(value) for name, value in given.items() if value is not None}


def outline_scene(outline: Sequence[Sequence[float]]) -> dict[str, Any]:
    """The scene of a board with one outline: points (x, y) in scene units, at least three.

    Raises:
        InvalidMessage: it has fewer.
    """
    if len(outline) < 3:
        raise InvalidMessage("outline", f"{len(outline)} points are no area; expected three or more")
    xs, ys = ([float(point[axis]) for point in outline] for axis in (0, 1))
    flat = [value for pair in zip(xs, ys, strict=True) for value in pair]
    return {
        "kind": "board",
        "bounds": [min(xs), min(ys), max(xs), max(ys)],
        "areas": {"points": flat, "starts": [0]},
    }


def _columns(given: Any, names: Iterable[str] = ()) -> Columns:
    wanted = {name: (name,) for name in names} or _ALIASES
    if isinstance(given, Mapping):
        found = {name: _first(given, aliases) for name, aliases in wanted.items()}
        columns = {name: given[key] for name, key in found.items() if key is not None}
        used = {key for key in found.values() if key is not None}
        if names:
            return columns
        return columns | {name: value for name, value in given.items() if name not in used and name not in columns}
    rows = list(given)
    if not rows:
        return {name: [] for name in (names or _NEEDED)}
    first = rows[0] if isinstance(rows[0], Mapping) else _Attributes(rows[0])
    result: Columns = {}
    for name, aliases in wanted.items():
        key = _first(first, aliases)
        if key is not None:
            try:
                result[name] = [row[key] if isinstance(row, Mapping) else getattr(row, key) for row in rows]
            except (KeyError, AttributeError):
                raise InvalidMessage(f"{COMPONENTS}.{name}", "every row needs the same fields as the first") from None
    return result


class _Attributes:
    """`in` for attributes, so that an object is looked at like a map."""

    def __init__(self, thing: Any) -> None:
        self._thing = thing

    def __contains__(self, name: str) -> bool:
        return getattr(self._thing, name, None) is not None


def _first(container: Any, names: Iterable[str]) -> str | None:
    return next((name for name in names if name in container), None)


def _plain(column: Any) -> list[Any]:
    return column.tolist() if hasattr(column, "tolist") else list(column)
