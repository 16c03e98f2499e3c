"""One step of a driving simulation, and how to read it from what planners and simulators hand to callbacks. Pure.

Understood are maps and objects with attributes, under the names that such programs use: `x`, `y` (or `center`, or
`rear_axle`, with these), `angle` in degrees or `heading` in radians, `speed`, `length`, `width`, `id` (or
`track_token`, `token`), `type` (or `tracked_object_type`).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from lanecast.broker.errors import InvalidMessage

EGO: Final = "ego"
OBJECTS: Final = "objects"
TRAJECTORY: Final = "trajectory"
CAR: Final = {"length": 4.6, "width": 1.9}
_PARTS: Final = ("", "center", "rear_axle", "car_footprint", "box", "dynamic_car_state")
_MISSING: Final = object()


@dataclass(slots=True)
class DrivingState:
    """What is shown of one step.

    Attributes:
        ego: the vehicle that is planned for.
        objects: what it has tracked, or what is around it.
        trajectory: planned points: (x, y, …) or things with `x` and `y`, the next one first.
        time_s: simulation seconds; None: the callback's `step_s` for each step.
        step: number of the step; None: counted.
        images: camera -> picture, as `Run.image` takes it.
        metrics: more numbers to show.
    """

    ego: Any
    objects: Iterable[Any] = ()
    trajectory: Iterable[Any] = ()
    time_s: float | None = None
    step: int | None = None
    images: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)


def read_sample(_setup: Any, _planner: Any, sample: Any) -> DrivingState:
    """The state in what `on_step_end` gets: a `DrivingState`, a map or an object with its names, or a history sample.

    A history sample has `ego_state`, `observation.tracked_objects`, `trajectory.get_sampled_trajectory()` and
    `iteration` with `index` and `time_s`.

    Raises:
        InvalidMessage: there is no ego in it.
    """
    if isinstance(sample, DrivingState):
        return sample
    ego = _get(sample, "ego", "ego_state")
    if ego is None:
        raise InvalidMessage("sample.ego", "missing; give a DrivingState, or a `state` function that makes one")
    objects = _get(sample, "objects", "tracked_objects", "observation")
    while (inside := _get(objects, "tracked_objects")) is not None:
        objects = inside
    trajectory = _get(sample, "trajectory")
    if hasattr(trajectory, "get_sampled_trajectory"):
        trajectory = trajectory.get_sampled_trajectory()
    iteration = _get(sample, "iteration")
    return DrivingState(
        ego,
        () if objects is None else objects,
        () if trajectory is None else trajectory,
        _get(sample, "time_s") if iteration is None else _get(iteration, "time_s"),
        _get(sample, "step") if iteration is None else _get(iteration, "index"),
        _get(sample, "images") or {},
        _get(sample, "metrics") or {},
    )


def layers_of(state: DrivingState) -> dict[str, dict[str, list[Any]]]:
    """The layers `ego`, `objects` and `trajectory` as columns.

    Raises:
        InvalidMessage: with the path of what is missing, such as `objects[3].x`.
    """
    return {
        EGO: _columns([_vehicle(state.ego, EGO, EGO)]),
        OBJECTS: _columns([_vehicle(thing, f"{OBJECTS}[{n}]", n) for n, thing in enumerate(state.objects)]),
        TRAJECTORY: _path(state.trajectory),
    }


def roads_scene(
    lanes: Sequence[Sequence[Sequence[float]]], *, width: float = 4.0, bounds: Sequence[float] | None = None
) -> dict[str, Any]:
    """The scene of lanes, each a list of points (x, y) along its middle; widths in metres."""
    points = [[float(point[0]), float(point[1])] for lane in lanes for point in lane]
    starts, total = [], 0
    for lane in lanes:
        starts.append(total)
        total += len(lane)
    if bounds is None:
        xs, ys = [point[0] for point in points], [point[1] for point in points]
        bounds = [min(xs) - width, min(ys) - width, max(xs) + width, max(ys) + width]
    flat = [value for point in points for value in point]
    ids = [f"lane-{number}" for number in range(len(lanes))]
    lines = {"points": flat, "starts": starts, "width": [width] * len(lanes), "id": ids}
    return {"kind": "roads", "bounds": list(map(float, bounds)), "lines": lines}


def _vehicle(thing: Any, where: str, number: Any) -> dict[str, Any]:
    row: dict[str, Any] = {}
    token = _find(thing, "id", "track_token", "token")
    row["id"] = str(number if token is _MISSING else token)
    for axis in ("x", "y"):
        value = _find(thing, axis)
        if value is _MISSING:
            raise InvalidMessage(f"{where}.{axis}", "missing; a vehicle needs x and y")
        row[axis] = float(value)
    angle, heading = _find(thing, "angle"), _find(thing, "heading")
    row["angle"] = float(angle) if angle is not _MISSING else math.degrees(0.0 if heading is _MISSING else heading)
    speed = _find(thing, "speed")
    row["speed"] = 0.0 if speed is _MISSING else float(speed() if callable(speed) else speed)
    for name, usual in CAR.items():
        value = _find(thing, name)
        row[name] = usual if value is _MISSING else float(value)
    kind = _find(thing, "type", "tracked_object_type")
    row["type"] = EGO if where == EGO else "vehicle" if kind is _MISSING else str(getattr(kind, "name", kind)).lower()
    return row


def _columns(rows: list[dict[str, Any]]) -> dict[str, list[Any]]:
    if not rows:
        return {"id": []}
    return {name: [row[name] for row in rows] for name in rows[0]}


def _path(points: Iterable[Any]) -> dict[str, list[Any]]:
    xs, ys = [], []
    for number, point in enumerate(points):
        x, y = _find(point, "x"), _find(point, "y")
        if x is _MISSING or y is _MISSING:
            try:
                x, y = point[0], point[1]
            except (TypeError, IndexError, KeyError):
                raise InvalidMessage(f"{TRAJECTORY}[{number}]", f"expected (x, y), got {point!r:.60}") from None
        xs.append(float(x))
        ys.append(float(y))
    return {"id": list(range(len(xs))), "x": xs, "y": ys, "path": [1] * len(xs)} if xs else {"id": []}


def _get(thing: Any, *names: str) -> Any:
    """The first of these fields or attributes that is there and not None; else None."""
    for name in names:
        value = thing.get(name) if isinstance(thing, Mapping) else getattr(thing, name, None)
        if value is not None:
            return value
    return None


def _find(thing: Any, *names: str) -> Any:
    """As `_get`, also in the parts that such objects are made of; else _MISSING."""
    for part in _PARTS:
        inside = thing if not part else _get(thing, part)
        if inside is not None and (value := _get(inside, *names)) is not None:
            return value
    return _MISSING
