"""Waits before a server is tried again."""

from __future__ import annotations

from lanecast.broker.backoff import Backoff


def test_waits_double_with_jitter_up_to_the_longest_and_begin_again_after_a_success() -> None:
    backoff = Backoff(0.1, 1.0)
    waits = [backoff.next_s() for _ in range(20)]
    for wait, whole in zip(waits, [0.1, 0.2, 0.4, 0.8, *[1.0] * 16], strict=True):
        assert whole / 2 <= wait <= whole
    assert len(set(waits[4:])) > 1, "a thousand clients would come back at once"
    backoff.reset()
    assert backoff.next_s() <= 0.1
