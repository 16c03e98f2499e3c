"""The hand-over, against the installed uvicorn, on raw sockets and without Redis.

`lanecast.gateway.handover` relies on uvicorn's inside; these tests say on what, and fail when it changes.
"""

from __future__ import annotations

import asyncio
import gc
import inspect
import weakref
from collections.abc import AsyncIterator
from typing import Any

import pytest
import uvicorn
from tests.gateway.stage import client_frame, eventually
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from lanecast.gateway import framing, handover
from lanecast.gateway.handover import EXTENSION, HandoverProtocol

REQUEST = (
    b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
HELLO = framing.message(framing.BINARY, b"hello")


class Echo(asyncio.Protocol):
    """The light protocol of these tests."""

    __slots__ = ("connections", "parser", "transport")

    def __init__(self, transport: asyncio.Transport, connections: set[Any]) -> None:
        self.transport = transport
        self.connections = connections
        self.parser = framing.Parser()

    def data_received(self, data: bytes) -> None:
        for opcode, payload in self.parser.feed(data):
            self.transport.write(framing.message(opcode, payload))

    def connection_lost(self, _exc: Exception | None) -> None:
        self.connections.discard(self)

    def shutdown(self) -> None:
        self.transport.close()


class Stand:
    """A server whose endpoint hands every connection over, and one client of it."""

    def __init__(self) -> None:
        self.heir: Any = None
        self.former: weakref.ref[Any] | None = None
        self.error: Exception | None = None
        self.may_accept = asyncio.Event()
        self.config = uvicorn.Config(
            self.app,
            interface="asgi3",
            ws=HandoverProtocol,
            lifespan="off",
            log_config=None,
            ws_per_message_deflate=False,
        )
        self.config.load()
        self.state = uvicorn.server.ServerState()

    async def app(self, scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await self.may_accept.wait()
        hand_over = scope["extensions"][EXTENSION]
        self.former = weakref.ref(hand_over.__self__)
        try:
            await send({"type": "websocket.accept"})
            self.heir = hand_over(Echo)
        except Exception as error:  # noqa: BLE001 - looked at by the test
            self.error = error

    async def connect(self) -> None:
        loop = asyncio.get_running_loop()

        def protocol() -> Any:
            make: Any = self.config.http_protocol_class
            return make(config=self.config, server_state=self.state, app_state={}, _loop=loop)

        self.listener = await loop.create_server(protocol, "127.0.0.1", 0)
        self.reader, self.writer = await asyncio.open_connection(*self.listener.sockets[0].getsockname())
        self.writer.write(REQUEST)

        async def asked() -> bool:
            return bool(self.state.tasks)

        await eventually(asked)

    async def accept(self) -> bytes:
        self.may_accept.set()
        return await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), 5)

    async def close(self) -> None:
        self.writer.close()

        async def gone() -> bool:
            return not self.state.connections

        await eventually(gone)
        self.listener.close()
        await self.listener.wait_closed()


@pytest.fixture
async def stand() -> AsyncIterator[Stand]:
    stand = Stand()
    await stand.connect()
    yield stand
    await stand.close()


async def test_the_connection_lives_on_when_the_asgi_task_has_ended(stand: Stand) -> None:
    assert b" 101 " in await stand.accept()

    async def ended() -> bool:
        return not stand.state.tasks

    await eventually(ended)
    stand.writer.write(client_frame(framing.BINARY, b"hello"))
    assert await asyncio.wait_for(stand.reader.readexactly(len(HELLO)), 5) == HELLO
    assert not stand.heir.transport.is_closing()


async def test_the_light_protocol_takes_the_old_ones_place_and_the_old_one_is_freed(stand: Stand) -> None:
    gc.collect()
    gc.disable()  # nothing is left to the garbage collector
    try:
        await stand.accept()
        assert list(stand.state.connections) == [stand.heir]

        async def freed() -> bool:
            return stand.former is not None and stand.former() is None

        await eventually(freed, within_s=2)
    finally:
        gc.enable()
    assert not hasattr(stand.heir, "__dict__")


async def test_what_a_client_sends_before_it_is_accepted_reaches_the_new_protocol(stand: Stand) -> None:
    (protocol,) = stand.state.connections
    stand.writer.write(client_frame(framing.BINARY, b"hello"))

    async def come() -> bool:
        return isinstance(protocol, HandoverProtocol) and bool(protocol.early)

    await eventually(come)
    await stand.accept()
    assert await asyncio.wait_for(stand.reader.readexactly(len(HELLO)), 5) == HELLO


async def test_a_client_that_pours_in_before_it_is_accepted_is_cut_off(stand: Stand) -> None:
    stand.writer.write(bytes(framing.MAX_MESSAGE_BYTES + 1))
    with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
        await asyncio.wait_for(stand.reader.readexactly(1), 5)
    stand.may_accept.set()


async def test_a_connection_that_is_gone_is_not_handed_over(stand: Stand) -> None:
    stand.writer.transport.abort()

    async def gone() -> bool:
        return not stand.state.connections

    await eventually(gone)
    stand.may_accept.set()

    async def refused() -> bool:
        return stand.error is not None

    await eventually(refused)
    assert stand.heir is None


def test_what_is_relied_on_in_uvicorn() -> None:
    assert "self.transport.close()" in inspect.getsource(WebSocketsSansIOProtocol.run_asgi), (
        "the reason for the stand-in transport"
    )
    assert '"extensions": {' in inspect.getsource(WebSocketsSansIOProtocol.handle_connect)
    assert "await self.writable.wait()" in inspect.getsource(WebSocketsSansIOProtocol.send)
    assert "connection.shutdown()" in inspect.getsource(uvicorn.Server.shutdown)
    assert issubclass(HandoverProtocol, WebSocketsSansIOProtocol)
    assert handover.EXTENSION == "lanecast.handover"
