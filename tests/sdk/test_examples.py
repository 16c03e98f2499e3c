"""The examples of the SDKs run by the commands of their pages, all on one server, and stop when told."""

from __future__ import annotations

import contextlib
import os
import subprocess

import pytest
import redis
from tests.producer.reading import payloads_of, read_lane, send, wait_until
from tests.sdk.languages import Language

from lanecast.broker import keys

pytestmark = [pytest.mark.integration, pytest.mark.timeout(400)]  # the first test builds the SDK


def test_an_example_is_live_by_one_command_and_stops_when_told(language: Language, redis_url: str) -> None:
    run, command = language.example
    environment = os.environ | language.environment | {"LANECAST_REDIS_URL": redis_url}
    with contextlib.ExitStack() as stack:
        db = stack.enter_context(redis.Redis.from_url(redis_url))
        process = stack.enter_context(
            subprocess.Popen(command, cwd=language.folder, env=environment, start_new_session=True)
        )
        stack.callback(_end, process)
        wait_until(lambda: db.xlen(keys.lane(run, "high")) > 10, "frames", timeout_s=90)
        frame = read_lane(db, run, "high")[-1][1]
        assert frame.layers
        for name, layer in frame.layers.items():
            assert {"x", "y"} <= layer.columns.keys(), name
        wait_until(lambda: db.exists(keys.alive(run)), "somebody listening")
        assert send(db, run, "stop", "c1") == "sent"
        assert process.wait(15) == 0
        assert payloads_of(db, run, "critical", "lifecycle")[-1].state == "ended"


def _end(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, 9)  # the command may have started others
