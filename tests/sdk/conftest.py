"""Fixtures: each SDK, built once a session."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from tests.sdk.languages import BUILD, LANGUAGES, Language
from tests.support.servers import Server, start_server

_built: dict[str, tuple[str, str]] = {}


@pytest.fixture(params=LANGUAGES, ids=lambda language: language.name)
def language(request: pytest.FixtureRequest) -> Language:
    """An SDK, ready to be run."""
    language: Language = request.param
    if why := _why_not(language):
        pytest.skip(why)
    return language


@pytest.fixture
def languages() -> list[Language]:
    """All SDKs that can be run here."""
    ready = [language for language in LANGUAGES if _why_not(language) is None]
    if not ready:
        pytest.skip("none of the SDKs' toolchains is installed")
    return ready


def _why_not(language: Language) -> str | None:
    """Why the SDK cannot be run here, if so; AssertionError if it should, but cannot be built."""
    if missing := language.missing():
        return missing
    if language.name not in _built:
        BUILD.mkdir(parents=True, exist_ok=True)
        _built[language.name] = _build(language)
    how, why = _built[language.name]
    assert how != "failed", why
    return why if how == "skipped" else None


def _build(language: Language) -> tuple[str, str]:
    """Whether it was built, skipped or failed, and why."""
    try:
        for command in language.build:
            language.run(command)
    except AssertionError as failed:
        if any(text in str(failed) for text in language.unreachable):
            return "skipped", f"{language.name}: its packages cannot be had here"
        return "failed", str(failed)
    return "built", ""


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
