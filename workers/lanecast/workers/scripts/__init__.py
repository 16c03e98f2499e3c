"""Lua scripts that only workers call; they read and change nothing."""

from __future__ import annotations

from typing import Final

from lanecast.broker.scripts import load

SURVEY: Final = load(__name__, "survey")
NEWEST: Final = load(__name__, "newest")
