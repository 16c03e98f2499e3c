"""Lines of JSON, published from a file or a pipe."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import pytest
import redis
from tests.producer.reading import read_lane, wait_until

from lanecast.broker import keys
from lanecast.broker.errors import Fenced, InvalidMessage
from lanecast.producer.publish import publish_lines

pytestmark = pytest.mark.integration


@pytest.fixture
def server(redis_url: str) -> Any:
    with redis.Redis.from_url(redis_url) as client:
        yield client


def test_every_line_arrives_frames_included_however_fast_they_come(redis_url: str, server: redis.Redis) -> None:
    lines = ['{"kind": "lifecycle", "state": "running", "title": "From a file"}\n', "\n"]
    for step in range(100):
        lines.append(f'{{"step": {step}, "time_s": {step / 10}, "layers": {{"p": {{"id": [1], "x": [{step}]}}}}}}\n')
        lines.append(f'{{"kind": "metrics", "step": {step}, "values": {{"n": {step}}}}}\n')
    lines.append('{"kind": "scene", "data": {"kind": "plain", "bounds": [0, 0, 1, 1]}}\n')
    errors = io.StringIO()
    report = publish_lines("sim", lines, redis_url, errors=errors)
    assert (report.refused, report.exit_status, errors.getvalue()) == (0, 0, "")
    assert report.published == {"lifecycle": 1, "frame": 100, "metrics": 100, "scene": 1}
    assert [frame.step for _, frame in read_lane(server, "sim", "high")] == list(range(100))
    assert [metrics.values["n"] for _, metrics in read_lane(server, "sim", "normal")] == list(range(100))
    assert [message.kind for message, _ in read_lane(server, "sim", "critical")] == ["lifecycle", "scene"]
    assert server.sismember(keys.RUNS, "sim")


def test_a_line_that_is_wrong_is_named_and_counted_and_the_others_are_published(
    redis_url: str, server: redis.Redis
) -> None:
    lines = [
        '{"kind": "status", "text": "good"}',
        "{",
        "7",
        '{"kind": "stratus", "text": "x"}',
        '{"step": 1, "time_s": 0, "layers": {"p": {"id": [1, 1]}}}',
        '{"kind": "scene", "bounds": [0, 0, 1, 1]}',
        '{"kind": "status", "text": "good, too"}',
    ]
    errors = io.StringIO()
    report = publish_lines("sim", lines, redis_url, errors=errors)
    assert (report.refused, report.exit_status) == (5, 1)
    assert [line.partition(": ")[0] for line in errors.getvalue().splitlines()] == [f"line {n}" for n in range(2, 7)]
    assert [line.split(": ")[1] for line in errors.getvalue().splitlines()] == [
        "line", "line", "kind", "layers.p.id", "data",
    ]  # fmt: skip
    assert [status.text for _, status in read_lane(server, "sim", "critical")] == ["good", "good, too"]


def test_a_second_call_takes_the_next_epoch(redis_url: str, server: redis.Redis) -> None:
    for _ in range(2):
        publish_lines("sim", ['{"kind": "status", "text": "x"}'], redis_url)
    assert [message.epoch for message, _ in read_lane(server, "sim", "critical")] == [1, 2]


def test_publishing_stops_when_a_newer_producer_takes_over(redis_url: str, server: redis.Redis) -> None:
    def lines() -> Iterator[str]:
        yield '{"kind": "status", "text": "x"}'
        wait_until(lambda: read_lane(server, "sim", "critical"), "the first line")
        server.hincrby(keys.producers("sim"), "sim", 1)
        while True:
            yield '{"kind": "status", "text": "y"}'

    with pytest.raises(Fenced, match="epoch 1 is fenced off, epoch 2 is in force"):
        publish_lines("sim", lines(), redis_url)
    assert len(read_lane(server, "sim", "critical")) == 1


def test_a_run_id_that_is_none_is_refused_at_once(redis_url: str) -> None:
    with pytest.raises(InvalidMessage, match="run"):
        publish_lines("a run", [], redis_url)
