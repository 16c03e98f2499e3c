"""Fixtures: each SDK, built once a session."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from tests.sdk.languages import LANGUAGES, Language, why_not
from tests.support.servers import Server, start_server


@pytest.fixture(params=LANGUAGES, ids=lambda language: language.name)
def language(request: pytest.FixtureRequest) -> Language:
    """An SDK, ready to be run."""
    language: Language = request.param
    if why := why_not(language):
        pytest.skip(why)
    return language


@pytest.fixture
def languages() -> list[Language]:
    """All SDKs that can be run here."""
    ready = [language for language in LANGUAGES if why_not(language) is None]
    if not ready:
        pytest.skip("none of the SDKs' toolchains is installed")
    return ready


@pytest.fixture
def db(redis_url: str) -> Iterator[redis.Redis]:
    """A client of the empty database."""
    with redis.Redis.from_url(redis_url) as client:
        yield client


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[Server]:
    """A server of the test's own, to be killed."""
    server = start_server(tmp_path)
    yield server
    server.stop()
