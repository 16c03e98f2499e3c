"""A viewer over a real WebSocket: connects, keeps a `Session` fed, comes back after every cut."""

from __future__ import annotations

import asyncio
import contextlib
import random
import re
import time
from collections.abc import AsyncGenerator, AsyncIterator
from urllib.parse import urlsplit

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidURI
from websockets.typing import Subprotocol

from lanecast.ops.backoff import Backoff
from lanecast.ops.problem import Problem
from lanecast.ops.session import SUBPROTOCOL, Session, Taken

PING_S = 5.0
SILENCE_S = 20.0
"""No word from the gateway for so long, not even a pong: the connection is dead, whatever TCP thinks."""

NO_RETURN = {
    1000: "is done",
    1002: "saw a protocol error",
    1007: "saw text that is not UTF-8",
    1009: "got too much at once",
}
"""Close codes after which a viewer does not come back; from 4400 on those below as well."""

_NO_RETURN_4 = {
    4400: "does not understand this viewer",
    4401: "does not accept the token in LANECAST_TOKEN",
    4403: "does not allow this",
    4411: "was told by an operator to end this connection",
    4410: "says that the token in LANECAST_TOKEN has expired",
}


def websocket_url(url: str) -> str:
    """The WebSocket endpoint of a gateway's URL (`http`, `https`, `ws` or `wss`).

    Raises:
        Problem: it is no such URL.
    """
    parts = urlsplit(url if "://" in url else f"http://{url}")
    scheme = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}.get(parts.scheme)
    if scheme is None or not parts.netloc:
        raise Problem(f"{url!r} is not the URL of a gateway", "It looks like http://127.0.0.1:8080.")
    return f"{scheme}://{parts.netloc}{parts.path.rstrip('/')}/ws"


async def watch(url: str, session: Session, *, patient: bool = True) -> AsyncGenerator[Taken | str, None]:
    """What a session takes, forever; a `str` says that the connection was lost and why.

    `patient=False` gives up when the very first connection cannot be made.

    Raises:
        Problem: the gateway refuses for good, or cannot be reached at first (not `patient`).
    """
    endpoint = websocket_url(url)
    backoff = Backoff(steady_s=5.0)
    ever = False
    while True:
        opened = time.monotonic()
        wait_s = 0.0
        try:
            async with connect(
                endpoint,
                subprotocols=[Subprotocol(SUBPROTOCOL)],
                open_timeout=5,
                close_timeout=1,
                ping_interval=None,  # the protocol has a ping of its own, which also measures
                max_size=64 << 20,
                compression=None,
                proxy=None if urlsplit(endpoint).hostname in ("127.0.0.1", "localhost", "::1") else True,
            ) as connection:
                session.connected()
                async with _pinging(connection, session):
                    while True:
                        data = await asyncio.wait_for(connection.recv(), SILENCE_S)
                        taken = _take(session, data)
                        ever = True
                        for message in taken.send:
                            await _send(connection, message)
                        if taken.frame or taken.message is not None:
                            yield taken
        except ConnectionClosed as closed:
            why, wait_s = _why_closed(closed)
        except TimeoutError:
            why = f"no word from the gateway for {SILENCE_S:.0f} s" if ever else "no answer within 5 s"
        except InvalidURI as error:
            raise Problem(str(error)) from None
        except (OSError, InvalidHandshake) as error:
            why = _why_not(error)
        if not ever and not patient:
            raise Problem(
                f"no gateway at {url}: {why}", "Start one with `lanecast up`, or give its URL by --url or LANECAST_URL."
            )
        yield why
        wait_s = wait_s or backoff.after(time.monotonic() - opened)
        await asyncio.sleep(wait_s * random.uniform(0.5, 1.0))


def _take(session: Session, data: str | bytes) -> Taken:
    if isinstance(data, str):
        raise Problem("the gateway answers in text: it does not speak lanecast.v1", "Is this the URL of a gateway?")
    return session.take(msgspec.msgpack.decode(data), time.time() * 1000)


async def _send(connection: ClientConnection, message: object) -> None:
    await connection.send(msgspec.msgpack.encode(message))


@contextlib.asynccontextmanager
async def _pinging(connection: ClientConnection, session: Session) -> AsyncIterator[None]:
    async def ping() -> None:
        with contextlib.suppress(ConnectionClosed):
            while True:
                await asyncio.sleep(PING_S)
                await _send(connection, session.ping(time.time() * 1000))

    task = asyncio.create_task(ping())
    try:
        yield
    finally:
        task.cancel()


def _why_closed(closed: ConnectionClosed) -> tuple[str, float]:
    """Why, and how many seconds to wait before coming back (0: as usual).

    Raises:
        Problem: coming back makes no sense.
    """
    if closed.rcvd is None:
        return "connection cut", 0.0
    code, reason = closed.rcvd.code, closed.rcvd.reason
    final = (NO_RETURN | _NO_RETURN_4).get(code)
    if final is not None:
        raise Problem(f"the gateway {final} ({code}{f': {reason}' if reason else ''})")
    wait_s = 0.0
    if advice := re.fullmatch(r"retry_ms=(\d{1,6})", reason):
        wait_s = min(30.0, int(advice[1]) / 1000)
    return f"closed by the gateway ({code}{f': {reason}' if reason else ''})", wait_s


def _why_not(error: Exception) -> str:
    if isinstance(error, ConnectionRefusedError):
        return "nobody listens there"
    return str(error) or type(error).__name__
