"""The crowd of the benches sees what it is there to see: messages that are lost, doubled, or untold after a resume."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.http11 import Request, Response

from lanecast.ops.bench.crowd import Crowd

IN_TIME_S = 10.0
FRAME = msgspec.msgpack.encode({"type": "frame", "run": "r"})


def status(number: int) -> bytes:
    body = {"type": "status", "offset": f"1-{number + 1}", "prev": f"1-{number}", "text": f"bench {number}"}
    return msgspec.msgpack.encode(body)


def subscribed(*, recovered: bool) -> bytes:
    return msgspec.msgpack.encode({"type": "subscribed", "epoch": "e", "offset": "1-0", "recovered": recovered})


class Gateway:
    """Sends one script of numbers per connection, then closes it by `end`; `wishes` is what viewers asked for."""

    def __init__(
        self, *scripts: Iterable[int], recovered: bool = True, end: tuple[int, str] = (1012, "retry_ms=1")
    ) -> None:
        self.scripts = list(scripts)
        self.recovered = recovered
        self.end = end
        self.wishes: list[dict[str, Any]] = []

    async def __call__(self, socket: ServerConnection) -> None:
        await socket.send(msgspec.msgpack.encode({"type": "welcome", "node": "n"}))
        self.wishes.append(msgspec.msgpack.decode(await socket.recv(decode=False)))
        await socket.send(subscribed(recovered=self.recovered))
        for number in self.scripts.pop(0):
            await socket.send(status(number))
        await socket.send(FRAME)
        if self.scripts:
            await socket.close(*self.end)
        else:
            await socket.wait_closed()


@asynccontextmanager
async def watched(gateway: Any, **options: Any) -> AsyncIterator[Crowd]:
    async with serve(gateway, "127.0.0.1", 0, subprotocols=["lanecast.v1"], compression=None, **options) as server:  # type: ignore[list-item]
        crowd = Crowd(port_of(server), "r", "high")
        crowd.grow(1)
        yield crowd
        await crowd.leave()


def port_of(server: Server) -> int:
    port: int = next(iter(server.sockets)).getsockname()[1]
    return port


@pytest.mark.parametrize(
    ("scripts", "lost", "duplicates"),
    [
        (([3, 4, 5], [6, 7]), 0, 0),
        (([3, 4, 5], [7]), 1, 0),
        (([3, 4, 5], [5, 6, 7]), 0, 1),
        (([3, 5, 4], [6, 7]), 1, 1),
    ],
    ids=["all well", "one lost", "one twice", "out of order"],
)
async def test_every_message_is_counted_over_all_connections(
    scripts: tuple[list[int], ...], lost: int, duplicates: int
) -> None:
    gateway = Gateway(*scripts)
    async with watched(gateway) as crowd:
        assert await crowd.reached(7, IN_TIME_S) == 0
        assert (crowd.lost, crowd.duplicates, crowd.resumes, crowd.unrecovered) == (lost, duplicates, 1, 0)
        assert crowd.closed == {1012: 1}
    assert "offset" not in gateway.wishes[0]
    assert gateway.wishes[1]["offset"] == f"1-{scripts[0][-1] + 1}"


async def test_what_never_comes_is_missing() -> None:
    async with watched(Gateway([1, 2])) as crowd:
        assert await crowd.settled(IN_TIME_S)
        assert await crowd.reached(9, 0.1) == 7


async def test_a_resume_that_does_not_recover_is_seen() -> None:
    async with watched(Gateway([1], [2], recovered=False)) as crowd:
        assert await crowd.reached(2, IN_TIME_S) == 0
        assert crowd.unrecovered == 1


async def test_who_is_refused_comes_back_when_it_was_told_to_and_not_before() -> None:
    times: list[float] = []

    def refuse(socket: ServerConnection, _: Request) -> Response | None:
        times.append(asyncio.get_running_loop().time())
        if len(times) > 1:
            return None
        response = socket.respond(503, "full\n")
        response.headers["Retry-After"] = "1"
        return response

    async with watched(Gateway([1]), process_request=refuse) as crowd:
        assert await crowd.settled(IN_TIME_S)
        assert (crowd.refused, crowd.unadvised) == ({"503": 1}, 0)
    assert times[1] - times[0] >= 1.0
