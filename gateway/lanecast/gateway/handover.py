"""From uvicorn's WebSocket protocol to ours: after the handshake the connection is handed over, and the ASGI task ends.

uvicorn keeps a protocol object, a queue and a task for each connection, some 18 KB; a `Viewer` needs none of them. This
module is all that knows uvicorn's inside (0.54); `tests/gateway/test_handover.py` fails when it changes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final, cast

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request

from lanecast.gateway import framing

EXTENSION: Final = "lanecast.handover"
"""Name of the ASGI scope extension: a callable that takes `make(transport, connections)` and returns what it made."""

Make = Callable[[asyncio.Transport, set[Any]], asyncio.Protocol]


class HandoverProtocol(WebSocketsSansIOProtocol):
    """uvicorn's protocol, which may give its connection away once the handshake is complete."""

    def handle_connect(self, event: Request) -> None:
        """The opening request is complete; what follows is for whoever gets the connection."""
        self.early: list[bytes] = []
        self.early_bytes = 0
        super().handle_connect(event)
        if self.response.status_code == 101:
            cast("dict[str, Any]", self.scope["extensions"])[EXTENSION] = self.hand_over

    def data_received(self, data: bytes) -> None:
        """Bytes that come after the request are kept for the next protocol; uvicorn would read them itself."""
        if not self.handshake_initiated:
            super().data_received(data)
            return
        self.early.append(data)
        self.early_bytes += len(data)
        if self.early_bytes > framing.MAX_MESSAGE_BYTES:
            self.transport.abort()

    def hand_over(self, make: Make) -> asyncio.Protocol:
        """Give the connection to the protocol that `make` makes; it takes this one's place in the server's set.

        Raises:
            ConnectionError: the connection is gone, or was not accepted.
        """
        transport = self.transport
        if self.disconnected or transport.is_closing() or not self.handshake_complete or self.close_sent:
            raise ConnectionError("the connection is closed or was not accepted")
        self.stop_keepalive()
        heir = make(transport, self.connections)
        self.connections.discard(self)
        self.connections.add(cast("Any", heir))
        transport.set_protocol(heir)
        # run_asgi closes the transport when the endpoint returns; it must find another one to close.
        self.transport = cast("Any", _Closed())
        for data in self.early:
            heir.data_received(data)
        self.early.clear()
        # What refers to itself would stay until the garbage collector comes by, 18 KB for each viewer of a crowd.
        cast("dict[str, Any]", self.scope["extensions"]).pop(EXTENSION, None)
        self.conn.parser.close()
        self.conn.parser = cast("Any", None)
        return heir


class _Closed:
    """The transport of a protocol that has given its own away."""

    def is_closing(self) -> bool:
        """Nothing can be written any more."""
        return True

    def close(self) -> None:
        """Nothing is left to close."""

    def write(self, data: bytes) -> None:
        """Nothing is left to write to."""
