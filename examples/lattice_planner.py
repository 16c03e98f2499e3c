"""A small lattice planner for a straight road with lanes: tries each lane at several speeds, takes the cheapest.

Others are expected to keep lane and speed. Units: metres, seconds; x along the road, y across it.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

HORIZON_S = 4.0
STEP_S = 0.2
CHANGE_S = 2.5
"""So long a change of lane takes."""


@dataclass(frozen=True)
class Car:
    """A vehicle: middle, speed along the road, size."""

    x: float
    y: float
    speed: float
    length: float = 5.0
    width: float = 2.0


@dataclass(frozen=True)
class Plan:
    """What was chosen: `points` are (x, y) every STEP_S from now, `clear` says that no collision is foreseen."""

    lane: int
    speed: float
    points: tuple[tuple[float, float], ...]
    cost: float
    clear: bool


def plan(ego: Car, others: Sequence[Car], lanes: Sequence[float], desired_speed: float, caution: float) -> Plan:
    """The cheapest way on; `lanes` are the y of their middles, `caution` scales the distance that is kept."""
    here = min(range(len(lanes)), key=lambda lane: abs(lanes[lane] - ego.y))
    near = [lane for lane in (here - 1, here, here + 1) if 0 <= lane < len(lanes)]
    speeds = sorted({max(0.0, ego.speed + change) for change in (-10, -5, -2, 0, 2, 5)} | {desired_speed})
    plans = [
        _judged(ego, others, lane, lanes[lane], speed, desired_speed, caution, changes=lane != here)
        for lane, speed in itertools.product(near, speeds)
    ]
    return min(plans, key=lambda candidate: candidate.cost)


def _judged(
    ego: Car,
    others: Sequence[Car],
    lane: int,
    y: float,
    speed: float,
    desired_speed: float,
    caution: float,
    *,
    changes: bool,
) -> Plan:
    points = tuple(_points(ego, y, speed))
    gap = min(
        (_gap(point, ego, other, number) for number, point in enumerate(points, 1) for other in others), default=99.0
    )
    wanted = caution * (4.0 + 0.5 * ego.speed)
    danger = max(0.0, 1.0 - gap / wanted)
    cost = abs(desired_speed - speed) + 40 * danger**2 + (1.5 if changes else 0.0) + 0.15 * abs(speed - ego.speed)
    clear = gap > 0.5
    return Plan(lane, speed, points, cost + (0 if clear else 1000 - 10 * min(0.0, gap)), clear)


def _points(ego: Car, y: float, speed: float) -> list[tuple[float, float]]:
    points, x = [], ego.x
    for number in range(1, round(HORIZON_S / STEP_S) + 1):
        now_s = number * STEP_S
        reached = speed + (ego.speed - speed) * math.exp(-now_s / 1.0)
        x += reached * STEP_S
        part = min(1.0, now_s / CHANGE_S)
        blend = part**3 * (10 - 15 * part + 6 * part**2)  # no jerk at either end
        points.append((x, ego.y + (y - ego.y) * blend))
    return points


def _gap(point: tuple[float, float], ego: Car, other: Car, number: int) -> float:
    """Metres free along the road beside a point of the plan; 99 if the other is in no common lane."""
    if abs(point[1] - other.y) > (ego.width + other.width) / 2 + 0.6:
        return 99.0
    ahead = other.x + other.speed * number * STEP_S - point[0]
    # What comes from behind can brake, too.
    return abs(ahead) - (ego.length + other.length) / 2 + (8.0 if ahead < 0 and other.x < ego.x else 0.0)
