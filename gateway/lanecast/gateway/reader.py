"""All reading of output streams in this process.

What somebody here watches is read by one blocking XREAD; in a Cluster, where one command serves one slot, by one for
each run. So a quiet run never delays a busy one, and the failover of one master concerns the runs on it only.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final

from lanecast.broker import keys
from lanecast.broker.connect import connect_to_server_of, is_cluster
from lanecast.gateway.channel import Channel, Source

HOME: Final = ""
"""The channel that is always there, and knows whether Redis is, while nobody watches anything."""


class Reader:
    """Reads the sources it is given; says when Redis goes away and when all of it is back.

    Args:
        url: of Redis.
        client: that `connect(url)` gave; the caller closes it.
        spawn: runs a task, and cancels it in the end.
        on_connected: awaited with the sources that are read again, before they are: cursors may be meaningless now.
        on_online: everything is being read.
        on_offline: something is not, for this reason.
    """

    def __init__(
        self,
        url: str,
        client: Any,
        spawn: Callable[[Coroutine[Any, Any, None]], None],
        on_connected: Callable[[list[Source]], Awaitable[None]],
        on_online: Callable[[], None],
        on_offline: Callable[[str], None],
    ) -> None:
        self._url = url
        self._client = client
        self._spawn = spawn
        self._on_connected = on_connected
        self._on_online = on_online
        self._on_offline = on_offline
        self._apart = is_cluster(url)
        self._channels = {HOME: self._channel(keys.RUNS, lasting=True)}
        self._down: set[Channel] = set(self._channels.values())

    def watch(self, source: Source) -> None:
        """Read this source too, from its cursor; it takes the place of another with the same key."""
        route = source.run if self._apart else HOME
        channel = self._channels.get(route)
        if channel is None:
            channel = self._channels[route] = self._channel(source.key, lasting=False)
            self._spawn(self._work(route, channel))
        channel.watch(source)

    def unwatch(self, source: Source) -> None:
        """Read this source no longer."""
        channel = self._channels.get(source.run if self._apart else HOME)
        if channel is not None:
            channel.unwatch(source)

    def start(self) -> None:
        """Begin to read; returns at once."""
        self._spawn(self._work(HOME, self._channels[HOME]))

    def _channel(self, key: str, *, lasting: bool) -> Channel:
        return Channel(
            lambda: connect_to_server_of(key, self._url, self._client),
            self._on_connected, self._up, self._went_down, lasting=lasting,
        )  # fmt: skip

    async def _work(self, route: str, channel: Channel) -> None:
        # A source may be watched again in the very moment in which the last one was not any more.
        while channel.wanted:
            await channel.run()
        del self._channels[route]
        self._up(channel)

    def _went_down(self, channel: Channel, trouble: str) -> None:
        self._down.add(channel)
        self._on_offline(trouble)

    def _up(self, channel: Channel) -> None:
        self._down.discard(channel)
        if not self._down:
            self._on_online()
