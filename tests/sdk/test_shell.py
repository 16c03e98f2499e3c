"""The example by curl publishes through a real gateway, each message once."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest
import redis
from tests.gateway.gateways import gateway
from tests.gateway.stage import GatewayProcess
from tests.producer.reading import payloads_of, read_lane
from tests.sdk.languages import SDK

__all__ = ["gateway"]
pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(
        not all(map(shutil.which, ("bash", "curl", "awk"))), reason="shell: bash, curl or awk not installed"
    ),
]


def test_the_shell_publishes_by_http(gateway: GatewayProcess, db: redis.Redis) -> None:
    environment = os.environ | {"LANECAST_URL": gateway.url}
    done = subprocess.run(
        [SDK / "shell" / "walkers.sh", "walkers", "20"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    frames = [frame for _, frame in read_lane(db, "walkers", "high")]
    assert [frame.step for frame in frames] == list(range(1, 21))
    assert frames[-1].layers["walkers"].ids.tolist() == list(range(1, 41))
    states = [change.state for change in payloads_of(db, "walkers", "critical", "lifecycle")]
    assert states == ["created", "running", "ended"]
    assert [message.seq for message, _ in read_lane(db, "walkers", "critical")] == [1, 2, 3, 4]
    assert [metrics.step for metrics in payloads_of(db, "walkers", "normal", "metrics")] == [10, 20]


def test_a_shell_that_is_superseded_stops_and_a_wrong_message_is_told(gateway: GatewayProcess, db: redis.Redis) -> None:
    script = """
        . ./lanecast.sh
        lanecast_begin sim
        lanecast_send status '{"text": 7}'; echo "wrong $?"
        lanecast_send status '{"text": "first"}'; echo "good $?"
        _lanecast_post producers '{"producer": "sim"}' >/dev/null
        lanecast_send status '{"text": "late"}'; echo "fenced $?"
    """
    done = subprocess.run(
        ["bash", "-c", script], cwd=SDK / "shell", env=os.environ | {"LANECAST_URL": gateway.url},
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert done.stdout.split("\n")[:3] == ["wrong 1", "good 0", "fenced 3"]
    assert [status.text for status in payloads_of(db, "sim", "critical", "status")] == ["first"]
