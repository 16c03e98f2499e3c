"""Fixtures for tests with a real load balancer in front of real gateways; each runs with nginx and with HAProxy."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.gateway.gateways import end, run, start_gateway
from tests.gateway.stage import GatewayProcess
from tests.support.servers import Server

from lanecast.ops.bench.balancers import Balancer, Haproxy, Nginx

__all__ = ["run", "start_gateway"]
StartBalancer = Callable[..., Balancer]


@pytest.fixture(scope="session")
def pair(redis_server: Server) -> Iterator[tuple[GatewayProcess, GatewayProcess]]:
    """Two gateways for all tests that leave them as they are; they believe a load balancer on this machine."""
    started = [GatewayProcess(redis_server.url, node=name, proxies="127.0.0.1/32") for name in ("left", "right")]
    left, right = (gateway.start() for gateway in started)
    yield left, right
    end(left)
    end(right)


@pytest.fixture(params=[Nginx, Haproxy], ids=["nginx", "haproxy"])
def start_balancer(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[StartBalancer]:
    """Starts the load balancer before gateways on these ports."""
    kind: type[Balancer] = request.param
    if kind.binary() is None:
        pytest.skip(f"{kind.name} is not installed")
    started: list[Balancer] = []

    def start(*gateways: int, **options: int) -> Balancer:
        it = kind(tmp_path, gateways, **options)
        started.append(it)
        it.start()
        return it

    yield start
    for it in started:
        it.stop()
