"""Fixtures of the tests with real servers and processes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from tests.workers.rig import Workers, workers


@pytest.fixture
def db(redis_url: str) -> Iterator[redis.Redis]:
    """A client of the empty database."""
    with redis.Redis.from_url(redis_url) as client:
        yield client


@pytest.fixture
def pool(redis_url: str, tmp_path: Path) -> Iterator[Workers]:
    """Worker processes on it, started by the test and ended after it."""
    with workers(redis_url, tmp_path) as started:
        yield started
