"""Connections to Redis or Valkey, made one way for every part of Lanecast.

    redis://[user:password@]host:port/db          one server (rediss:// with TLS, unix:///path for a socket)
    redis+sentinel://host:port,…/service/db       the master that the sentinels name
    redis+cluster://[user:password@]host:port,…   a Cluster, entered by any of its nodes

The client library never repeats a command: after a lost reply nobody knows whether an `XADD` was done, and a
repeated one would be there twice. Every caller recovers explicitly instead, by numbers and cursors.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import SplitResult, unquote, urlsplit

import redis
import redis.asyncio
import redis.asyncio.cluster
import redis.asyncio.sentinel
import redis.cluster
import redis.sentinel
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.exceptions import (
    ClusterDownError,
    ClusterError,
    MasterDownError,
    OutOfMemoryError,
    RedisClusterException,
    TryAgainError,
)
from redis.retry import Retry

from lanecast.broker.errors import InvalidMessage, Unavailable

DEFAULT_URL: Final = "redis://127.0.0.1:6379/0"
TIMEOUT_S: Final = 5.0
BLOCK_MS: Final = 1_000
"""How long a read blocks; well under the socket's timeout, or a quiet stream would look like a dead server."""

GONE: Final = (redis.ConnectionError, redis.TimeoutError, ConnectionError, TimeoutError)
"""What is raised when the server is away: come back later with the same numbers and cursors."""

TRANSIENT: Final = (
    *GONE,
    redis.ReadOnlyError,
    redis.BusyLoadingError,
    ClusterDownError,
    ClusterError,
    MasterDownError,
    OutOfMemoryError,
    RedisClusterException,
    TryAgainError,
)
"""The above, and what a server answers while it fails over, loads its data or is full."""


def connect_sync(url: str = DEFAULT_URL, **options: Any) -> Any:
    """A client for threads; nothing is sent yet.

    Raises:
        InvalidMessage: the URL is none of the forms above.
    """
    parts, hosts = _parse(url)
    settings = {**_options(Retry(NoBackoff(), 0)), **options}
    if parts.scheme == "redis+cluster":
        nodes = [redis.cluster.ClusterNode(host, port) for host, port in hosts]
        del settings["retry_on_timeout"]
        return _Cluster(startup_nodes=nodes, cluster_error_retry_attempts=0, **_user(parts), **settings)
    if parts.scheme == "redis+sentinel":
        service, db = _service(parts)
        sentinel = redis.sentinel.Sentinel(hosts, sentinel_kwargs=_options(Retry(NoBackoff(), 0)))
        return sentinel.master_for(service, connection_pool_class=_SentinelPool, db=db, **_user(parts), **settings)
    return redis.Redis.from_url(url, **settings)


def connect(url: str = DEFAULT_URL, **options: Any) -> Any:
    """A client for asyncio; nothing is sent yet.

    Raises:
        InvalidMessage: the URL is none of the forms above.
    """
    parts, hosts = _parse(url)
    settings = {**_options(AsyncRetry(NoBackoff(), 0)), **options}
    if parts.scheme == "redis+cluster":
        nodes = [redis.asyncio.cluster.ClusterNode(host, port) for host, port in hosts]
        del settings["retry_on_timeout"]
        return _AsyncCluster(
            startup_nodes=nodes,
            cluster_error_retry_attempts=0,
            connection_error_retry_attempts=0,
            **_user(parts),
            **settings,
        )
    if parts.scheme == "redis+sentinel":
        service, db = _service(parts)
        sentinel = redis.asyncio.sentinel.Sentinel(hosts, sentinel_kwargs=_options(AsyncRetry(NoBackoff(), 0)))
        return sentinel.master_for(service, connection_pool_class=_AsyncSentinelPool, db=db, **_user(parts), **settings)
    return redis.asyncio.Redis.from_url(url, **settings)


async def connect_to_server_of(key: str, url: str, client: Any) -> Any:
    """A client of the one server that `key` is on now: in a Cluster the master of its slot, else the only one there is.

    Its `client()` is a connection of one's own, which another can be woken through. It knows no redirections: after
    any error make another. `client` is one that `connect(url)` gave.

    Raises:
        what `TRANSIENT` names: the key's server cannot be found out now.
    """
    parts, _ = _parse(url)
    if parts.scheme != "redis+cluster":
        return connect(url)
    await client.type(key)  # whatever it answers: the client has followed the slot to where it is
    node = client.get_node_from_key(key)
    return redis.asyncio.Redis(host=node.host, port=node.port, **_user(parts), **_options(AsyncRetry(NoBackoff(), 0)))


def is_cluster(url: str) -> bool:
    """Whether keys of different runs may be on different servers, so that no command can name both."""
    return url.startswith("redis+cluster:")


def _key_of_read(args: tuple[Any, ...]) -> Any:
    """The first key of an XREAD; its keys are of one run, and thus of one slot.

    The library asks a server for the keys of such a command each time, and always the same server: one round trip
    more, and none that is answered once that server is dead.
    """
    if args[0] != "XREAD":
        return None
    return next(args[place + 1] for place, word in enumerate(args) if word in ("STREAMS", b"STREAMS"))


class _SentinelPool(redis.sentinel.SentinelConnectionPool):
    """Closes its connections to the sentinels too, which the library leaves open."""

    def disconnect(self, inuse_connections: bool = True) -> None:
        super().disconnect(inuse_connections)
        if inuse_connections:
            for sentinel in self.sentinel_manager.sentinels:
                sentinel.close()


