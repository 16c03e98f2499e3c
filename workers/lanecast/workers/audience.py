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
        self._images: dict[tuple[str, str], float] = {}

    def hear(self, demand: Demand, now: float) -> bool:
        """Take a gateway's word; True if its viewers need a keyframe (or the newest pictures) now.

        That is so if they are new, or have asked for it.
        """
        if demand.tier not in SERVED and not demand.images:
            return False
        seats = self._images if demand.images else self._until
        seat = (demand.node, demand.tier)
        if demand.viewers <= 0:
            seats.pop(seat, None)
            return False
        self.expire(now)
        new = seat not in seats
        if new and len(seats) >= MAX_NODES:
            return False
        seats[seat] = now + TTL_S
        return new or demand.key

    def expire(self, now: float) -> None:
        """Forget who has not repeated its demand in time."""
        for seats in (self._until, self._images):
            for seat in [seat for seat, until in seats.items() if until <= now]:
                del seats[seat]

    @property
    def tiers(self) -> frozenset[str]:
        """The tiers that somebody watches."""
        return frozenset(tier for _, tier in self._until)

    @property
    def image_tiers(self) -> frozenset[str]:
        """The tiers in which somebody watches the cameras."""
        return frozenset(tier for _, tier in self._images)

    @property
    def deadline(self) -> float:
        """When the next demand runs out; infinity if there is none."""
        return min((*self._until.values(), *self._images.values()), default=float("inf"))
