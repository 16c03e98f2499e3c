"""Lag: how far behind readers are, in entries and in seconds, by our own arithmetic.

XINFO's own `lag` is null after a deletion and wrong on some versions; so the entries behind a reader's position
are counted on the server (`count.lua`) and their age is taken from the id of the first one.
"""

from __future__ import annotations

import asyncio
from dataclasses import asdict, dataclass
from typing import Any, Final

import redis

from lanecast.broker import keys, scripts
from lanecast.broker.connect import server_ms
from lanecast.broker.lanes import LANES
from lanecast.broker.tiers import SERVED

COUNT_LIMIT: Final = 20_000


@dataclass(frozen=True, slots=True)
class Lag:
    """One reader of one stream.

    Attributes:
        stream: `in:LANE` or `out:TIER`.
        reader: consumer group: `workers`, or `gw:NODE`.
        entries: not yet read; `at_least` means that counting stopped there.
        age_s: how long the oldest of them has been waiting; 0.0 if there are none.
    """

    run: str
    stream: str
    reader: str
    entries: int
    age_s: float
    at_least: bool = False

    def to_dict(self) -> dict[str, Any]:
        """As plain values, for JSON."""
        return asdict(self)


def age_s(entry_ms: float, now_ms: float) -> float:
    """Seconds since `entry_ms`, never negative (clocks differ)."""
    return max(0.0, (now_ms - entry_ms) / 1000)


async def of_run(client: Any, run: str) -> list[Lag]:
    """The lag of every reader of a run, lanes first."""
    now_ms = await server_ms(client, keys.info(run))
    streams = [(f"in:{name}", keys.lane(run, name)) for name in LANES]
    streams += [(f"out:{name}", keys.out(run, name)) for name in ("critical", *SERVED)]
    rows = await asyncio.gather(*(_of_stream(client, run, name, key, now_ms) for name, key in streams))
    return [lag for row in rows for lag in row]


async def _of_stream(client: Any, run: str, name: str, key: str, now_ms: float) -> list[Lag]:
    try:
        groups = await client.xinfo_groups(key)
    except redis.ResponseError:  # there is no such stream (yet)
        return []
    if not groups and name.startswith("in:"):
        groups = [{"name": keys.WORKER_GROUP.encode(), "last-delivered-id": b"0-0"}]
    lags = []
    for group in groups:
        call = scripts.Call(scripts.COUNT, (key,), (group["last-delivered-id"], COUNT_LIMIT))
        entries, first = await scripts.run(client, call)
        waiting_ms = await _written_ms(client, name, key, first) if first else now_ms
        lags.append(Lag(run, name, group["name"].decode(), entries, age_s(waiting_ms, now_ms), entries == COUNT_LIMIT))
    return lags


async def _written_ms(client: Any, name: str, key: str, entry_id: bytes) -> float:
    """When an entry was written: input ids are times, frames say when they were published."""
    if name.startswith("in:"):
        return float(entry_id.split(b"-")[0])
    for _, fields in await client.xrange(key, entry_id, entry_id):
        return float(fields.get(b"pub_ms", b"inf"))
    return float("inf")
