"""Fixtures that every test may use: a real Redis or Valkey server, fresh for each test."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import redis
import redis.asyncio

from lanecast.broker.connect import connect
from tests.support.servers import Server, start_server


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The server for the whole session: LANECAST_TEST_REDIS_URL, else the embedded Valkey, else a local binary."""
    url = os.environ.get("LANECAST_TEST_REDIS_URL")
    if url:
        yield Server(url, "given by LANECAST_TEST_REDIS_URL")
        return
    server = start_server(tmp_path_factory.mktemp("redis"))
    yield server
    server.stop()


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
