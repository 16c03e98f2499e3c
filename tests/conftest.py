"""Fixtures that every test may use: a real Redis or Valkey server, fresh for each test, and the engines."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import redis
import redis.asyncio

from lanecast.broker.connect import connect
from tests.support.choice import Chosen, choose
from tests.support.servers import Server

_chosen: list[Chosen] = []


def pytest_report_header() -> list[str]:
    """Which server the tests run against, and why not one that comes before it."""
    _chosen[:] = [choose()]
    return [f"redis: {_chosen[0].what}", *(f"redis: not {reason}" for reason in _chosen[0].passed_over)]


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The server for the whole session; `tests.support.choice` says which."""
    chosen = _chosen[0] if _chosen else choose()
    with chosen.start(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def redis_url(redis_server: Server) -> str:
    """URL of an empty database."""
    with redis.Redis.from_url(redis_server.url) as client:
        client.flushall()
        client.script_flush()
    return redis_server.url


@pytest.fixture
async def client(redis_url: str) -> AsyncIterator[redis.asyncio.Redis]:
    """An asyncio client on an empty database."""
    client = connect(redis_url)
    yield client
    await client.aclose()


@pytest.fixture
def root() -> Path:
    """The project's root folder."""
    return Path(__file__).parent.parent
