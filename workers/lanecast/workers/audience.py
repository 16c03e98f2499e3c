"""Who watches which tier of one run. Pure.

Gateways repeat their demand every second; one that has not been heard of for `demand.TTL_S` watches nothing any more.
"""

from __future__ import annotations

from lanecast.broker.demand import TTL_S, Demand
from lanecast.broker.tiers import SERVED

MAX_NODES = 1_024


class Audience:
    """The demand for one run's tiers; times are seconds of a monotonic clock."""

    def __init__(self) -> None:
        self._until: dict[tuple[str, str], float] = {}

    def hear(self, demand: Demand, now: float) -> bool:
        """Take a gateway's word; True if its viewers need a keyframe now, being new or having asked for one."""
        if demand.tier not in SERVED:
            return False
        seat = (demand.node, demand.tier)
        if demand.viewers <= 0:
            self._until.pop(seat, None)
            return False
        self.expire(now)
        new = seat not in self._until
        if new and len(self._until) >= MAX_NODES:
            return False
        self._until[seat] = now + TTL_S
        return new or demand.key

    def expire(self, now: float) -> None:
        """Forget who has not repeated its demand in time."""
        for seat in [seat for seat, until in self._until.items() if until <= now]:
            del self._until[seat]

    @property
    def tiers(self) -> frozenset[str]:
        """The tiers that somebody watches."""
        return frozenset(tier for _, tier in self._until)

    @property
    def deadline(self) -> float:
        """When the next demand runs out; infinity if there is none."""
        return min(self._until.values(), default=float("inf"))
