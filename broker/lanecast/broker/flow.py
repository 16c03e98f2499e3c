"""Flow: what a run's publishers may send now, decided from measurements. Pure.

The owner of a run measures once a second and writes the outcome to `lc:{RUN}:flow`, a hash that runs out by itself;
publishers read it once a second and obey. Down at once, up only step by step and after a calm while:

    ok         no limit
    shed       the low lane is not sent
    slow       frames at `max_rate_hz` at most, and no low lane
    stop_bulk  no frames and no low lane: the server has no memory left; the critical and normal lanes go on
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from lanecast.broker.backlog import Threshold

STATES: Final = ("ok", "shed", "slow", "stop_bulk")
TTL_MS: Final = 5_000
"""A flow state that is not said again within this time holds no more."""
REFRESH_S: Final = 2.0

HOLD_S: Final = 3.0
LOWEST_HZ: Final = 2.0
HIGHEST_HZ: Final = 60.0
"""Once a rate has grown to this, it is no limit any more."""
FIRST_CUT: Final = 0.5
CUT: Final = 0.7
GROWTH: Final = 1.5


@dataclass(frozen=True, slots=True)
class Flow:
    """A flow state; `max_rate_hz` is None where frames are not limited, and 0 where none are wanted."""

    state: str = "ok"
    max_rate_hz: float | None = None
    shed_low: bool = False
    reason: str = ""

    def to_fields(self) -> dict[str, str]:
        """The hash's fields."""
        rate = "" if self.max_rate_hz is None else f"{self.max_rate_hz:.2f}"
        return {"state": self.state, "max_rate_hz": rate, "shed_low": str(int(self.shed_low)), "reason": self.reason}


OK: Final = Flow()


def from_fields(fields: Mapping[bytes, bytes]) -> Flow:
    """Read the hash; an empty one, or one of a state that this reader does not know, is `ok`."""
    state = fields.get(b"state", b"ok").decode("utf-8", "replace")
    if state not in STATES or state == "ok":
        return OK
    try:
        rate: float | None = max(0.0, float(fields.get(b"max_rate_hz", b"")))
    except ValueError:
        rate = None
    reason = fields.get(b"reason", b"").decode("utf-8", "replace")
    return Flow(state, rate, fields.get(b"shed_low") == b"1", reason)


@dataclass(frozen=True, slots=True)
class Load:
    """One measurement.

    Attributes:
        lanes: lane -> (entries not yet read, seconds that the oldest has waited).
        memory: share of the server's memory limit in use, 0 to 1; 0.0 without a limit.
        refused: commands that the server has refused for want of memory since the last measurement.
        busy: share of its time that the owner spent working on the run, 0 to 1.
        frames_hz: frames that came in a second.
    """

    lanes: Mapping[str, tuple[int, float]] = field(default_factory=dict)
    memory: float = 0.0
    refused: int = 0
    busy: float = 0.0
    frames_hz: float = 0.0


@dataclass(frozen=True, slots=True)
class Limits:
    """What a load may be before each state; lanes by entries and seconds, the rest as shares."""

    low: Threshold
    high: Threshold
    normal: Threshold
    critical: Threshold
    busy: float
    memory_shed: float
    memory_slow: float
    memory_stop: float


LIMITS: Final = Limits(
    Threshold(48, 1.5), Threshold(192, 1.0), Threshold(10_000, 10.0), Threshold(1_000, 2.0), 0.9, 0.80, 0.90, 0.97
)
"""Past these a state begins."""
CALM: Final = Limits(
    Threshold(16, 0.5), Threshold(64, 0.4), Threshold(2_000, 2.0), Threshold(200, 0.5), 0.6, 0.75, 0.85, 0.93
)
"""Below these it may end."""


def judge(load: Load, limits: Limits) -> tuple[str, str]:
    """The state that a load asks for, and why ('' for `ok`)."""
    percent = f"the server's memory is {load.memory:.0%} full"
    if load.refused:
        return "stop_bulk", f"the server refused {load.refused} commands for want of memory"
    if load.memory > limits.memory_stop:
        return "stop_bulk", percent
    for lane in ("critical", "high", "normal"):
        entries, age_s = load.lanes.get(lane, (0, 0.0))
        limit: Threshold = getattr(limits, lane)
        if limit.passed(entries, age_s):
            return "slow", f"lane {lane} is {entries:,} entries and {age_s:.1f} s behind"
    if load.memory > limits.memory_slow:
        return "slow", percent
    if load.busy > limits.busy:
        return "slow", f"the worker is busy {load.busy:.0%} of the time"
    entries, age_s = load.lanes.get("low", (0, 0.0))
    if limits.low.passed(entries, age_s):
        return "shed", f"lane low is {entries:,} entries and {age_s:.1f} s behind"
    if load.memory > limits.memory_shed:
        return "shed", percent
    return "ok", ""


class Policy:
    """The flow of one run: `update` with each measurement, about once a second."""

    def __init__(self) -> None:
        self.flow = OK
        self._rate_hz = HIGHEST_HZ
        self._calm_since: float | None = None

    def update(self, load: Load, now: float) -> Flow:
        """The flow state after a measurement at `now`, seconds of a monotonic clock."""
        state = self.flow.state
        wanted, reason = judge(load, LIMITS)
        kept, _ = judge(load, CALM)
        if _rank(wanted) > _rank(state):
            self._calm_since = None
            if wanted == "slow":
                start_hz = min(load.frames_hz, HIGHEST_HZ) or HIGHEST_HZ
                self._rate_hz = max(LOWEST_HZ, start_hz * FIRST_CUT)
            self.flow = self._make(wanted, reason)
        elif state == "slow" and wanted == "slow":
            self._calm_since = None
            self._rate_hz = max(LOWEST_HZ, self._rate_hz * CUT)
            self.flow = self._make("slow", reason)
        elif _rank(kept) >= _rank(state):
            self._calm_since = None  # neither worse nor calm
        elif state == "slow" and self._rate_hz < HIGHEST_HZ:
            self._rate_hz = min(HIGHEST_HZ, self._rate_hz * GROWTH)
            self.flow = self._make("slow", self.flow.reason)
        else:
            self._ease(now)
        return self.flow

    def _ease(self, now: float) -> None:
        """One state back, once it was calm for `HOLD_S`."""
        if self._calm_since is None:
            self._calm_since = now
        if now - self._calm_since < HOLD_S:
            return
        self._calm_since = now
        back = STATES[_rank(self.flow.state) - 1]
        if back == "slow":
            self._rate_hz = LOWEST_HZ
        self.flow = self._make(back, self.flow.reason)

    def _make(self, state: str, reason: str) -> Flow:
        if state == "ok":
            return OK
        rate_hz = {"slow": self._rate_hz, "stop_bulk": 0.0}.get(state)
        return Flow(state, None if rate_hz is None else round(rate_hz, 2), shed_low=True, reason=reason)


def _rank(state: str) -> int:
    return STATES.index(state)
