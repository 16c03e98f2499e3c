"""Which tier a viewer on `auto` gets. Pure: from what was measured to what is decided.

Down fast, at the first sign of falling behind; up only after a hold time without one, one tier at a time. The step up
is a probe: if the viewer falls behind soon after it, the next hold is twice as long.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from lanecast.broker.tiers import SERVED

AUTO: Final = "auto"
HOLD_S: Final = 10.0
HOLD_MAX_S: Final = 160.0
PROBE_S: Final = 15.0
SETTLE_S: Final = 1.0
"""After a change of tier the old tier's backlog is still draining: no second step down before that."""
DECODE_MS: Final = 40.0
"""A viewer that reports more per frame cannot keep up with 25 frames a second."""


@dataclass(frozen=True, slots=True)
class TierState:
    """What was decided last.

    Attributes:
        tier: one of `tiers.SERVED`.
        since_s: monotonic time of the last change, or of the last sign of falling behind.
        hold_s: how long all must be well before the next step up.
        probing: the last change was a step up.
    """

    tier: str
    since_s: float
    hold_s: float = HOLD_S
    probing: bool = False


@dataclass(frozen=True, slots=True)
class Signs:
    """What was measured since the last decision.

    Attributes:
        behind: state frames were skipped, or what waits for the viewer is over its bound or too old.
        decode_ms: what the viewer reported for one frame; 0 if it reported nothing.
    """

    behind: bool = False
    decode_ms: float = 0.0


def start(wanted: str, now_s: float) -> TierState:
    """The state of a viewer that has just subscribed: the tier it named, or the best."""
    return TierState(SERVED[-1] if wanted == AUTO else wanted, now_s)


def decide(state: TierState, signs: Signs, now_s: float) -> TierState:
    """The next state; the tier has changed iff it differs from `state`'s."""
    place = SERVED.index(state.tier)
    if signs.behind or signs.decode_ms > DECODE_MS:
        if now_s - state.since_s < SETTLE_S and not state.probing:
            return state
        if place == 0:
            return replace(state, since_s=now_s, probing=False)
        failed_probe = state.probing and now_s - state.since_s < PROBE_S
        hold_s = min(HOLD_MAX_S, state.hold_s * 2) if failed_probe else HOLD_S
        return TierState(SERVED[place - 1], now_s, hold_s)
    if place + 1 < len(SERVED) and now_s - state.since_s >= state.hold_s:
        return TierState(SERVED[place + 1], now_s, state.hold_s, probing=True)
    return state
