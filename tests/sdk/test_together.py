"""Runs from every language that is here, live at once: one worker makes their frames, one gateway has them all."""

from __future__ import annotations

import contextlib
import os
import subprocess
from pathlib import Path

import httpx
import pytest
from tests.gateway.gateways import gateway
from tests.gateway.stage import GatewayProcess, receive, send
from tests.producer.reading import simulating, wait_until
from tests.sdk.languages import SDK, Language
from tests.workers.rig import workers

from lanecast.producer import Run

__all__ = ["gateway"]
pytestmark = [pytest.mark.integration, pytest.mark.timeout(900)]  # whoever is first builds the SDKs


async def test_runs_from_all_languages_are_live_at_once(
    languages: list[Language], gateway: GatewayProcess, redis_url: str, tmp_path: Path
) -> None:
    runs = {f"from-{language.name}" for language in languages} | {"from-python", "from-shell"}
    with contextlib.ExitStack() as stack:
        stack.enter_context(workers(redis_url, tmp_path)).start("w1")
        for language in languages:
            _killed_at_the_end(stack, language.start("simulate", redis_url, f"from-{language.name}"))
        _killed_at_the_end(stack, _walkers(gateway.url))
        stack.enter_context(simulating(Run("from-python", url=redis_url)))

        wait_until(lambda: _running(gateway.url) >= runs, "all of them running", timeout_s=30)
        frames = dict.fromkeys(runs, 0)
        async with gateway.connect() as socket:
            for run in sorted(runs):
                await send(socket, type="subscribe", run=run)
            while min(frames.values()) < 5:
                message = await receive(socket)
                if message["type"] == "frame":
                    frames[message["run"]] += 1
        assert _running(gateway.url) >= runs, "and none has ended meanwhile"


def _walkers(url: str) -> subprocess.Popen[str]:
    command = [str(SDK / "shell" / "walkers.sh"), "from-shell"]
    return subprocess.Popen(command, env=os.environ | {"LANECAST_URL": url}, text=True, stdout=subprocess.DEVNULL)


def _killed_at_the_end(stack: contextlib.ExitStack, process: subprocess.Popen[str]) -> None:
    stack.enter_context(process)
    stack.callback(process.kill)


def _running(url: str) -> set[str]:
    infos = httpx.get(f"{url}/api/runs").json()["runs"]
    return {info["id"] for info in infos if info["state"] == "running"}
