from __future__ import annotations

import math
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lanecast.broker.tiers import SERVED, TIERS
from lanecast.gateway.link import Link
from lanecast.gateway.policy import (
    CORRECT_S,
    HOLD_MAX_S,
    HOLD_S,
    MARGIN,
    PROBE_GAP_S,
    SETTLE_S,
    TRIAL_S,
    Signs,
    TierState,
    best,
    decide,
    expected,
    probe,
    start,
)
from lanecast.gateway.probe import EXCUSED_S, GROWTH, Probe

LADDER = tuple(TIERS)
RATES = {"ultra_low": 8e3, "low": 30e3, "medium": 60e3, "high": 90e3, "ultra": 300e3}
BEHIND, WELL, SLOW_DECODE = Signs(behind=True), Signs(proven=1e6), Signs(decode_ms=80.0, proven=1e6)


def test_auto_starts_at_the_best_tier_and_a_named_one_where_it_was_named() -> None:
    assert start("auto", 5.0, LADDER) == TierState("ultra", 5.0, 5.0)
    assert start("auto", 5.0).tier == SERVED[-1]
    assert start("low", 5.0, LADDER) == TierState("low", 5.0, 5.0)


def state(tier: str, since_s: float = 0, hold_s: float = HOLD_S, *, trial: bool = False) -> TierState:
    return TierState(tier, since_s, since_s, hold_s, trial)


@pytest.mark.parametrize(
    ("before", "signs", "now_s", "tier", "hold_s"),
    [
        pytest.param(state("ultra"), WELL, 100, "ultra", HOLD_S, id="all is well"),
        pytest.param(state("ultra"), BEHIND, 2, "high", HOLD_S, id="down at the first sign"),
        pytest.param(
            state("ultra"), Signs(behind=True, limit=31e3), 2, "low", HOLD_S, id="at once to what the link carries"
        ),
        pytest.param(state("ultra"), Signs(behind=True, limit=1.0), 2, "ultra_low", HOLD_S, id="there is always one"),
        pytest.param(state("ultra"), SLOW_DECODE, 2, "high", HOLD_S, id="down when the viewer cannot decode"),
        pytest.param(
            state("ultra"),
            Signs(decode_ms=80, limit=1.0),
            2,
            "high",
            HOLD_S,
            id="decoding has nothing to do with links",
        ),
        pytest.param(state("ultra"), Signs(decode_ms=10), 2, "ultra", HOLD_S, id="a quick viewer stays"),
        pytest.param(state("high"), BEHIND, SETTLE_S / 2, "high", HOLD_S, id="the first keyframe takes its time"),
        pytest.param(state("low"), WELL, HOLD_S - 0.1, "low", HOLD_S, id="not up before the hold time"),
        pytest.param(state("low"), WELL, HOLD_S, "ultra", HOLD_S, id="up after it, to the best that is proven"),
        pytest.param(state("low"), Signs(proven=80e3), HOLD_S, "medium", HOLD_S, id="and no further"),
        pytest.param(state("low"), Signs(proven=61e3), HOLD_S, "low", HOLD_S, id="there must be a margin"),
        pytest.param(state("low"), Signs(), 100, "low", HOLD_S, id="nothing proven, nothing tried"),
        pytest.param(state("ultra_low"), BEHIND, 100, "ultra_low", HOLD_S, id="there is nothing below the lowest"),
        pytest.param(state("high", 0, trial=True), BEHIND, 0.5, "medium", 2 * HOLD_S, id="a failed trial costs time"),
        pytest.param(state("high", 0, trial=True), BEHIND, TRIAL_S, "medium", HOLD_S, id="a trial that held is over"),
        pytest.param(
            state("high", 0, HOLD_MAX_S, trial=True), BEHIND, 1, "medium", HOLD_MAX_S, id="the hold time is bounded"
        ),
        pytest.param(
            state("high", 0, 40.0, trial=True), Signs(), TRIAL_S, "high", HOLD_S, id="who has held starts afresh"
        ),
    ],
)
def test_the_tier_follows_what_was_measured(
    before: TierState, signs: Signs, now_s: float, tier: str, hold_s: float
) -> None:
    decided = decide(before, signs, RATES, now_s, LADDER)
    assert (decided.tier, decided.hold_s) == (tier, hold_s)


def test_falling_behind_at_the_lowest_tier_starts_the_hold_time_again() -> None:
    after = decide(state("ultra_low"), BEHIND, RATES, 4, LADDER)
    assert decide(after, WELL, RATES, 4 + HOLD_S - 0.1, LADDER).tier == "ultra_low"
    assert decide(after, WELL, RATES, 4 + HOLD_S, LADDER).tier == "ultra"


