"""One thread's connection to Redis: made when it is needed, made anew after each failure."""

from __future__ import annotations

from typing import Any, Final

import redis

from lanecast.broker.connect import TRANSIENT, connect_sync

AWAY: Final = (*TRANSIENT, redis.RedisError, OSError)
"""Whatever a server answers, or does not, a producer tries again later: it has nobody else to turn to."""

_CLUSTER: Final = "redis+cluster:"


class Link:
    """Used by one thread only.

    The library connects again without a word when it finds a connection closed. A link that is `sealed` refuses that,
    with a `ConnectionError`: whoever has found out what the server has must hear when it may be another one.
    """

    def __init__(self, url: str) -> None:
        """Nothing is sent.

        Raises:
            InvalidMessage: the URL is of no form that `lanecast.broker.connect` knows.
        """
        self.sealed = False
        self.address = url.rpartition("@")[2]  # a password stands before the @
        self._url = url
        self._client: Any = None
        if not url.startswith(_CLUSTER):  # the library's client of a Cluster connects as soon as it is made
            connect_sync(url).close()

    def client(self) -> Any:
        """The client, ready to be used; in a Cluster this connects, and may raise as any command."""
        if self._client is None:
            self._client = connect_sync(self._url, redis_connect_func=self._on_connect)
        return self._client

    def drop(self) -> None:
        """Close every connection and open the seal; the next command makes a new connection."""
        self.sealed = False
        if isinstance(self._client, redis.RedisCluster):
            # It is kept: it has learned of nodes that the URL does not name, and one of those may be gone.
            self._client.disconnect_connection_pools()
        elif self._client is not None:
            client, self._client = self._client, None
            client.close()

    def _on_connect(self, connection: Any) -> None:
        if self.sealed:
            raise redis.ConnectionError("the connection was lost in the meantime")
        if not self._url.startswith(_CLUSTER):  # whose client has done this itself
            connection.on_connect()
