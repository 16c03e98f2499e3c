"""What a publisher may send now: its own rates, and the flow state of the run, which it obeys. Pure.

Frames are held back where they are sent, not where they are made: the newest one always arrives in the end.
"""

from __future__ import annotations

from lanecast.broker.flow import OK, Flow
from lanecast.broker.rates import FRAMES_PER_S, MESSAGES_PER_S, Bucket


class Throttle:
    """The limits of one publisher; times are seconds of a monotonic clock."""

    def __init__(self) -> None:
        self.flow = OK
        self._frames = Bucket(FRAMES_PER_S)
        self._messages = Bucket(MESSAGES_PER_S)
        self._pace: Bucket | None = None

    def obey(self, wanted: Flow) -> tuple[str, str] | None:
        """Take the run's flow state; level and text to tell viewers when a limit begins or ends, else None."""
        before, self.flow = self.flow, wanted
        if wanted.max_rate_hz is None:
            self._pace = None
        elif self._pace is None or self._pace.per_s != wanted.max_rate_hz:
            self._pace = Bucket(wanted.max_rate_hz, 1)
        if (before.state == "ok") == (wanted.state == "ok"):
            return None
        if wanted.state == "ok":
            return "info", "frames are sent at full rate again"
        limit = {None: "bulk is not sent", 0.0: "no frames are sent"}.get(
            wanted.max_rate_hz, f"frames are sent less often, at most {wanted.max_rate_hz} times a second"
        )
        return "warning", f"{limit}: {wanted.reason}"

    def take_frame(self, now: float, *, last: bool = False) -> bool:
        """Whether a frame may be sent now, which is then counted; the `last` ones of a run always may."""
        rates = [rate for rate in (self._frames, self._pace) if rate is not None]
        if any(rate.wait_s(now) for rate in rates) and not last:
            return False
        for rate in rates:
            rate.take()
        return True

    def may_send_messages(self, now: float) -> bool:
        """Whether lossless messages may be sent now."""
        return not self._messages.wait_s(now)

    def take_messages(self, count: int) -> None:
        """So many lossless messages were sent."""
        self._messages.take(count)
