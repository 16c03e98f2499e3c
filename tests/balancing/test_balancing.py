"""Behind nginx and HAProxy, as ops/ configures them: who gets whom, reloads, gateways that die, fill up or stop."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import httpx
import pytest
import redis.asyncio
import websockets
from tests.balancing.conftest import StartBalancer
from tests.gateway.gateways import Start
from tests.gateway.stage import GatewayProcess, RawViewer, RunOwner, eventually, until, wait_until
from tests.support.servers import free_port

from lanecast.ops.bench.balancers import Balancer, Haproxy
from lanecast.ops.bench.crowd import Crowd
from lanecast.ops.bench.house import Caster

pytestmark = pytest.mark.integration
IN_TIME_S = 8.0
VIEWERS = 30
Pair = tuple[GatewayProcess, GatewayProcess]


@asynccontextmanager
async def crowd(balancer: Balancer, run: str) -> AsyncIterator[Crowd]:
    """Viewers of a run of `Caster`, all of them subscribed."""
    it = Crowd(balancer.port, run, "high")
    try:
        it.grow(VIEWERS)
        assert await it.settled(IN_TIME_S), (it.nodes(), it.refused, it.errors, it.closed, balancer.log())
        yield it
    finally:
        await it.leave()


async def all_told(crowd: Crowd, caster: Caster) -> None:
    """Every viewer has got every status since it came, once, in order."""
    last = await asyncio.to_thread(caster.stop)
    assert last > 0
    assert await crowd.reached(last, IN_TIME_S) == 0
    assert (crowd.lost, crowd.duplicates, crowd.unrecovered) == (0, 0, 0)


def spread(crowd: Crowd) -> int:
    counts = crowd.nodes().values()
    return max(counts) - min(counts)


@pytest.mark.parametrize("count", [2, 3])
async def test_viewers_are_spread_evenly(
    count: int, start_balancer: StartBalancer, start_gateway: Start, pair: Pair, redis_url: str, run: str
) -> None:
    gateways = [*pair, *(start_gateway() for _ in range(count - len(pair)))]
    balancer = start_balancer(*(gateway.port for gateway in gateways))
    with Caster(redis_url, run) as caster:
        async with crowd(balancer, run) as viewers:
            assert len(viewers.nodes()) == count
            assert spread(viewers) <= 2
            await all_told(viewers, caster)
            assert viewers.cuts == 0


async def test_a_reload_cuts_nobody_and_brings_the_new_gateway_in(
    start_balancer: StartBalancer, pair: Pair, redis_url: str, run: str
) -> None:
    first, second = pair
    balancer = start_balancer(first.port)
    with Caster(redis_url, run) as caster:
        async with crowd(balancer, run) as viewers:
            balancer.write([first.port, second.port])
            balancer.reload()

            async def met() -> bool:
                async with httpx.AsyncClient() as http:
                    answers = [await http.get(f"http://127.0.0.1:{balancer.port}/healthz") for _ in range(4)]
                return "right" in [answer.json()["node"] for answer in answers]

            await eventually(met)
            viewers.grow(VIEWERS)
            assert await viewers.settled(IN_TIME_S)
            assert viewers.nodes()["right"] > VIEWERS // 3
            for _ in range(3):
                balancer.reload()
                said = caster.said
                await viewers.reached(said + 5, IN_TIME_S)
            await all_told(viewers, caster)
            assert viewers.cuts == 0
            assert viewers.refused == {}


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM], ids=["killed", "told to end"])
async def test_viewers_of_a_gateway_that_ends_resume_at_another_without_loss(
    end: signal.Signals, start_balancer: StartBalancer, start_gateway: Start, pair: Pair, redis_url: str, run: str
) -> None:
    doomed, other = start_gateway(node="doomed"), pair[0]
    balancer = start_balancer(doomed.port, other.port)
    with Caster(redis_url, run) as caster:
        async with crowd(balancer, run) as viewers:
            await viewers.reached(3, IN_TIME_S)
            moving = [one for one in viewers.members if one.node == "doomed"]
            assert moving
            await asyncio.to_thread(doomed.kill if end is signal.SIGKILL else doomed.stop)
            await viewers.until(lambda: viewers.cuts == len(moving), IN_TIME_S)
            assert await viewers.settled(IN_TIME_S)
            assert viewers.cuts == len(moving), "the other gateway's viewers do not notice"
            assert len(viewers.nodes()) == 1
            assert viewers.resumes == len(moving)
            assert viewers.closed == ({} if end is signal.SIGKILL else {1012: len(moving)})
            await all_told(viewers, caster)


async def test_gateways_that_are_restarted_one_after_the_other_lose_nobody(
    start_balancer: StartBalancer, start_gateway: Start, redis_url: str, run: str
) -> None:
    gateways = [start_gateway(node="first"), start_gateway(node="second")]
    balancer = start_balancer(*(gateway.port for gateway in gateways))
    with Caster(redis_url, run) as caster:
        async with crowd(balancer, run) as viewers:
            for gateway, other in (gateways, gateways[::-1]):
                await asyncio.to_thread(gateway.stop)
                here = other.environment["LANECAST_NODE"]
                assert await viewers.until(lambda here=here: viewers.nodes() == {here: VIEWERS}, IN_TIME_S)  # type: ignore[misc]
                await asyncio.to_thread(gateway.start)
            assert await viewers.settled(IN_TIME_S)
            await all_told(viewers, caster)


async def test_a_gateway_that_is_full_passes_viewers_on_and_when_all_are_full_they_are_told_when_to_come_back(
    start_balancer: StartBalancer, start_gateway: Start, redis_url: str, run: str
) -> None:
    gateways = [start_gateway(max_viewers=VIEWERS // 2), start_gateway(max_viewers=VIEWERS // 2)]
    balancer = start_balancer(*(gateway.port for gateway in gateways))
    with Caster(redis_url, run):
        async with crowd(balancer, run) as viewers:
            assert sorted(viewers.nodes().values()) == [VIEWERS // 2, VIEWERS // 2]
            one_too_many = await asyncio.to_thread(RawViewer, balancer.port)
            assert one_too_many.status == 503
            assert b"retry-after: 2" in one_too_many.response.lower()
            one_too_many.close()
            added = viewers.grow(1)
            viewers.refused.clear()
            await viewers.until(lambda: viewers.refused["503"] > 0, IN_TIME_S)
            viewers.members[0].retire()
            assert await viewers.settled(IN_TIME_S, added), "there is room again, and it had waited"
            assert viewers.unadvised == 0


async def test_without_any_gateway_the_answer_is_503_and_when_to_come_back(start_balancer: StartBalancer) -> None:
    balancer = start_balancer(free_port(), free_port())
    async with httpx.AsyncClient() as http:
        for path in ("/api/runs", "/"):
            answer = await http.get(f"http://127.0.0.1:{balancer.port}{path}")
            assert answer.status_code == 503
            assert answer.headers["retry-after"] == "2"
            assert "try again" in answer.json()["error"]["message"]


async def test_a_gateway_gets_to_know_who_the_client_is_whatever_the_client_claims(
    start_balancer: StartBalancer, pair: Pair, client: redis.asyncio.Redis, run: str
) -> None:
    await RunOwner(client, run).begin()
    gateway = pair[0]
    balancer = start_balancer(gateway.port)
    claims = {"X-Forwarded-For": "6.6.6.6", "Forwarded": "for=6.6.6.6"}
    uri = f"ws://127.0.0.1:{balancer.port}/ws/{run}"
    async with (
        websockets.connect(uri, additional_headers=claims, local_addr=("127.0.0.9", 0)) as socket,
        httpx.AsyncClient() as http,
    ):
        await until(socket, "subscribed")
        (row,) = (await http.get(f"{gateway.url}/api/stats/clients")).json()["clients"]
    assert row["address"] == "127.0.0.9"


async def test_a_gateway_believes_nobody_about_addresses_unless_it_is_told_to(start_gateway: Start) -> None:
    gateway = start_gateway()
    claims = {"X-Forwarded-For": "6.6.6.6"}
    async with gateway.connect(additional_headers=claims) as socket, httpx.AsyncClient() as http:
        await until(socket, "welcome")
        (row,) = (await http.get(f"{gateway.url}/api/stats/clients")).json()["clients"]
    assert row["address"].startswith("127.0.0.1:")


async def test_what_is_in_a_query_or_a_header_is_in_no_log(start_balancer: StartBalancer, start_gateway: Start) -> None:
    gateway = start_gateway()
    balancer = start_balancer(gateway.port)
    secret = "s3cr3t-value"
    url = f"http://127.0.0.1:{balancer.port}/api/runs?token={secret}"
    headers = {"Authorization": f"Bearer {secret}", "Referer": f"http://x/?{secret}", "Cookie": secret}
    async with httpx.AsyncClient(headers=headers) as http:
        assert (await http.get(url)).status_code == 400
        wait_until(lambda: balancer.log().count("/api/runs") == 1, "line in the log")
        gateway.kill()
        assert (await http.get(url)).status_code == 503
        assert (await http.get(url + "&x=" + "y" * 50_000)).status_code in (400, 414)
    wait_until(lambda: '"status":503' in balancer.log(), "line in the log")
    assert secret not in balancer.log()


async def test_figures_of_a_gateway_that_is_chosen_by_chance_are_not_shown(
    start_balancer: StartBalancer, pair: Pair
) -> None:
    balancer = start_balancer(pair[0].port)
    async with httpx.AsyncClient() as http:
        assert (await http.get(f"http://127.0.0.1:{balancer.port}/metrics")).status_code == 404
        assert (await http.get(f"http://127.0.0.1:{balancer.port}/healthz")).status_code == 200


async def test_one_address_has_no_more_connections_than_it_may(start_balancer: StartBalancer, pair: Pair) -> None:
    balancer = start_balancer(pair[0].port, per_address=3)
    viewers = [await asyncio.to_thread(RawViewer, balancer.port) for _ in range(3)]
    assert [viewer.status for viewer in viewers] == [101] * 3
    many = await asyncio.to_thread(RawViewer, balancer.port)
    assert many.status == 429
    for viewer in (*viewers, many):
        viewer.close()


async def test_a_gateway_without_redis_gets_nobody_new(
    start_balancer: StartBalancer, start_gateway: Start, pair: Pair, redis_url: str, run: str
) -> None:
    cut_off = start_gateway(node="cut-off", redis_url=f"redis://127.0.0.1:{free_port()}/0", ready=False)
    balancer = start_balancer(cut_off.port, pair[0].port)
    if not isinstance(balancer, Haproxy):
        pytest.skip("nginx without a subscription does not ask gateways how they are")
    wait_until(_asked(balancer), "check of health")
    with Caster(redis_url, run):
        async with crowd(balancer, run) as viewers:
            assert "cut-off" not in viewers.nodes()


def _asked(balancer: Balancer) -> Callable[[], bool]:
    return lambda: "g1 is DOWN" in balancer.log()
