from __future__ import annotations

import asyncio
import contextlib

import msgspec
import pytest
from websockets.asyncio.server import ServerConnection, serve

from lanecast.ops import ports, viewer
from lanecast.ops.problem import Problem
from lanecast.ops.session import Session


@pytest.mark.parametrize(
    ("url", "endpoint"),
    [
        ("http://127.0.0.1:8080", "ws://127.0.0.1:8080/ws"),
        ("https://casts.example.org/town/", "wss://casts.example.org/town/ws"),
        ("ws://[::1]:80", "ws://[::1]:80/ws"),
        ("gateway:8080", "ws://gateway:8080/ws"),
    ],
)
def test_the_endpoint_follows_from_the_gateways_url(url: str, endpoint: str) -> None:
    assert viewer.websocket_url(url) == endpoint


@pytest.mark.parametrize("url", ["ftp://x", "http://", "redis://127.0.0.1:6379"])
def test_what_is_no_url_of_a_gateway_is_a_problem(url: str) -> None:
    with pytest.raises(Problem, match="not the URL"):
        viewer.websocket_url(url)


async def test_a_gateway_that_is_not_there_is_a_problem_with_a_remedy() -> None:
    url = f"http://127.0.0.1:{ports.free_port()}"
    with pytest.raises(Problem, match="nobody listens") as raised:
        async for _ in viewer.watch(url, Session("city"), patient=False):
            pass
    assert "lanecast up" in raised.value.hint


class Talker:
    """A gateway's side that says welcome and then plays one script per connection."""

    def __init__(self, *ends: tuple[int, str]) -> None:
        self.ends = list(ends)
        self.subscribes: list[dict[str, object]] = []

    async def __call__(self, connection: ServerConnection) -> None:
        await connection.send(msgspec.msgpack.encode({"type": "welcome", "auth": False}))
        self.subscribes.append(msgspec.msgpack.decode(await connection.recv(decode=False)))
        if not self.ends:
            notice = {"type": "notice", "run": "city", "text": "you are back"}
            await connection.send(msgspec.msgpack.encode(notice))
            with contextlib.suppress(Exception):
                await connection.wait_closed()
            return
        await connection.close(*self.ends.pop(0))


async def watch(talker: Talker) -> list[str]:
    """What a viewer of `talker` hears until it is told that it is back."""
    heard = []
    async with serve(talker, "127.0.0.1", ports.free_port(), subprotocols=["lanecast.v1"]) as server:  # type: ignore[list-item]
        host, port = next(iter(server.sockets)).getsockname()
        source = viewer.watch(f"http://{host}:{port}", Session("city"))
        async with asyncio.timeout(10), contextlib.aclosing(source):
            async for taken in source:
                if isinstance(taken, str):
                    heard.append(taken)
                elif taken.message is not None:
                    heard.append(str(taken.message["text"]))
                    break
    return heard


async def test_a_viewer_comes_back_after_a_close_that_says_so() -> None:
    talker = Talker((1012, "retry_ms=1"), (4413, "too slow"))
    assert await watch(talker) == [
        "closed by the gateway (1012: retry_ms=1)",
        "closed by the gateway (4413: too slow)",
        "you are back",
    ]
    assert len(talker.subscribes) == 3


@pytest.mark.parametrize("code", [1000, 4400, 4403])
async def test_a_viewer_stays_away_after_a_close_that_says_so(code: int) -> None:
    with pytest.raises(Problem, match=str(code)):
        await watch(Talker((code, "enough")))