class _AsyncSentinelPool(redis.asyncio.sentinel.SentinelConnectionPool):
    """The same for asyncio."""

    async def disconnect(self, inuse_connections: bool = True) -> None:
        await super().disconnect(inuse_connections)
        if inuse_connections:
            for sentinel in self.sentinel_manager.sentinels:
                await sentinel.aclose()


class _Cluster(redis.RedisCluster):
    def determine_slot(self, *args: Any) -> Any:
        key = _key_of_read(args)
        slot_of: Any = super().determine_slot if key is None else self.keyslot
        return slot_of(*args) if key is None else slot_of(key)


class _AsyncCluster(redis.asyncio.RedisCluster):
    """The library's asyncio pipeline makes no attempt at all where repeating is forbidden; this one makes one."""

    def pipeline(self, *_: Any, **__: Any) -> Any:
        return _OncePipeline(self)  # type: ignore[abstract]  # the library's own class is so, by its stubs

    async def _execute_command(self, target_node: Any, *args: Any, **kwargs: Any) -> Any:
        with _closed_meanwhile():
            return await super()._execute_command(target_node, *args, **kwargs)

    async def _determine_slot(self, command: str, *args: Any) -> int:
        key = _key_of_read((command, *args))
        return await super()._determine_slot(command, *args) if key is None else self.keyslot(key)


class _OncePipeline(redis.asyncio.cluster.ClusterPipeline):
    async def execute(self, raise_on_error: bool = True, allow_redirections: bool = True) -> list[Any]:
        client, stack = self._client, self._command_stack
        self._command_stack = []
        await client.initialize()
        if not stack:
            return []
        with _closed_meanwhile():
            return await self._execute(
                client, stack, raise_on_error=raise_on_error, allow_redirections=allow_redirections
            )


@contextlib.contextmanager
def _closed_meanwhile() -> Iterator[None]:
    """A connection that was closed under one's hands is a connection that was lost.

    A task that sees a node fail closes all connections of the client. If another task is just making one, the library
    stumbles over what is no longer there.
    """
    try:
        yield
    except (AttributeError, RuntimeError) as error:
        raise redis.ConnectionError("the connection was closed while it was being made") from error


async def check_server(client: Any) -> str:
    """Name and version of the server, such as `Valkey 9.1.0`.

    Raises:
        Unavailable: no answer, or older than Redis 7.0 or Valkey 8.
    """
    try:
        info = await client.info("server")
    except redis.AuthenticationError as error:
        raise Unavailable(f"Redis refuses the password: {error}. Put it into LANECAST_REDIS_URL.") from None
    except (*TRANSIENT, redis.ResponseError) as error:
        raise Unavailable(
            f"no Redis at {address(client)}: {str(error).rstrip('.')}. Start one, or set LANECAST_REDIS_URL."
        ) from None
    name, oldest = ("Valkey", 8) if info.get("server_name") == "valkey" else ("Redis", 7)
    version = str(info["valkey_version" if name == "Valkey" else "redis_version"])
    if int(version.partition(".")[0]) < oldest:
        raise Unavailable(f"{name} {version} at {address(client)} is too old: {name} {oldest} or newer is needed")
    return f"{name} {version}"


def address(client: Any) -> str:
    """Where a client connects to, without user or password: host and port, a socket's path, or the nodes known."""
    if isinstance(client, redis.RedisCluster | redis.asyncio.RedisCluster):
        return ",".join(client.nodes_manager.startup_nodes)
    pool = client.connection_pool
    if isinstance(pool, redis.sentinel.SentinelConnectionPool | redis.asyncio.sentinel.SentinelConnectionPool):
        return f"the master {pool.service_name!r} of the sentinels"
    settings = pool.connection_kwargs
    return str(settings.get("path") or f"{settings.get('host', 'localhost')}:{settings.get('port', 6379)}")


def _parse(url: str) -> tuple[SplitResult, list[tuple[str, int]]]:
    parts = urlsplit(url)
    if parts.scheme not in ("redis", "rediss", "unix", "redis+sentinel", "redis+cluster"):
        raise InvalidMessage(
            "redis_url", f"scheme {parts.scheme!r} is not redis, rediss, unix, redis+sentinel or redis+cluster"
        )
    hosts = []
    for item in parts.netloc.rpartition("@")[2].split(",") if "+" in parts.scheme else ():
        host, _, port = item.rpartition(":")
        if not host or not port.isdigit():
            raise InvalidMessage("redis_url", f"{item!r} is not host:port")
        hosts.append((host, int(port)))
    return parts, hosts


def _service(parts: SplitResult) -> tuple[str, int]:
    service, _, db = parts.path.strip("/").partition("/")
    if not service or not (db or "0").isdigit():
        raise InvalidMessage("redis_url", "expected redis+sentinel://host:port,…/service/db")
    return service, int(db or 0)


def _user(parts: SplitResult) -> dict[str, Any]:
    """User and password; urlsplit reads them although the hosts are several."""
    names = {"username": parts.username, "password": parts.password}
    return {name: unquote(value) for name, value in names.items() if value}


def _options(retry: Any) -> dict[str, Any]:
    return {
        "retry": retry,
        "retry_on_timeout": False,
        "socket_timeout": TIMEOUT_S,
        "socket_connect_timeout": 2.0,
        "socket_keepalive": True,
        "health_check_interval": 0,
    }
