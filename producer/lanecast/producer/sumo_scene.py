"""A SUMO network as a scene: roads as lines, junctions as areas, signals at their stop lines.

Shapes are read once, from the running simulation, so that no second copy of the network has to be parsed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Signal:
    """One controlled link of a traffic light: where it is shown and which letter of the light's state is its own.

    Attributes:
        id: `LIGHT:INDEX`.
        light: the traffic light's id in SUMO.
        index: into the light's state.
        x: of the stop line, beside the other links of the same lane, in metres.
        y: as `x`.
        angle: the way the traffic drives, in degrees counter-clockwise from the x axis.
    """

    id: str
    light: str
    index: int
    x: float
    y: float
    angle: float


def roads(sumo: Any) -> dict[str, Any]:
    """The wire's `scene`: one line for each edge, as wide as its lanes; one area for each junction."""
    (x0, y0), (x1, y1) = sumo.simulation.getNetBoundary()
    lines, widths, ids = [], [], []
    for edge in edges(sumo):
        lanes = [f"{edge}_{index}" for index in range(sumo.edge.getLaneNumber(edge))]
        lines.append(middle([sumo.lane.getShape(lane) for lane in lanes]))
        widths.append(sum(sumo.lane.getWidth(lane) for lane in lanes))
        ids.append(edge)
    areas = [
        shape
        for junction in sumo.junction.getIDList()
        if not junction.startswith(":") and len(shape := sumo.junction.getShape(junction)) >= 3
    ]
    return {
        "kind": "roads",
        "bounds": [x0, y0, x1, y1],
        "lines": {**_polylines(lines), "width": np.asarray(widths, np.float32), "id": ids},
        "areas": _polylines(areas),
    }


def edges(sumo: Any) -> list[str]:
    """The edges that are roads; those within junctions are not."""
    return [edge for edge in sumo.edge.getIDList() if not edge.startswith(":")]


def signals(sumo: Any) -> list[Signal]:
    """All controlled links; those that share a lane stand beside one another on its stop line."""
    found = []
    for light in sumo.trafficlight.getIDList():
        by_lane: dict[str, list[int]] = {}
        for index, links in enumerate(sumo.trafficlight.getControlledLinks(light)):
            if links:
                by_lane.setdefault(links[0][0], []).append(index)
        for lane, indexes in by_lane.items():
            shape, width = sumo.lane.getShape(lane), sumo.lane.getWidth(lane)
            for place, index in enumerate(indexes):
                aside = ((place + 0.5) / len(indexes) - 0.5) * width
                x, y, angle = at_end(shape, aside)
                found.append(Signal(f"{light}:{index}", light, index, x, y, angle))
    return sorted(found, key=lambda signal: (signal.light, signal.index))


def at_end(shape: Sequence[Point], aside: float) -> tuple[float, float, float]:
    """The last point of a polyline, moved `aside` metres to the left, and its direction there in degrees."""
    (x0, y0), (x, y) = shape[-2], shape[-1]
    heading = math.atan2(y - y0, x - x0)
    return x - math.sin(heading) * aside, y + math.cos(heading) * aside, math.degrees(heading) % 360


def middle(shapes: Sequence[Sequence[Point]]) -> list[Point]:
    """The middle line of lanes that run beside one another."""
    if len({len(shape) for shape in shapes}) == 1:
        points = np.mean([np.asarray(shape) for shape in shapes], axis=0)
        return [(float(x), float(y)) for x, y in points]
    return list(shapes[len(shapes) // 2])


def _polylines(shapes: Sequence[Sequence[Point]]) -> dict[str, Any]:
    lengths = [len(shape) for shape in shapes]
    starts = np.cumsum([0, *lengths[:-1]]) if lengths else np.empty(0)
    points = [coordinate for shape in shapes for point in shape for coordinate in point[:2]]
    return {"points": np.asarray(points, np.float32), "starts": starts.astype(np.uint32)}
