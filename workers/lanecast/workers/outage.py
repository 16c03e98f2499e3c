"""Redis is away: said once when it goes and once when it is back, however many runs notice."""

from __future__ import annotations

import math
import time
from typing import Final

import redis
import structlog

from lanecast.broker import connect
from lanecast.broker.backoff import Backoff
from lanecast.workers.stats import Stats

log = structlog.get_logger()

LONGEST_S: Final = 0.5
FIRST_S: Final = 0.02
SETTLE_S: Final = 1.0
_REFUSALS: Final = (
    "MISCONF",
    "NOREPLICAS",
    "MASTERDOWN",
    "CLUSTERDOWN",
    "TRYAGAIN",
    "LOADING",
    "UNBLOCKED",
    "READONLY",
    "OOM",
    "BUSY ",
)


def is_transient(error: Exception) -> bool:
    """Whether the same call may work later: the server is away, fails over, loads, or cannot write now."""
    if isinstance(error, connect.TRANSIENT):
        return True
    return isinstance(error, redis.ResponseError) and str(error).startswith(_REFUSALS)


def backoff() -> Backoff:
    """How a worker waits for its server: briefly, for its leases run out."""
    return Backoff(FIRST_S, LONGEST_S)


class Outage:
    """Shared by all of a process that talk to one server.

    Right after the server is back some connections still find out that they were cut; that is no second outage unless
    it lasts.
    """

    def __init__(self, stats: Stats) -> None:
        self._stats = stats
        self._since: float | None = None
        self._back_at = -math.inf
        self._told = False

    def down(self, error: Exception) -> None:
        """A call has failed."""
        now = time.monotonic()
        if self._since is None:
            self._since = now
        if not self._told and (now - self._back_at > SETTLE_S or now - self._since > SETTLE_S):
            self._told = True
            self._stats.add("outages")
            log.warning("redis_away", error=str(error))

    def up(self) -> None:
        """A call has worked."""
        if self._since is None:
            return
        now = time.monotonic()
        if self._told:
            log.info("redis_back", after_s=round(now - self._since, 3))
            self._back_at = now
        self._since, self._told = None, False
