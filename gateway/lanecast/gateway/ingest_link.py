"""A producer's WebSocket, for those without a Redis client: messages in, acknowledgements and commands out.

The page: docs/protocol/ingest.md. Few producers connect, so each has a task and a well-kept parser (`websockets`), not
the light protocol of viewers. What a producer sends is handled in its order, one message after the other; while too
much waits, nothing more is read from it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from typing import Any, Final

import msgspec
import redis
import structlog
from websockets.frames import Frame, Opcode
from websockets.protocol import Protocol, Side, State

from lanecast.broker.connect import TRANSIENT
from lanecast.broker.errors import InvalidMessage
from lanecast.gateway import access, ingest
from lanecast.gateway.errors import Refused, TokenMissing
from lanecast.gateway.ingesting import Desk

MAX_WAITING: Final = 8
"""Messages that wait to be handled before reading stops."""
CLOSE_S: Final = 2.0
AUTH_S: Final = 10.0
SILENCE_S: Final = 60.0
"""A producer that has said nothing for so long is pinged, and let go if that is not answered either."""

log = structlog.get_logger()


class IngestLink(asyncio.Protocol):
    """One producer's connection. `desk` does what it asks; `key` is the gateway's secret, None: there is none."""

    def __init__(
        self, transport: asyncio.Transport, connections: set[Any], desk: Desk, identity: access.Identity | None,
        key: str | None,
    ) -> None:  # fmt: skip
        self._transport = transport
        self._connections = connections
        self._desk = desk
        self._identity = identity
        self._key = key
        self._wire = Protocol(Side.SERVER, state=State.OPEN, max_size=ingest.MAX_BODY_BYTES)
        self._waiting: deque[tuple[bytes, bool]] = deque()
        self._whole: list[bytes] = []
        self._text = False
        self._some = asyncio.Event()
        self._heard = True
        self._tasks: list[asyncio.Task[None]] = []

    def begin(self) -> None:
        """Greet, and begin to work."""
        self._tasks = [asyncio.create_task(self._work()), asyncio.create_task(self._watch())]
        self.say({"type": "welcome", "run": self._desk.run, "auth": self._identity is None}, text=False)

    # --- what comes ---

    def data_received(self, data: bytes) -> None:
        """Bytes have come."""
        self._heard = True
        self._wire.receive_data(data)
        for frame in self._wire.events_received():
            if isinstance(frame, Frame):
                self._take(frame)
        self._flush()

    def _take(self, frame: Frame) -> None:
        if frame.opcode not in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
            return
        if frame.opcode is not Opcode.CONT:
            self._text = frame.opcode is Opcode.TEXT
        self._whole.append(bytes(frame.data))
        if frame.fin:
            self._waiting.append((b"".join(self._whole), self._text))
            self._whole.clear()
            self._some.set()
            if len(self._waiting) >= MAX_WAITING:
                self._transport.pause_reading()

    def eof_received(self) -> bool:
        """The producer sends no more."""
        self._wire.receive_eof()
        return False

    # --- what goes ---

    def say(self, message: dict[str, Any], *, text: bool) -> None:
        """Send a message, as JSON if `text`."""
        if self._wire.state is not State.OPEN:
            return
        if text:
            self._wire.send_text(msgspec.json.encode(message))
        else:
            self._wire.send_binary(msgspec.msgpack.encode(message))
        self._flush()

    def close(self, code: int, reason: str) -> None:
        """Say goodbye."""
        if self._wire.state is State.OPEN:
            self._wire.send_close(code, reason[:120])
            self._flush()
            asyncio.get_running_loop().call_later(CLOSE_S, self._transport.abort)

    def shutdown(self) -> None:
        """Called by uvicorn for every connection when the process is told to end."""
        self.close(1012, "retry_ms=500")
        self._transport.close()

    def _flush(self) -> None:
        for data in self._wire.data_to_send():
            if data:
                self._transport.write(data)
            else:
                self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """The connection no longer exists."""
        self._connections.discard(self)
        for task in self._tasks:
            task.cancel()
        self._desk.leave()

    # --- work ---

    async def _work(self) -> None:
        while True:
            while not self._waiting:
                self._some.clear()
                await self._some.wait()
            payload, text = self._waiting.popleft()
            if len(self._waiting) < MAX_WAITING:
                with contextlib.suppress(RuntimeError):  # it is closing
                    self._transport.resume_reading()
            await self._handle(payload, text=text)

    async def _handle(self, payload: bytes, *, text: bool) -> None:
        message: Any = None
        try:
            message = self._decode(payload, text=text)
            if message.get("type") == "auth" or self._identity is None:
                self._authenticate(message)
                self.say({"type": "welcome", "run": self._desk.run, "auth": False}, text=text)
                return
            self._identity.require(access.INGEST, self._desk.run)
            answer = await self._desk.handle(message, lambda command: self.say(command, text=text))
        except InvalidMessage as error:
            answer = {"type": "error", "code": error.cause, "field": error.field, "message": error.problem}
            if isinstance(error, ingest.InvalidItem) and error.index is not None:
                answer["index"] = error.index
        except Refused as error:
            answer = {"type": "error", "code": error.code, "field": error.field, "message": error.message}
            if error.close_code:
                self.say(answer, text=text)
                self.close(error.close_code, error.message)
                return
        except (*TRANSIENT, redis.ResponseError):
            answer = {"type": "error", "code": "unavailable", "field": None, "message": "Redis does not answer; again"}
        if isinstance(message, dict) and "id" in message:
            answer["id"] = message["id"]
        self.say(answer, text=text)

    def _authenticate(self, message: dict[str, Any]) -> None:
        if self._key is None:
            return
        token = message.get("token") if message.get("type") == "auth" else None
        if not isinstance(token, str):
            raise TokenMissing("the first message must be `auth` with a token", "token")
        identity = access.read_token(token, self._key)
        identity.require(access.INGEST, self._desk.run)
        self._identity = identity

    @staticmethod
    def _decode(payload: bytes, *, text: bool) -> dict[str, Any]:
        try:
            message = msgspec.json.decode(payload) if text else msgspec.msgpack.decode(payload)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError) as error:
            raise InvalidMessage("message", f"not {'JSON' if text else 'MessagePack'}: {error}") from None
        if not isinstance(message, dict):
            raise InvalidMessage("message", f"expected a map with a type, got {type(message).__name__}")
        return message

    async def _watch(self) -> None:
        await asyncio.sleep(AUTH_S)
        if self._identity is None:
            self.close(4408, "no auth in time")
            return
        while True:
            await asyncio.sleep(SILENCE_S / 2)
            if not self._heard:
                self.close(4412, "no sign of life")
                return
            self._heard = False
            if self._wire.state is State.OPEN:
                self._wire.send_ping(b"lanecast")
                self._flush()
