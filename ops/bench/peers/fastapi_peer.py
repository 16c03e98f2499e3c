"""FastAPI as its documentation broadcasts: `send_bytes` to every connection. Arguments: PORT FEED_PORT."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator

import uvicorn
from fastapi import FastAPI, WebSocket, WebSocketDisconnect

connections: set[WebSocket] = set()


async def feed(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    """Send each frame of the bench's source to everybody."""
    with contextlib.suppress(asyncio.IncompleteReadError):
        while True:
            frame = await reader.readexactly(int.from_bytes(await reader.readexactly(4)))
            await asyncio.gather(*(socket.send_bytes(frame) for socket in connections), return_exceptions=True)


@contextlib.asynccontextmanager
async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
    """Listen for the source."""
    async with await asyncio.start_server(feed, "127.0.0.1", int(sys.argv[2])):
        yield


app = FastAPI(lifespan=lifespan)


@app.websocket("/")
async def connect(socket: WebSocket) -> None:
    """Keep a connection until its client leaves."""
    await socket.accept()
    connections.add(socket)
    try:
        while True:
            await socket.receive()
    except (WebSocketDisconnect, RuntimeError):
        connections.discard(socket)


if __name__ == "__main__":
    uvicorn.run(
        app,
        port=int(sys.argv[1]),
        loop="uvloop",
        log_level="warning",
        ws_per_message_deflate=False,
        ws_ping_interval=None,
    )
