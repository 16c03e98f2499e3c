"""Token buckets."""

from __future__ import annotations

import math

import pytest

from lanecast.broker.rates import Bucket


def test_a_burst_goes_at_once_and_then_the_rate_holds() -> None:
    bucket, now, taken = Bucket(10, 5), 0.0, []
    while now < 2.0:
        wait_s = bucket.wait_s(now)
        if wait_s == 0.0:
            bucket.take()
            taken.append(now)
        now += wait_s
    assert taken[:5] == [0.0] * 5
    assert len(taken) == pytest.approx(5 + 20, abs=1)
    assert taken[6] - taken[5] == pytest.approx(0.1)


def test_a_batch_larger_than_the_bucket_is_let_through_and_waited_for() -> None:
    bucket = Bucket(100, 10)
    assert bucket.wait_s(0.0) == 0.0
    bucket.take(60)
    assert bucket.wait_s(0.0) == pytest.approx(0.51)
    assert bucket.wait_s(0.51) == 0.0


def test_an_idle_bucket_holds_no_more_than_its_burst() -> None:
    bucket = Bucket(100, 3)
    bucket.wait_s(0.0)
    bucket.wait_s(1000.0)
    for _ in range(3):
        assert bucket.wait_s(1000.0) == 0.0
        bucket.take()
    assert bucket.wait_s(1000.0) > 0


def test_a_rate_of_nothing_allows_the_burst_and_then_nothing_ever() -> None:
    bucket = Bucket(0)
    bucket.take()
    assert bucket.wait_s(1e9) == math.inf


def test_a_clock_that_goes_back_gives_nothing_away() -> None:
    bucket = Bucket(10, 1)
    bucket.wait_s(100.0)
    bucket.take()
    assert bucket.wait_s(50.0) == pytest.approx(0.1)
    assert bucket.wait_s(100.0) == pytest.approx(0.1)
