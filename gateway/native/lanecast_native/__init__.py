"""Lanecast's native writer: one frame to many sockets, without the GIL."""

from lanecast_native._broadcast import broadcast, waiting

__all__ = ["broadcast", "waiting"]
