"""What is known of one viewer's link: how fast it drains, how long its way is. Pure; bytes and seconds are handed in.

Two figures, for they are learnt in different ways. `limit` is what the link carried while something always waited for
it: it could not do better. `proven` is what it was seen to carry, waiting or not: it can do at least that. A viewer of
a small tier proves little; that is why `probe` sends padding before anybody is put on a larger one.
"""

from __future__ import annotations

import math
from typing import Final

BUSY_S: Final = 0.25
"""Something must have waited for so long before a drain rate is believed: acknowledgements come in lumps."""
GAP_S: Final = 0.1
"""Samples further apart say nothing of what was between them."""
GOODPUT_S: Final = 0.5
IDLE_S: Final = 2.0
"""When nothing has waited for so long, the limit is forgotten: the link may be another by now."""
PROVEN_S: Final = 12.0
"""A proof is believed for so long."""
SHARE: Final = 0.5
"""Of the freshness budget, what may be spent on waiting to be sent; the rest is the way and the worker's."""
WINDOW_MIN_BYTES: Final = 8_192


class Link:
    """One link; times are seconds of a monotonic clock, rates bytes per second.

    Attributes:
        limit: measured while it was busy; None: it has not been, lately.
        rtt_s: the shortest time that a ping took; 0 until one came back.
        delay_s: how much longer the last one took: what waits on the way, wherever that is.
    """

    __slots__ = (
        "_acked", "_at", "_busy_bytes", "_busy_s", "_good_acked", "_good_at", "_limit_at", "_ping_at", "_proven",
        "_proven_at", "_waiting", "delay_s", "limit", "rtt_s",
    )  # fmt: skip

    def __init__(self, now_s: float, acked: int) -> None:
        self.limit: float | None = None
        self.rtt_s = 0.0
        self.delay_s = 0.0
        self._acked = self._good_acked = acked
        self._at = self._good_at = now_s
        self._waiting = 0
        self._busy_bytes = 0
        self._busy_s = 0.0
        self._limit_at = -math.inf
        self._proven = 0.0
        self._proven_at = -math.inf
        self._ping_at: float | None = None

    def sample(self, now_s: float, acked: int, waiting: int) -> None:
        """Take a look: `acked` bytes have arrived since the connection began, `waiting` have been sent and have not."""
        gap_s = now_s - self._at
        if self._waiting and waiting and gap_s <= GAP_S:
            self._busy_s += gap_s
            self._busy_bytes += acked - self._acked
            if self._busy_s >= BUSY_S:
                self._measured(self._busy_bytes / self._busy_s, now_s)
        else:
            self._busy_s, self._busy_bytes = 0.0, 0
            if not waiting and now_s - self._limit_at > IDLE_S:
                self.limit = None
        if now_s - self._good_at >= GOODPUT_S:
            self.prove((acked - self._good_acked) / (now_s - self._good_at), now_s)
            self._good_at, self._good_acked = now_s, acked
        self._at, self._acked, self._waiting = now_s, acked, waiting

    def _measured(self, rate: float, now_s: float) -> None:
        self._busy_s, self._busy_bytes = 0.0, 0
        if self.limit is None or rate < self.limit:
            self.limit = rate  # at once: what is believed too long is paid for in seconds of waiting
        else:
            self.limit += (rate - self.limit) / 2
        self._limit_at = now_s
        self.disprove(self.limit, now_s)

    def prove(self, rate: float, now_s: float) -> None:
        """It has carried so much."""
        if rate >= self._proven or now_s - self._proven_at > PROVEN_S:
            self._proven, self._proven_at = rate, now_s
        if self.limit is not None and rate > self.limit:
            self.limit = rate

    def disprove(self, rate: float, now_s: float) -> None:
        """It carries no more than that, whatever it did before."""
        self._proven, self._proven_at = rate, now_s

    def proven(self, now_s: float) -> float:
        """What it can carry at least, as far as is known now."""
        return self._proven if now_s - self._proven_at <= PROVEN_S else 0.0

    def window(self, budget_s: float) -> float:
        """How many bytes may wait before what is sent next would be older than the budget when it arrives."""
        if self.limit is None:
            return math.inf
        return max(WINDOW_MIN_BYTES, self.limit * (self.rtt_s + SHARE * budget_s))

    @property
    def pinging(self) -> bool:
        """Whether a ping is out."""
        return self._ping_at is not None

    def pinged(self, now_s: float) -> None:
        """A ping was sent behind everything that waits; of several under way the first counts."""
        if self._ping_at is None:
            self._ping_at = now_s

    def ponged(self, now_s: float, sent_s: float) -> None:
        """The answer to the ping of `sent_s` has come."""
        took_s = max(0.0, now_s - sent_s)
        self.rtt_s = min(self.rtt_s, took_s) if self.rtt_s else took_s
        self.delay_s = took_s - self.rtt_s
        self._ping_at = None

    def delayed_s(self, now_s: float) -> float:
        """How long what is on the way has been waiting, as pings tell; one still out tells as much as it can."""
        out_s = 0.0 if self._ping_at is None else now_s - self._ping_at - self.rtt_s
        return max(self.delay_s, out_s)