def test_a_tier_that_was_not_measured_is_guessed_from_its_neighbour_and_not_entered_before_it_is() -> None:
    rates = {"ultra": 400e3}
    assert [expected(tier, rates, LADDER) for tier in LADDER] == [25e3, 50e3, 100e3, 200e3, 400e3]
    assert expected("low", {}, LADDER) == math.inf
    fallen = decide(state("ultra"), Signs(behind=True, limit=60e3), rates, 2, LADDER)
    assert (fallen.tier, fallen.jumped) == ("low", True)
    proven = Signs(proven=130e3)
    assert best("low", proven.proven, rates, LADDER) == "medium", "so this is the one to listen to"
    assert decide(fallen, proven, rates, 2 + HOLD_S, LADDER).tier == "low"
    assert decide(fallen, proven, rates | {"medium": 90e3}, 2 + CORRECT_S, LADDER).tier == "medium", "a fall corrected"
    assert decide(fallen, proven, rates | {"medium": 110e3}, 2 + CORRECT_S, LADDER).tier == "low"


def test_a_probe_is_due_when_nothing_better_is_proven_and_the_hold_time_is_over() -> None:
    assert probe(state("low"), Signs(proven=30e3), RATES, HOLD_S, LADDER) == 60e3 * MARGIN
    assert not probe(state("low"), Signs(proven=30e3), RATES, HOLD_S - 1, LADDER)
    assert not probe(state("low"), Signs(proven=80e3), RATES, HOLD_S, LADDER), "it is proven already"
    assert not probe(state("low"), Signs(behind=True), RATES, HOLD_S, LADDER)
    assert not probe(state("ultra"), Signs(), RATES, HOLD_S, LADDER)


@given(st.lists(st.tuples(st.floats(0.05, 5), st.booleans(), st.floats(0, 1e6)), max_size=200))
def test_whatever_is_measured_the_rules_hold(steps: list[tuple[float, bool, float]]) -> None:
    now, now_s = start("auto", 0.0, LADDER), 0.0
    for wait_s, behind, proven in steps:
        now_s += wait_s
        before, now = now, decide(now, Signs(behind=behind, limit=proven or None, proven=proven), RATES, now_s, LADDER)
        assert HOLD_S <= now.hold_s <= HOLD_MAX_S
        if LADDER.index(now.tier) > LADDER.index(before.tier):
            assert not behind
            assert RATES[now.tier] * MARGIN <= proven
            assert now_s - before.since_s >= min(before.hold_s, CORRECT_S)
        elif now.tier != before.tier:
            assert behind


