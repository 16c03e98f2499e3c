"""The profiles `sentinel` and `cluster` of compose.yaml, really started: frames come, and go on when a master dies."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.compose.stack import Stack, docker, running, why_not
from tests.compose.test_stack import tag
from tests.compose.viewers import Crowd

__all__ = ["tag"]
pytestmark = [
    pytest.mark.containers,
    pytest.mark.timeout(300),
    pytest.mark.skipif(why_not() is not None, reason=str(why_not())),
]
BACK_WITHIN_S = 60.0
SENTINELS = ",".join(f"sentinel-{n}:26379" for n in (1, 2, 3))
SHARDS = ",".join(f"shard-{n}:6379" for n in (1, 2, 3))
PARTS = ("gateway", "worker", "publisher", "nginx")


@pytest.fixture
def sentinel(root: Path, tag: str) -> Iterator[Stack]:
    url = f"redis+sentinel://:{{password}}@{SENTINELS}/lanecast/0"
    names = ("sentinel-1", "sentinel-2", "sentinel-3")
    with running(Stack(root, tag=tag, COMPOSE_PROFILES="sentinel", COMPOSE_REDIS_URL=url), *PARTS, *names) as it:
        it.ready()
        yield it


@pytest.fixture
def cluster(root: Path, tag: str) -> Iterator[Stack]:
    url = f"redis+cluster://:{{password}}@{SHARDS}"
    with running(Stack(root, tag=tag, COMPOSE_PROFILES="cluster", COMPOSE_REDIS_URL=url), *PARTS, "join-cluster") as it:
        it.ready()
        yield it


async def test_behind_sentinels_viewers_go_on_when_the_master_dies(sentinel: Stack) -> None:
    url = f"{sentinel.url.replace('http', 'ws')}/ws"
    async with Crowd(url, "points", sentinel.secret, 10) as crowd:
        await crowd.all_live(60)
        (master,) = await asyncio.to_thread(sentinel.containers, "valkey")
        await asyncio.to_thread(docker, "kill", "--signal", "KILL", master)
        await crowd.all_live(BACK_WITHIN_S)


async def test_on_a_cluster_runs_are_served(cluster: Stack) -> None:
    url = f"{cluster.url.replace('http', 'ws')}/ws"
    async with Crowd(url, "points", cluster.secret, 10) as crowd:
        await crowd.all_live(60)
        assert crowd.holes() == []
