"""One embedded server for the tests of this folder, as `StreamServer` starts it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lanecast.producer.optimizer import StreamServer


@pytest.fixture(scope="package")
def stream_server() -> Iterator[StreamServer]:
    with StreamServer() as server:
        yield server
