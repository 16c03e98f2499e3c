"""The worker's and the jobs' figures, as text."""

from __future__ import annotations

from lanecast.broker.exposition import render
from lanecast.workers import gauges
from lanecast.workers.stats import NAMES, Stats
from lanecast.workers.strain import Process


def test_gauges_and_counters_are_prometheus_text() -> None:
    stats = Stats()
    stats.runs = 2
    stats.quality = {"b": 0, "a": 3}
    stats.add("frames", 7)
    lines = render(gauges.samples(stats, Process())).splitlines()
    assert "lanecast_worker_runs 2" in lines
    assert [line for line in lines if line.startswith("lanecast_worker_quality_level")] == [
        'lanecast_worker_quality_level{run="a"} 3', 'lanecast_worker_quality_level{run="b"} 0',
    ]  # fmt: skip
    assert "lanecast_worker_frames_total 7" in lines
    named = {line.split()[2] for line in lines if line.startswith("# TYPE")}
    assert {line.split("{")[0].split()[0] for line in lines if not line.startswith("#")} <= named


def test_what_runs_count_is_told_by_its_causes() -> None:
    stats = Stats()
    for name in (
        "dropped:high:expired", "dropped:high:superseded", "failed:render:ultra", "quality:2", "flow:skip_low",
        "retried:normal", "trimmed:low", "rejected:demand:invalid", "failed:reducer:a:b", "unknown:x",
    ):  # fmt: skip
        stats.event(name, 2)
    stats.aged("worker", 0.03)
    lines = render(gauges.samples(stats, Process())).splitlines()
    for line in (
        'lanecast_worker_dropped_total{lane="high",cause="expired"} 2',
        'lanecast_worker_rejected_total{lane="demand",cause="invalid"} 2',
        'lanecast_worker_failed_total{kind="reducer",name="a:b"} 2',
        'lanecast_worker_quality_changes_total{to="2"} 2',
        'lanecast_worker_flow_changes_total{to="skip_low"} 2',
        'lanecast_worker_retried_total{lane="normal"} 2',
        'lanecast_worker_frame_age_seconds_bucket{hop="worker",le="0.05"} 1',
    ):
        assert line in lines
    assert not [line for line in lines if "unknown" in line]
    types = [line for line in lines if line.startswith("# TYPE")]
    assert len(types) == len(set(types)), "the samples of a family stand together"


def test_every_counter_of_the_worker_is_told_once() -> None:
    assert set(NAMES) == set(gauges.COUNTERS) | {"dropped", "rejected"}
