"""Fixtures for gateways, to be imported into test modules.

`gateway` is one process for all tests, with default settings; each test has a run of its own, `run`. What a test kills,
stops or sets otherwise it starts by `start_gateway`.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.gateway.stage import GatewayProcess
from tests.support.servers import Server

Start = Callable[..., GatewayProcess]
_numbers = itertools.count(1)


@pytest.fixture
def start_gateway(redis_url: str) -> Iterator[Start]:
    """Starts gateways with settings; those that still run at the end must end as they are told to."""
    started: list[GatewayProcess] = []

    def start(*, ready: bool = True, **settings: Any) -> GatewayProcess:
        gateway = GatewayProcess(settings.pop("redis_url", redis_url), **settings)
        started.append(gateway)
        return gateway.start(ready=ready)

    yield start
    for gateway in started:
        if gateway.process is not None and gateway.process.poll() is None:
            end(gateway)


@pytest.fixture(scope="session")
def gateway(redis_server: Server) -> Iterator[GatewayProcess]:
    """One gateway with default settings, for all tests."""
    gateway = GatewayProcess(redis_server.url).start()
    yield gateway
    end(gateway)


@pytest.fixture
def run(request: pytest.FixtureRequest) -> str:
    """The id of a run that no other test uses."""
    return f"run-{next(_numbers)}"


def end(gateway: GatewayProcess) -> None:
    """It must end as it is told to, without having met anything unexpected."""
    code, log = gateway.stop()
    assert code == 0, log
    assert "task_failed" not in log, log
    assert "Traceback" not in log, log