class Road:
    """A link of a given width and all that looks after its viewer, in thought: a queue that drains at that width."""

    def __init__(self, width: Callable[[float], float], way_s: float = 0.02, budget_s: float = 0.5) -> None:
        self.width = width
        self.way_s = way_s
        self.budget_s = budget_s
        self.now_s = 0.0
        self.sent = 0.0
        self.arrived = 0.0
        self.tier = start("auto", 0.0, LADDER)
        self.link = Link(0.0, 0)
        self.probing: Probe | None = None
        self.probed_s = self.padded_s = -math.inf
        self.changes: list[tuple[float, str]] = []
        self.ages: list[tuple[float, float]] = []
        self.pings: list[tuple[float, float]] = []
        self.blocked = self.skipped = False
        self.frame_s = self.ping_s = 0.0

    def run(self, until_s: float) -> Road:
        while self.now_s < until_s:
            self.tick(0.025)
        return self

    def tick(self, dt_s: float) -> None:
        self.now_s += dt_s
        self.arrived = min(self.sent, self.arrived + self.width(self.now_s) * dt_s)
        while self.pings and self.arrived >= self.pings[0][1]:
            sent_s, _ = self.pings.pop(0)
            self.link.ponged(self.now_s + self.way_s, sent_s)
            if self.probing is not None:
                self.probing.ponged(self.now_s + self.way_s, sent_s, int(self.sent))
        waiting = int(self.sent - self.arrived)
        self.link.sample(self.now_s, int(self.arrived), waiting)
        self.blocked = waiting > self.link.window(self.budget_s)
        self.send_frame()
        if self.now_s - self.ping_s >= 0.5:
            self.ping_s = self.now_s
            self.link.pinged(self.now_s)
            self.pings.append((self.now_s, self.sent))
        self.probe(waiting)
        behind = self.skipped or self.link.delayed_s(self.now_s) > 0.8 * self.budget_s
        behind = behind and self.now_s - self.padded_s > EXCUSED_S
        self.skipped = False
        signs = Signs(behind, 0.0, self.link.limit, self.link.proven(self.now_s))
        if self.probing is None or behind:
            before, self.tier = self.tier, decide(self.tier, signs, RATES, self.now_s, LADDER)
            if before.tier != self.tier.tier:
                self.changes.append((self.now_s, self.tier.tier))
                self.probing = None
        if self.probing is None and self.now_s - self.probed_s >= PROBE_GAP_S:
            needed = probe(self.tier, signs, RATES, self.now_s, LADDER)
            if needed:
                self.probed_s = self.now_s
                first = min(needed, self.link.proven(self.now_s) * GROWTH)
                self.probing = Probe(first, RATES["ultra"] * MARGIN, self.now_s, int(self.sent), self.link.rtt_s)

    def send_frame(self) -> None:
        fps = TIERS[self.tier.tier].fps
        if self.now_s - self.frame_s < 1 / fps:
            return
        self.frame_s = self.now_s
        if self.blocked:
            self.skipped = True
            return
        self.ages.append((self.now_s, (self.sent - self.arrived) / max(1.0, self.width(self.now_s)) + self.way_s))
        self.sent += RATES[self.tier.tier] / fps

    def probe(self, waiting: int) -> None:
        if self.probing is None:
            return
        if self.blocked or waiting > 4_096 + self.probing.rate * (0.15 + self.link.rtt_s):
            self.probing.choked(self.now_s, int(self.arrived))
        pad, ping = self.probing.step(self.now_s, int(self.sent))
        self.sent += pad
        if pad:
            self.padded_s = self.now_s
        if ping:
            self.pings.append((self.now_s, self.sent))
        if self.probing.over:
            self.probed_s = self.now_s
            if self.probing.proven:
                self.link.prove(self.probing.proven, self.now_s)
            if self.probing.refuted is not None:
                self.link.disprove(self.probing.refuted, self.now_s)
            self.probing = None

    def since(self, begin_s: float, end_s: float = math.inf) -> list[tuple[float, str]]:
        return [change for change in self.changes if begin_s <= change[0] < end_s]


MBIT, KBIT_200 = 125e3, 25e3


def test_a_link_that_narrows_twice_and_widens_again_is_followed() -> None:
    road = Road(lambda s: 1e7 if s < 10 else MBIT if s < 40 else KBIT_200 if s < 70 else 1e7).run(100)
    assert not road.since(0, 10)
    assert road.since(10, 15)[-1][1] == "high", "90 kB/s fit into 125"
    assert len(road.since(15, 40)) <= 2
    assert road.since(40, 45)[-1][1] == "ultra_low"
    assert not road.since(45, 70), "8 kB/s fit, 30 do not: probes find that out without a change"
    assert road.since(70, 85)[-1][1] == "ultra"
    assert not road.since(85)
    settled = sorted(age for at, age in road.ages if 15 < at < 40 or 45 < at < 70 or at > 75)
    assert settled[int(len(settled) * 0.99)] <= 0.5


def test_a_link_that_flaps_is_left_alone_longer_and_longer() -> None:
    road = Road(lambda s: 1e7 if s % 20 < 10 else KBIT_200).run(200)
    assert len(road.changes) <= 20
    assert road.tier.hold_s > HOLD_S


def test_a_link_that_narrows_slowly_is_followed_step_by_step() -> None:
    road = Road(lambda s: max(KBIT_200, 500e3 * math.exp(-s / 20))).run(100)
    places = [LADDER.index(tier) for _, tier in road.changes]
    assert places == sorted(places, reverse=True), "never up on the way down"
    assert road.tier.tier == "ultra_low"
    late = [age for _, age in road.ages if age > 0.5]
    assert len(late) <= len(road.ages) / 100


def test_a_link_that_is_far_away_and_wide_is_not_taken_for_a_narrow_one() -> None:
    link = Link(0.0, 0)
    for n in range(1, 200):  # 300 kB/s, 300 ms on the way: 90 kB are always under way
        at = n * 0.025
        link.sample(at, max(0, int(300e3 * (at - 0.3))), int(300e3 * min(at, 0.3)))
        if n % 20 == 0:
            link.ponged(at, at - 0.3)
    assert link.window(0.5) > 90e3
    assert link.delayed_s(5.0) == 0
