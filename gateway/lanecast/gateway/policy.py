"""Which tier a viewer on `auto` gets. Pure: from what was measured to what is decided.

Down fast: at the first sign of falling behind, at once to the tier that the link was measured to carry. Up slowly:
after a hold time without a sign, to the best tier whose measured bytes per second, with a margin, the link has been
proven to carry. The step up is a trial: if the viewer falls behind soon after it, the next hold is twice as long.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from lanecast.broker.tiers import SERVED

AUTO: Final = "auto"
HOLD_S: Final = 5.0
HOLD_MAX_S: Final = 160.0
TRIAL_S: Final = 10.0
SETTLE_S: Final = 1.0
"""After a change of tier the old tier's backlog is still draining: no second step down before that."""
CORRECT_S: Final = 2.0
"""After a step down of several tiers, by rates that were partly assumed, one step back is allowed so soon."""
MARGIN: Final = 1.25
"""Proven over needed: keyframes and busy moments want more than the mean."""
FACTOR: Final = 2.0
"""A tier that was not measured is taken for so many times the one below it."""
PROBE_GAP_S: Final = 4.0
DELAY_SHARE: Final = 0.8
"""Of the freshness budget: a ping that takes so much longer than the shortest one says that the viewer is behind."""
DECODE_MS: Final = 40.0
"""A viewer that reports more per frame cannot keep up with 25 frames a second."""

Rates = Mapping[str, float]
"""Tier -> bytes per second, of the tiers that were measured lately."""


@dataclass(frozen=True, slots=True)
class TierState:
    """What was decided last.

    Attributes:
        tier: one of the ladder's.
        since_s: monotonic time of the last change.
        calm_s: of the last sign of falling behind, or of the last change.
        hold_s: how long all must be well before the next step up.
        trial: the last change was a step up, and has not yet held for TRIAL_S.
        jumped: the last change was a step down of more than one tier.
    """

    tier: str
    since_s: float
    calm_s: float
    hold_s: float = HOLD_S
    trial: bool = False
    jumped: bool = False


@dataclass(frozen=True, slots=True)
class Signs:
    """What was measured since the last decision.

    Attributes:
        behind: state frames were skipped, or what waits for the viewer is over its bound or too old.
        decode_ms: what the viewer reported for one frame; 0 if it reported nothing.
        limit: bytes per second that the link carries at most; None: not known.
        proven: bytes per second that it carries at least.
    """

    behind: bool = False
    decode_ms: float = 0.0
    limit: float | None = None
    proven: float = 0.0


def start(wanted: str, now_s: float, ladder: tuple[str, ...] = SERVED) -> TierState:
    """The state of a viewer that has just subscribed: the tier it named, or the best."""
    return TierState(ladder[-1] if wanted == AUTO else wanted, now_s, now_s)


def expected(tier: str, rates: Rates, ladder: tuple[str, ...] = SERVED) -> float:
    """Bytes per second of a tier: measured, or taken from the nearest that was; infinite if none was."""
    if tier in rates:
        return rates[tier]
    place = ladder.index(tier)
    near = min((name for name in ladder if name in rates), key=lambda name: abs(ladder.index(name) - place), default="")
    return rates[near] * FACTOR ** (place - ladder.index(near)) if near else math.inf


def decide(state: TierState, signs: Signs, rates: Rates, now_s: float, ladder: tuple[str, ...] = SERVED) -> TierState:
    """The next state; the tier has changed iff it differs from `state`'s."""
    if signs.behind or signs.decode_ms > DECODE_MS:
        return _down(state, signs, rates, now_s, ladder)
    if state.trial and now_s - state.since_s >= TRIAL_S:
        state = replace(state, trial=False, hold_s=HOLD_S)
    early = state.jumped and now_s - state.since_s >= CORRECT_S and now_s - state.calm_s >= SETTLE_S
    if not early and now_s - state.calm_s < state.hold_s:
        return state
    target = best(state.tier, signs.proven, rates, ladder)
    if target is None or target not in rates:
        return state
    return TierState(target, now_s, now_s, state.hold_s, trial=True)


def best(tier: str, proven: float, rates: Rates, ladder: tuple[str, ...] = SERVED) -> str | None:
    """The best tier above `tier` that fits into what is proven, measured or not; None if none does."""
    above = ladder[ladder.index(tier) + 1 :]
    return next((name for name in reversed(above) if expected(name, rates, ladder) * MARGIN <= proven), None)


def probe(state: TierState, signs: Signs, rates: Rates, now_s: float, ladder: tuple[str, ...] = SERVED) -> float:
    """Whether a probe is due: the rate that it would have to prove, bytes per second; 0 if it is not."""
    place = ladder.index(state.tier)
    if signs.behind or place + 1 == len(ladder) or now_s - state.calm_s < state.hold_s or not rates:
        return 0.0
    needed = expected(ladder[place + 1], rates, ladder) * MARGIN
    return needed if best(state.tier, signs.proven, rates, ladder) is None else 0.0


def _down(state: TierState, signs: Signs, rates: Rates, now_s: float, ladder: tuple[str, ...]) -> TierState:
    place = ladder.index(state.tier)
    if place == 0:
        return replace(state, calm_s=now_s, trial=False)
    if now_s - state.since_s < SETTLE_S and not state.trial:
        return replace(state, calm_s=now_s)
    failed = state.trial and now_s - state.since_s < TRIAL_S
    hold_s = min(HOLD_MAX_S, state.hold_s * 2) if failed else state.hold_s
    lower = place - 1
    if signs.behind and signs.limit is not None:
        while lower and expected(ladder[lower], rates, ladder) > signs.limit:
            lower -= 1
    return TierState(ladder[lower], now_s, now_s, hold_s, jumped=place - lower > 1)
