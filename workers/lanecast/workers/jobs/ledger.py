"""What became of jobs: one hash in Redis, the newest entries only. The functions do I/O.

arq forgets a job soon after its end, and knows no progress; operators want both.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from lanecast.broker import keys

KEPT: Final = 200
STATES: Final = ("queued", "running", "done", "failed", "cancelled")


class Entry(msgspec.Struct):
    """One job that was asked for; times are Unix ms of the process that wrote them, `of` 0 means that nobody knows."""

    id: str
    name: str
    state: str
    at_ms: float
    args: dict[str, Any] = {}
    done: int = 0
    of: int = 0
    text: str = ""
    result: dict[str, Any] | None = None
    error: str | None = None


async def write(client: Any, entry: Entry) -> None:
    """Keep an entry, in place of the one with its id."""
    await client.hset(keys.JOBS, entry.id, msgspec.json.encode(entry))
    if await client.hlen(keys.JOBS) > KEPT:
        old = sorted(await entries(client), key=lambda one: one.at_ms)[:-KEPT]
        if old:
            await client.hdel(keys.JOBS, *(one.id for one in old))


async def read(client: Any, job_id: str) -> Entry | None:
    """One entry."""
    text = await client.hget(keys.JOBS, job_id)
    return None if text is None else msgspec.json.decode(text, type=Entry)


async def entries(client: Any) -> list[Entry]:
    """All of them, newest first."""
    rows = await client.hgetall(keys.JOBS)
    found = [msgspec.json.decode(text, type=Entry) for text in rows.values()]
    return sorted(found, key=lambda one: -one.at_ms)
