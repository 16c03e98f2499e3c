"""Is a part ready? Asked again and again by the supervisor; every question has a short time limit."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import redis

from lanecast.broker import keys, runs
from lanecast.broker.connect import TRANSIENT, connect

TIMEOUT_S: Final = 1.0

Probe = Callable[[str], Awaitable[bool]]
"""Takes the name of the part's life (`supervise.Part`)."""


def server(url: str) -> Probe:
    """The server answers and has loaded its data."""

    async def probe(_life: str) -> bool:
        client = connect(url, socket_connect_timeout=TIMEOUT_S)
        try:
            async with asyncio.timeout(TIMEOUT_S):
                return bool(await client.ping())
        except (*TRANSIENT, redis.ResponseError):
            return False
        finally:
            await client.aclose()

    return probe


def heartbeat(url: str, members: str, name: Callable[[str], str]) -> Probe:
    """The worker or gateway that is called `name(life)` has said in `members` that it is alive."""

    async def probe(life: str) -> bool:
        client = connect(url)
        try:
            async with asyncio.timeout(TIMEOUT_S):
                return await client.zscore(members, name(life)) is not None
        except TRANSIENT:
            return False
        finally:
            await client.aclose()

    return probe


def exists(url: str, key: str) -> Probe:
    """There is such a key."""

    async def probe(_life: str) -> bool:
        client = connect(url)
        try:
            async with asyncio.timeout(TIMEOUT_S):
                return bool(await client.exists(key))
        except TRANSIENT:
            return False
        finally:
            await client.aclose()

    return probe


def answers_as(url: str, name: Callable[[str], str]) -> Probe:
    """The gateway called `name(life)` is among those that answer at this URL: each connection may get another."""

    async def probe(life: str) -> bool:
        import httpx

        try:
            async with httpx.AsyncClient(timeout=TIMEOUT_S, trust_env=False) as client:
                return bool((await client.get(url)).json().get("node") == name(life))
        except (httpx.HTTPError, ValueError):
            return False

    return probe


def http_ok(url: str) -> Probe:
    """A GET is answered with status 200."""

    async def probe(_life: str) -> bool:
        import httpx

        try:
            async with httpx.AsyncClient(timeout=TIMEOUT_S, trust_env=False) as client:
                return (await client.get(url)).status_code == httpx.codes.OK
        except httpx.HTTPError:
            return False

    return probe


def run_alive(url: str, run: str) -> Probe:
    """The run is registered, and its producer says that it listens."""

    async def probe(_life: str) -> bool:
        client = connect(url)
        try:
            async with asyncio.timeout(TIMEOUT_S):
                return bool(await client.exists(keys.alive(run))) and await runs.get(client, run) is not None
        except TRANSIENT:
            return False
        finally:
            await client.aclose()

    return probe


def every(*probes: Probe) -> Probe:
    """All of them say yes, asked in order."""

    async def probe(life: str) -> bool:
        for one in probes:
            if not await one(life):
                return False
        return True

    return probe
