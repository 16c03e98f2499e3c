"""Newest wins, tier by tier, and whatever nobody gets to see is counted under its reason."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lanecast.broker.payloads import Image
from lanecast.broker.tiers import TIERS
from lanecast.workers.images import relief
from lanecast.workers.images.camera import Camera, Plan, Source

ALL = relief.makes(TIERS, 0)
HIGH: Plan = {"high": ("high",)}


def source(n: int) -> Source:
    return Source(Image("front", "image/jpeg", n, n / 30, b"x" * 10), 4, 4, n, n)


def show(camera: Camera, plan: Plan, now: float) -> dict[str, int]:
    skipped = camera.begin(camera.due(plan, now), now)
    camera.busy = False
    return skipped


def test_at_thirty_pictures_a_second_every_tier_gets_its_own_rate() -> None:
    camera = Camera("front")
    made = dict.fromkeys(TIERS, 0)
    for n in range(300):
        camera.take(source(n), ALL, n / 30)
        for tier in show(camera, ALL, n / 30 + 0.001):
            made[tier] += 1
    for name, profile in TIERS.items():
        assert made[name] == pytest.approx(profile.fps * 10, abs=2)


def test_the_newest_picture_is_shown_in_the_end_though_it_came_too_soon() -> None:
    camera = Camera("front")
    camera.take(source(1), HIGH, 0.0)
    show(camera, HIGH, 0.0)
    camera.take(source(2), HIGH, 0.01)
    assert camera.due(HIGH, 0.01) == {}
    assert camera.next_s(HIGH) == pytest.approx(1 / 25)
    assert camera.due(HIGH, camera.next_s(HIGH)) == HIGH


def test_a_picture_that_nobody_got_says_why() -> None:
    camera = Camera("front")
    assert camera.take(source(1), {}, 0.0) is None
    assert camera.take(source(2), {}, 0.1) == "unwatched"
    assert camera.take(source(3), HIGH, 0.2) == "overload"
    show(camera, HIGH, 0.2)
    assert camera.take(source(4), HIGH, 0.21) is None
    assert camera.take(source(5), HIGH, 0.22) == "rate"


def test_a_message_tells_how_many_were_left_out_before_it() -> None:
    camera = Camera("front")
    for n in (1, 2, 3):
        camera.take(source(n), HIGH, n)
    assert show(camera, HIGH, 3.0) == {"high": 0}  # nobody has seen an earlier one
    for n in (4, 5, 6):
        camera.take(source(n), HIGH, n)
    assert show(camera, HIGH, 6.0) == {"high": 2}


def test_while_one_is_made_no_other_of_the_camera_is() -> None:
    camera = Camera("front")
    camera.take(source(1), HIGH, 0.0)
    camera.begin(HIGH, 0.0)
    camera.take(source(2), HIGH, 1.0)
    assert camera.next_s(HIGH) == float("inf")


def test_who_is_new_gets_what_others_have_seen() -> None:
    camera = Camera("front")
    camera.take(source(1), HIGH, 0.0)
    show(camera, HIGH, 0.0)
    assert camera.due(HIGH, 5.0) == {}
    camera.show_again("high")
    assert camera.due(HIGH, 5.0) == HIGH


@given(st.sets(st.sampled_from(list(TIERS))), st.integers(0, relief.HIGHEST))
def test_at_every_level_every_viewer_gets_something_and_the_best_tiers_are_not_made(
    watched: set[str], level: int
) -> None:
    plan = relief.makes(watched, level)
    assert sorted(tier for tiers in plan.values() for tier in tiers) == sorted(watched)
    left_out = relief.ORDER[len(relief.ORDER) - level :]
    assert not set(plan) & set(left_out)
    for made, tiers in plan.items():
        assert all(tier == made or tier in left_out for tier in tiers)


def test_ultra_is_the_first_to_go() -> None:
    assert relief.best(0) is None
    assert [relief.best(level) for level in range(1, 5)] == ["high", "medium", "low", "ultra_low"]
    assert relief.makes(TIERS, 1)["high"] == ("high", "ultra")


def test_relief_goes_down_within_a_second_each_and_up_only_after_a_hold() -> None:
    policy = relief.Relief()
    levels = [policy.update(1.0, 9, float(now)) for now in range(6)]
    assert levels == [1, 2, 3, 4, 4, 4]
    calm = [policy.update(0.2, 0, 5.0 + now) for now in range(1, 30)]
    assert calm[:3] == [4, 4, 4]
    assert calm[-1] == 0
    assert all(before - after in {0, 1} for before, after in pairwise(calm))


def test_skips_while_the_threads_are_idle_are_no_reason_for_relief() -> None:
    policy = relief.Relief()
    assert policy.update(0.3, 5, 1.0) == 0


def test_a_step_up_that_fails_makes_the_next_hold_twice_as_long() -> None:
    policy = relief.Relief()
    policy.update(1.0, 9, 0.0)

    def step_up(now: float) -> float:
        while policy.update(0.2, 0, now):
            now += 1
        return now

    first = step_up(1.0)
    policy.update(1.0, 9, first + 2)
    assert policy.level == 1
    second = step_up(first + 3)
    assert second - (first + 2) == pytest.approx(2 * relief.HOLD_S, abs=1)
