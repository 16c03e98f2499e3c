"""compose.yaml, really started: three gateways behind nginx, two workers, 500 viewers.

Gateways die one after another, everything is restarted in turn, and nobody misses or doubles a lossless message.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from tests.compose.stack import Stack, docker, running, wait_for, why_not
from tests.compose.viewers import Crowd
from tests.support.containers import why_not as lacks

pytestmark = [
    pytest.mark.containers,
    pytest.mark.timeout(420),
    pytest.mark.skipif(why_not() is not None, reason=str(why_not())),
]

VIEWERS = 500
BACK_WITHIN_S = 20.0
"""Generous: the machine of a test may have one core for all containers and viewers; the bench `failover` measures."""


@pytest.fixture(scope="module")
def tag() -> Iterator[str]:
    """The image `lanecast` of this source tree; LANECAST_TEST_TAG names one that is there already."""
    given = os.environ.get("LANECAST_TEST_TAG")
    if given:
        yield given
        return
    root = Path(__file__).parents[2]
    done = subprocess.run(
        ["ops/docker/build", "lanecast"], cwd=root, env=os.environ | {"LANECAST_TAG": "test"},
        capture_output=True, text=True, timeout=400, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    yield "test"


@pytest.fixture(scope="module")
def stack(tag: str) -> Iterator[Stack]:
    root = Path(__file__).parents[2]
    with running(Stack(root, tag=tag), "--scale", "gateway=3", "--scale", "worker=2") as it:
        it.ready()
        yield it


def test_every_part_is_healthy_and_none_runs_as_root_or_can_write_to_its_image(stack: Stack) -> None:
    for service, count in {"valkey": 1, "worker": 2, "jobs": 1, "gateway": 3, "nginx": 1}.items():
        stack.healthy(service)
        assert len(stack.containers(service)) == count
    for service in ("worker", "jobs", "gateway", "publisher"):
        assert docker("exec", stack.containers(service)[0], "id", "-u") == "10001"
    for service in ("worker", "jobs", "gateway", "nginx"):
        assert stack.inspect(stack.containers(service)[0], "{{.HostConfig.ReadonlyRootfs}}") == "true"


def test_the_server_wants_its_password_and_appends_what_it_is_told_to_a_file(stack: Stack) -> None:
    ask = "import redis,sys; c=redis.Redis.from_url(sys.argv[1]).config_get; print(*(c(n)[n] for n in sys.argv[2:]))"
    wanted = ("appendonly", "maxmemory-policy")
    worker = stack.containers("worker")[0]
    answer = docker("exec", worker, "python", "-c", ask, stack.env["COMPOSE_REDIS_URL"], *wanted)
    assert answer.split() == ["yes", "noeviction"]
    with pytest.raises(AssertionError, match=r"(?i)auth"):
        docker("exec", worker, "python", "-c", ask, "redis://valkey:6379/0", *wanted)


async def test_500_viewers_lose_nothing_while_gateways_die_and_everything_is_restarted_in_turn(stack: Stack) -> None:
    async with Crowd(f"{stack.url.replace('http', 'ws')}/ws", "points", stack.secret, VIEWERS) as crowd:
        await crowd.all_live(60)
        nodes = {viewer.node for viewer in crowd.viewers}
        assert len(nodes) == 3, "viewers are spread over all gateways"
        gateways = await asyncio.to_thread(stack.containers, "gateway")
        for gateway in gateways:
            await asyncio.to_thread(docker, "kill", "--signal", "KILL", gateway)
            await crowd.all_live(BACK_WITHIN_S)
            await asyncio.to_thread(docker, "start", gateway)
            await asyncio.to_thread(stack.healthy, "gateway")
        assert all(viewer.resumes >= 1 for viewer in crowd.viewers), "each has lost its gateway at least once"
        await asyncio.to_thread(
            docker, "kill", "--signal", "KILL", (await asyncio.to_thread(stack.containers, "worker"))[0]
        )
        await crowd.all_live(BACK_WITHIN_S)
        for service in ("worker", "gateway", "jobs"):
            for container in await asyncio.to_thread(stack.containers, service):
                await asyncio.to_thread(docker, "restart", "-t", "5", container)
                await asyncio.to_thread(stack.healthy, service)
                await crowd.all_live(BACK_WITHIN_S)
        frames = [viewer.frames for viewer in crowd.viewers]
        await crowd.all_live(BACK_WITHIN_S)
        assert crowd.holes() == []
        assert min(frames) > 0
        first = max(viewer.numbers[0] for viewer in crowd.viewers)
        last = min(viewer.numbers[-1] for viewer in crowd.viewers)
        assert last > first


@pytest.mark.skipif(lacks("prom/prometheus:v2.42.0") is not None, reason=str(lacks("prom/prometheus:v2.42.0")))
def test_prometheus_finds_and_scrapes_every_process_and_takes_the_alerts(stack: Stack) -> None:
    stack.compose(
        "--profile", "monitoring", "up", "-d", "--no-deps", "--scale", "gateway=3", "--scale", "worker=2", "prometheus"
    )
    api = f"http://127.0.0.1:{stack.ports['LANECAST_PROMETHEUS_PORT']}/api/v1"

    def targets() -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        try:
            for target in httpx.get(f"{api}/targets", trust_env=False).json()["data"]["activeTargets"]:
                found.setdefault(target["labels"]["job"], []).append(target["health"])
        except httpx.HTTPError:
            return {}
        return found

    wanted = {"lanecast-gateway": ["up"] * 3, "lanecast-worker": ["up"] * 2, "lanecast-jobs": ["up"]}
    wait_for(lambda: targets() == wanted, 40, f"{wanted}, but {targets()}", stack.logs)
    rules = httpx.get(f"{api}/rules", trust_env=False).json()["data"]["groups"]
    assert {rule["health"] for group in rules for rule in group["rules"]} <= {"ok", "unknown"}

    def value(query: str) -> float:
        result = httpx.get(f"{api}/query", params={"query": query}, trust_env=False).json()["data"]["result"]
        return float(result[0]["value"][1]) if result else 0.0

    wait_for(lambda: value("sum(lanecast_worker_frames_total)") > 0, 20, "frames counted")
    wait_for(lambda: value("sum(lanecast_worker_runs)") == 1, 20, "run owned")
    assert value('count(lanecast_lag_seconds{run="points",reader="workers"})') > 0


@pytest.mark.skipif(lacks("haproxy:2.6-bookworm") is not None, reason=str(lacks("haproxy:2.6-bookworm")))
async def test_haproxy_serves_viewers_next_to_nginx(stack: Stack) -> None:
    up = ("--profile", "haproxy", "up", "-d", "--no-deps", "--scale", "gateway=3", "--scale", "worker=2", "haproxy")
    await asyncio.to_thread(stack.compose, *up)
    await asyncio.to_thread(stack.ready, "LANECAST_HAPROXY_PORT")
    port = stack.ports["LANECAST_HAPROXY_PORT"]
    async with Crowd(f"ws://127.0.0.1:{port}/ws", "points", stack.secret, 30) as crowd:
        await crowd.all_live(30)
        await asyncio.to_thread(
            docker, "kill", "--signal", "KILL", (await asyncio.to_thread(stack.containers, "gateway"))[0]
        )
        await crowd.all_live(BACK_WITHIN_S)
        assert crowd.holes() == []
        assert len({viewer.node for viewer in crowd.viewers}) >= 2
