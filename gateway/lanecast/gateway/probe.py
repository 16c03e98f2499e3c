"""A probe: whether a viewer's link carries more than its tier needs, found out without changing the tier. Pure.

Padding is sent beside the frames, at a rate that grows from stage to stage, each ended by a ping. Its answer comes
when all before it has arrived, through whatever lies between, so it tells the rate of the whole way, where the
socket's own acknowledgements would tell the way to the nearest proxy. Padding is unsolicited WebSocket pongs (RFC
6455, 5.5.3), which every client drops without waking its page.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

STAGE_S: Final = 0.4
GROWTH: Final = 1.6
EXCUSED_S: Final = 0.7
"""So long after the last padding whatever comes late may be late because of it, and says nothing against the tier."""
LATE_S: Final = 0.08
"""How much longer than its padding was spread a stage may take, besides the way there and back."""
LONGEST_S: Final = 2.0
PAD_MAX_BYTES: Final = 262_144


@dataclass(slots=True)
class Probe:
    """One probe, from `rate` to `last` bytes per second.

    Attributes:
        proven: what the stages that are over have shown, bytes per second; 0: nothing more than was known.
        refuted: measured by a stage that was too slow; None while none was.
        over: nothing more is to be sent.
    """

    rate: float
    last: float
    now_s: float
    sent_bytes: int
    rtt_s: float
    proven: float = 0.0
    refuted: float | None = None
    over: bool = False
    _began_s: float = 0.0
    _began_bytes: int = 0
    _pinged_s: float | None = None

    def __post_init__(self) -> None:
        self.rate = min(self.rate, self.last)
        self._begin(self.now_s, self.sent_bytes)

    def _begin(self, now_s: float, sent_bytes: int) -> None:
        self._began_s, self._began_bytes, self._pinged_s = now_s, sent_bytes, None

    def step(self, now_s: float, sent_bytes: int) -> tuple[int, bool]:
        """What is to be sent now: bytes of padding, and whether a ping. `sent_bytes`: since the connection began."""
        if self.over:
            return 0, False
        if self._pinged_s is not None:
            if now_s - self._began_s > LONGEST_S + self.rtt_s:
                self._fail(now_s, sent_bytes)
            return 0, False
        gone_s = now_s - self._began_s
        wanted = self.rate * min(gone_s, STAGE_S) - (sent_bytes - self._began_bytes)
        ping = gone_s >= STAGE_S
        if ping:
            self._pinged_s = now_s
        return min(PAD_MAX_BYTES, max(0, int(wanted))), ping

    def ponged(self, now_s: float, sent_s: float, sent_bytes: int) -> None:
        """The answer to a ping of `sent_s` has come."""
        if self.over or self._pinged_s is None or sent_s < self._pinged_s:
            return
        if now_s - self._began_s - self.rtt_s > STAGE_S + LATE_S + (self._pinged_s - self._began_s - STAGE_S):
            self._fail(now_s, sent_bytes)
            return
        self.proven = self.rate
        if self.rate >= self.last:
            self.over = True
            return
        self.rate = min(self.last, self.rate * GROWTH)
        self._begin(now_s, sent_bytes)

    def choked(self, now_s: float, arrived_bytes: int) -> None:
        """What was sent piles up in front of the link: no use to go on."""
        if not self.over:
            self.over = True
            gone_s = max(0.05, now_s - self._began_s)
            carried = max(0, arrived_bytes - self._began_bytes) / gone_s
            self.refuted = min(self.rate, max(carried, self.proven))

    def _fail(self, now_s: float, sent_bytes: int) -> None:
        self.over = True
        took_s = max(0.05, now_s - self._began_s - self.rtt_s)
        self.refuted = max(self.proven, min(self.rate, (sent_bytes - self._began_bytes) / took_s))
