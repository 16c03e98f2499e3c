"""Each test here runs on every engine that can be had; one that cannot is skipped with the reason."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from tests.support.engines import KINDS, Engine, Kind

from lanecast.broker.connect import connect

_numbers = itertools.count(1)


def _marks(kind: Kind) -> list[pytest.MarkDecorator]:
    marks = [pytest.mark.integration]
    return [*marks, pytest.mark.containers] if kind.name.endswith("-container") else marks


@pytest.fixture(scope="package", params=[pytest.param(kind, id=kind.name, marks=_marks(kind)) for kind in KINDS])
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """One engine for all tests; each test has a run of its own."""
    kind: Kind = request.param
    reason = kind.why_not()
    if reason is not None:
        pytest.skip(reason)
    with kind.run(tmp_path_factory.mktemp(kind.name)) as started:
        yield started


@pytest.fixture
def run() -> str:
    """The id of a run that no other test uses; neighbours are on different slots of a Cluster."""
    return f"engine-{next(_numbers)}"


@pytest.fixture
async def client(engine: Engine) -> AsyncIterator[Any]:
    """An asyncio client of the engine."""
    client = connect(engine.url)
    yield client
    await client.aclose()
