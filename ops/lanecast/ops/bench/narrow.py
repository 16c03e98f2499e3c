"""A TCP proxy of a given width: what a viewer's slow link does to a gateway, on loopback.

A token bucket with little in it, little read ahead, and small kernel buffers: what waits then waits in the gateway,
where it would wait behind a modem, not in here. `python -m lanecast.ops.bench.narrow PORT` listens on a free port, says
which, and takes widths in bytes per second, a line each, from standard input.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import socket
import sys
import time
from typing import Final

BUFFER_BYTES: Final = 4_096
BURST_S: Final = 0.02
CHUNK: Final = 1_024


class Bucket:
    """How many bytes may pass now."""

    def __init__(self) -> None:
        self.width = math.inf
        self._tokens = 0.0
        self._at = time.monotonic()

    def wait_s(self, size: int) -> float:
        """Take `size` tokens; how long to wait before the bytes may go."""
        now = time.monotonic()
        if math.isinf(self.width):
            self._tokens, self._at = 0.0, now
            return 0.0
        self._tokens = min(self.width * BURST_S, self._tokens + (now - self._at) * self.width) - size
        self._at = now
        return max(0.0, -self._tokens / self.width)


async def main(target: int) -> None:
    """Serve until standard input ends."""
    bucket = Bucket()
    loop = asyncio.get_running_loop()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        theirs = socket.socket()
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
        theirs.setblocking(False)
        await loop.sock_connect(theirs, ("127.0.0.1", target))
        up = asyncio.create_task(_up(reader, theirs))
        try:
            await _down(theirs, writer, bucket)
        except OSError:
            pass
        finally:
            up.cancel()
            theirs.close()
            writer.transport.abort()

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    stdin = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(stdin), sys.stdin)
    while line := await stdin.readline():
        bucket.width = float(line)


async def _up(reader: asyncio.StreamReader, theirs: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    with contextlib.suppress(OSError):
        while data := await reader.read(CHUNK):
            await loop.sock_sendall(theirs, data)


async def _down(theirs: socket.socket, writer: asyncio.StreamWriter, bucket: Bucket) -> None:
    loop = asyncio.get_running_loop()
    while data := await loop.sock_recv(theirs, CHUNK if math.isfinite(bucket.width) else 65_536):
        wait_s = bucket.wait_s(len(data))
        if wait_s > 0.0:
            await asyncio.sleep(wait_s)
        writer.write(data)
        await writer.drain()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
