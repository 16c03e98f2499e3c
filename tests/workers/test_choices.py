"""The small deciders: newest wins, priorities, the audience, the vigil, budgets."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.workers.rig import entry, frame

from lanecast.broker.demand import TTL_S, Demand
from lanecast.broker.lanes import LANES
from lanecast.workers.audience import Audience
from lanecast.workers.budget import Budget
from lanecast.workers.entries import Entry
from lanecast.workers.newest import Picked, pick
from lanecast.workers.outage import Outage
from lanecast.workers.priority import GUARD, Priority
from lanecast.workers.stats import Stats
from lanecast.workers.vigil import LOST_AFTER_S, Vigil


def picked(*payloads: Any) -> Picked:
    entries = [
        Entry(f"{n}-0", {b"kind": b"frame", b"data": payload})
        if isinstance(payload, bytes)
        else entry(n, "frame", payload)
        for n, payload in enumerate(payloads, 1)
    ]
    return pick(entries, "high", lambda *_: True)


def steps(found: Picked) -> list[int]:
    return [payload.step for _, _, payload in found.frames]


CAR = {"cars": {"id": [1]}}
LIGHT = {"lights": {"id": [1]}}


def test_of_full_frames_only_the_newest_is_taken() -> None:
    found = picked(frame(1, CAR), frame(2, CAR), frame(3, CAR))
    assert steps(found) == [3]
    assert [read.id for read in found.superseded] == ["1-0", "2-0"][::-1]


def test_partial_frames_after_the_newest_full_one_are_all_taken() -> None:
    found = picked(frame(1, CAR, partial=True), frame(2, CAR), frame(3, CAR, partial=True), frame(4, CAR, partial=True))
    assert steps(found) == [2, 3, 4]
    assert len(found.superseded) == 1


def test_a_frame_of_other_layers_takes_nobodys_place() -> None:
    assert steps(picked(frame(1, CAR), frame(1, LIGHT), frame(2, CAR), frame(2, LIGHT))) == [2, 2]
    assert steps(picked(frame(1, {**CAR, **LIGHT}), frame(2, CAR))) == [1, 2]


def test_a_bad_frame_is_rejected_and_takes_nobodys_place() -> None:
    found = picked(frame(1, CAR), frame(2, {"cars": {"x": [1]}}), b"\xc1")
    assert steps(found) == [1]
    assert [(read.id, error.field) for read, error in found.rejected] == [("2-0", "layers.cars.id"), ("3-0", "data")]


def test_what_is_skipped_is_not_read_in_full() -> None:
    found = picked(frame(1, {"cars": {"nonsense": "yes"}}), frame(2, CAR))
    assert not found.rejected
    assert len(found.superseded) == 1


def test_a_frame_that_is_too_old_takes_nobodys_place() -> None:
    entries = [entry(1, "frame", frame(5, CAR)), entry(2, "frame", frame(1, CAR))]
    assert steps(pick(entries, "high", lambda _message, found, _entry: found.step > 4)) == [5, 1]


def test_lower_lanes_wait_while_critical_is_full_but_not_for_longer_than_the_guard() -> None:
    priority = Priority()
    turns = [priority.turn(set(LANES), {"critical"}) for _ in range(3 * GUARD)]
    assert turns == ([["critical"]] * (GUARD - 1) + [list(LANES)]) * 3


def test_without_a_backlog_all_lanes_are_handled_in_order() -> None:
    assert Priority().turn({"low", "critical", "high"}, set()) == ["critical", "high", "low"]
    assert Priority().turn({"low", "normal", "high"}, {"normal", "high"}) == ["high", "normal"]


@given(
    st.lists(st.tuples(st.sets(st.sampled_from(sorted(LANES))), st.sets(st.sampled_from(sorted(LANES)))), max_size=60)
)
def test_nobody_in_hand_waits_for_more_turns_than_the_guard(turns: list[tuple[set[str], set[str]]]) -> None:
    priority, waiting = Priority(), dict.fromkeys(LANES, 0)
    held: set[str] = set()
    for arriving, full in turns:
        held |= arriving
        chosen = priority.turn(held, full & held)
        assert chosen == [name for name in LANES if name in chosen]
        assert not held or chosen[0] == min(held, key=list(LANES).index)
        held -= set(chosen)
        for name in LANES:
            waiting[name] = waiting[name] + 1 if name in held else 0
            assert waiting[name] < GUARD


def test_a_new_gateway_and_a_request_need_a_keyframe_and_a_refresh_does_not() -> None:
    audience = Audience()
    assert audience.hear(Demand("n1", "high", 3), 0.0)
    assert not audience.hear(Demand("n1", "high", 4), 1.0)
    assert audience.hear(Demand("n1", "high", 4, key=True), 1.5)
    assert audience.hear(Demand("n2", "high", 1), 2.0)
    assert audience.tiers == {"high"}
    assert not audience.hear(Demand("n1", "best", 1), 2.0), "not served"


def test_demand_ends_when_it_is_taken_back_or_not_repeated() -> None:
    audience = Audience()
    audience.hear(Demand("n1", "high", 1), 0.0)
    audience.hear(Demand("n2", "low", 1), 1.0)
    audience.hear(Demand("n2", "low", 0), 1.1)
    assert audience.tiers == {"high"}
    assert audience.deadline == TTL_S
    audience.expire(TTL_S)
    assert audience.tiers == frozenset()
    assert audience.hear(Demand("n1", "high", 1), TTL_S + 1), "it is new again"


def test_only_a_producer_that_gave_a_sign_of_life_can_be_lost() -> None:
    vigil = Vigil(known=False, now=0.0)
    vigil.published(1.0)
    assert not vigil.lost(100.0)
    vigil.sign(100.0)
    assert not vigil.lost(100.0 + LOST_AFTER_S)
    assert vigil.lost(100.1 + LOST_AFTER_S)
    vigil.published(104.0)
    assert not vigil.lost(104.0 + LOST_AFTER_S), "frames are a sign of life too"
    assert Vigil(known=True, now=0.0).lost(LOST_AFTER_S + 0.1)


def test_a_budget_allows_a_burst_then_its_rate_and_counts_what_it_refused() -> None:
    budget = Budget(per_s=1.0, burst=2)
    assert [budget.take(0.0) for _ in range(4)] == [True, True, False, False]
    assert budget.forgive() == 2
    assert budget.forgive() == 0
    assert not budget.take(0.5)
    assert budget.take(1.6)


def test_an_outage_is_said_once_and_what_trails_behind_it_is_not_another(monkeypatch: pytest.MonkeyPatch) -> None:
    now, stats = [100.0], Stats()
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    outage = Outage(stats)
    script = [("down", 0.0), ("down", 0.3), ("up", 0.1), ("down", 0.1), ("up", 0.1), ("down", 5.0), ("up", 0.1)]
    for name, passed_s in script:
        now[0] += passed_s
        outage.down(ConnectionError("gone")) if name == "down" else outage.up()
    assert stats.totals["outages"] == 2
    for passed_s in (0.1, 0.5, 0.6):  # it is away again, and stays away
        now[0] += passed_s
        outage.down(ConnectionError("gone"))
    assert stats.totals["outages"] == 3
