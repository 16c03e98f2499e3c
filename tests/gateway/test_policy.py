from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lanecast.broker.tiers import SERVED
from lanecast.gateway.policy import HOLD_MAX_S, HOLD_S, PROBE_S, Signs, TierState, decide, start

BEHIND, WELL, CANNOT_DECODE = Signs(behind=True), Signs(), Signs(decode_ms=80.0)


def test_auto_starts_at_the_best_tier_and_a_named_one_where_it_was_named() -> None:
    assert start("auto", 5.0) == TierState("ultra", 5.0)
    assert start("low", 5.0) == TierState("low", 5.0)


@pytest.mark.parametrize(
    ("state", "signs", "now_s", "tier", "hold_s"),
    [
        pytest.param(TierState("ultra", 0), WELL, 100, "ultra", HOLD_S, id="all is well"),
        pytest.param(TierState("high", 0), BEHIND, 2, "medium", HOLD_S, id="down at the first sign"),
        pytest.param(TierState("high", 0), CANNOT_DECODE, 2, "medium", HOLD_S, id="down when the viewer cannot decode"),
        pytest.param(TierState("ultra", 0), Signs(decode_ms=10), 2, "ultra", HOLD_S, id="a quick viewer stays"),
        pytest.param(TierState("high", 0), BEHIND, 0.5, "high", HOLD_S, id="the first keyframe takes its time"),
        pytest.param(TierState("low", 0), WELL, HOLD_S - 0.1, "low", HOLD_S, id="not up before the hold time"),
        pytest.param(TierState("low", 0), WELL, HOLD_S, "medium", HOLD_S, id="up after the hold time"),
        pytest.param(TierState("ultra_low", 0), BEHIND, 100, "ultra_low", HOLD_S, id="nothing is below the lowest"),
        pytest.param(
            TierState("high", 0, HOLD_S, probing=True),
            BEHIND,
            0.5,
            "medium",
            2 * HOLD_S,
            id="a failed probe costs time",
        ),
        pytest.param(
            TierState("high", 0, HOLD_S, probing=True),
            BEHIND,
            PROBE_S,
            "medium",
            HOLD_S,
            id="a probe that held",
        ),
        pytest.param(
            TierState("high", 0, HOLD_MAX_S, probing=True),
            BEHIND,
            1,
            "medium",
            HOLD_MAX_S,
            id="holding is bounded",
        ),
    ],
)
def test_the_tier_follows_what_was_measured(
    state: TierState, signs: Signs, now_s: float, tier: str, hold_s: float
) -> None:
    decided = decide(state, signs, now_s)
    assert (decided.tier, decided.hold_s) == (tier, hold_s)


def test_falling_behind_at_the_lowest_tier_starts_the_hold_time_again() -> None:
    state = decide(TierState("ultra_low", 0), BEHIND, 8)
    assert decide(state, WELL, 8 + HOLD_S - 0.1).tier == "ultra_low"
    assert decide(state, WELL, 8 + HOLD_S).tier == "low"


@given(st.lists(st.tuples(st.floats(0.05, 5), st.booleans()), max_size=200))
def test_a_viewer_that_keeps_failing_probes_is_probed_less_and_less(steps: list[tuple[float, bool]]) -> None:
    state, now_s = start("auto", 0.0), 0.0
    for wait_s, behind in steps:
        now_s += wait_s
        before, state = state, decide(state, Signs(behind=behind), now_s)
        assert state.tier in SERVED
        assert HOLD_S <= state.hold_s <= HOLD_MAX_S
        assert abs(SERVED.index(state.tier) - SERVED.index(before.tier)) <= 1
        if SERVED.index(state.tier) > SERVED.index(before.tier):
            assert not behind
            assert now_s - before.since_s >= before.hold_s
