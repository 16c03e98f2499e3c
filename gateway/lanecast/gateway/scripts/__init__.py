"""Lua scripts that only gateways call; they read and change nothing."""

from __future__ import annotations

from typing import Final

from lanecast.broker.scripts import load

SNAPSHOT: Final = load(__name__, "snapshot")
