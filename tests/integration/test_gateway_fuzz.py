"""Whatever is sent to a gateway: it goes on, stays small, keeps its log short. `lanecast bench fuzz` sends more."""

from __future__ import annotations

from lanecast.ops.bench.fuzz import fuzz


def test_twenty_thousand_generated_frames_do_no_harm(redis_url: str) -> None:
    result = fuzz(redis_url, 20_000)
    assert all(check.passed for check in result.checks), (result.checks, result.rows)
    assert result.rows[0]["frames"] >= 20_000
    assert result.rows[0]["closed_by_gateway"] > 100, "or nothing was read"
