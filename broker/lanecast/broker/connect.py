"""Connections to Redis or Valkey, made one way for every part of Lanecast.

The client library never repeats a command: after a lost reply nobody knows whether an `XADD` was done, and a
repeated one would be there twice. Every caller recovers explicitly instead, by numbers and cursors.
"""

from __future__ import annotations

from typing import Any, Final

import redis
import redis.asyncio
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.retry import Retry

from lanecast.broker.errors import Unavailable

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
    redis.exceptions.ClusterDownError,
    redis.exceptions.OutOfMemoryError,
)
"""The above, and what a server answers while it fails over, loads its data or is full."""


def connect_sync(url: str = DEFAULT_URL, **options: Any) -> redis.Redis:
    """A client for threads; nothing is sent yet."""
    client: redis.Redis = redis.Redis.from_url(url, **_options(Retry(NoBackoff(), 0)), **options)
    return client


def connect(url: str = DEFAULT_URL, **options: Any) -> redis.asyncio.Redis:
    """A client for asyncio; nothing is sent yet."""
    client: redis.asyncio.Redis = redis.asyncio.Redis.from_url(url, **_options(AsyncRetry(NoBackoff(), 0)), **options)
    return client


async def check_server(client: redis.asyncio.Redis) -> str:
    """Name and version of the server, such as `Valkey 9.1.0`.

    Raises:
        Unavailable: no answer, or older than Redis 7.0 or Valkey 8.
    """
    try:
        info = await client.info("server")
    except redis.AuthenticationError as error:
        raise Unavailable(f"Redis refuses the password: {error}. Put it into LANECAST_REDIS_URL.") from None
    except (*TRANSIENT, redis.ResponseError) as error:
        raise Unavailable(f"no Redis at {address(client)}: {error}. Start one, or set LANECAST_REDIS_URL.") from None
    name, oldest = ("Valkey", 8) if info.get("server_name") == "valkey" else ("Redis", 7)
    version = str(info["valkey_version" if name == "Valkey" else "redis_version"])
    if int(version.split(".", maxsplit=1)[0]) < oldest:
        raise Unavailable(f"{name} {version} at {address(client)} is too old: {name} {oldest} or newer is needed")
    return f"{name} {version}"


def address(client: redis.asyncio.Redis | redis.Redis) -> str:
    """Host and port (or socket path) of a client, without user or password."""
    settings = client.connection_pool.connection_kwargs
    return str(settings.get("path") or f"{settings.get('host', 'localhost')}:{settings.get('port', 6379)}")


def _options(retry: Any) -> dict[str, Any]:
    return {
        "retry": retry,
        "retry_on_timeout": False,
        "socket_timeout": TIMEOUT_S,
        "socket_connect_timeout": 2.0,
        "socket_keepalive": True,
        "health_check_interval": 0,
    }
