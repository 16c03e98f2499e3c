"""Ports for the figures of several processes on one machine. Pure but for the environment."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Final

from lanecast.ops.supervise import Part

VARIABLE: Final = "LANECAST_METRICS_PORT"


def numbered(parts: list[Part]) -> list[Part]:
    """The parts, each with the next port from LANECAST_METRICS_PORT on; as they are if that is not set, or 0."""
    text = os.environ.get(VARIABLE, "")
    first = int(text) if text.isdigit() else 0
    return [_at(part, first + n) for n, part in enumerate(parts)] if first else parts


def _at(part: Part, port: int) -> Part:
    return replace(part, env=lambda life: {**part.env(life), VARIABLE: str(port)})
