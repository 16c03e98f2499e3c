"""Reading one run's streams: thin calls to Redis without any memory of their own.

Every call may fail with `connect.TRANSIENT`; none changes anything but `ensure_groups`, so all may be repeated.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import redis

from lanecast.broker import keys, scripts
from lanecast.broker.connect import BLOCK_MS
from lanecast.broker.lanes import LANES
from lanecast.broker.tiers import SERVED
from lanecast.workers.entries import Entry, parse_id, read_reply
from lanecast.workers.scripts import NEWEST, SURVEY

BATCH: Final = 64
"""Entries of a lane that are read at once; a lane that gives so many may have more."""
NEWEST_BATCH: Final = 8
COMMANDS_LOOKED_AT: Final = 256
OUTPUTS: Final = ("critical", *SERVED)


@dataclass(frozen=True, slots=True)
class Stream:
    """How a stream stands: entries it ever got, entries it has, the highest id it ever gave."""

    added: int
    length: int
    last: str


@dataclass(frozen=True, slots=True)
class Survey:
    """The answer of `survey.lua`; `commit` is (epoch, n), (0, 0) if there was none."""

    now_ms: float
    alive: str | None
    epoch: int
    commit: tuple[int, int]
    lanes: dict[str, Stream]
    outputs: dict[str, Stream]


async def survey(client: Any, run: str) -> Survey:
    """Look at the whole run at one moment."""
    streams = [*(keys.lane(run, name) for name in LANES), *(keys.out(run, name) for name in OUTPUTS)]
    call = scripts.Call(SURVEY, (keys.alive(run), keys.lease(run), keys.checkpoint(run), *streams), ())
    now_ms, alive, epoch, commit, *rest = await scripts.run(client, call)
    found = [Stream(int(added), int(length), last.decode()) for added, length, last in rest]
    return Survey(
        float(now_ms),
        alive.decode("utf-8", "replace") or None,
        int(epoch),
        parse_id(commit) if commit else (0, 0),
        dict(zip(LANES, found, strict=False)),
        dict(zip(OUTPUTS, found[len(LANES) :], strict=True)),
    )


async def wait(client: Any, cursors: Mapping[str, str], count: int = BATCH) -> dict[str, list[Entry]]:
    """Entries behind the cursors (key -> id) by key, at most `count` each; waits up to `BLOCK_MS` for the first."""
    reply = await client.xread(dict(cursors), count=count, block=BLOCK_MS)
    return {key.decode(): read_reply(rows) for key, rows in reply}


async def newest(client: Any, run: str, lane: str, behind: str) -> tuple[int, list[Entry]]:
    """How many entries a lane ever got, and the newest of those behind an id, oldest first."""
    call = scripts.Call(NEWEST, (keys.lane(run, lane),), (behind, NEWEST_BATCH))
    added, rows = await scripts.run(client, call)
    entries = [
        Entry(entry_id.decode(), dict(zip(words[::2], words[1::2], strict=True))) for entry_id, words in reversed(rows)
    ]
    return int(added), entries


async def size_of_last(client: Any, run: str, lane: str) -> int:
    """Bytes of the newest entry's data; 0 if there is none."""
    rows = await client.xrevrange(keys.lane(run, lane), count=1)
    return len(rows[0][1].get(b"data", b"")) if rows else 0


async def between(client: Any, run: str, lane: str, after: str, to: str) -> list[Entry]:
    """At most `BATCH` entries of a lane behind `after`, up to and with `to`."""
    return read_reply(await client.xrange(keys.lane(run, lane), f"({after}", to, count=BATCH))


async def command_names(client: Any, run: str) -> dict[str, str]:
    """What the newest commands are called, by their ids."""
    rows = await client.xrevrange(keys.control(run), count=COMMANDS_LOOKED_AT)
    return {
        fields.get(b"command_id", b"").decode("utf-8", "replace"): fields.get(b"name", b"").decode("utf-8", "replace")
        for _, fields in rows
    }


async def ensure_groups(client: Any, run: str, cursors: Mapping[str, str]) -> None:
    """Make the lanes' streams and the group that shows the committed position, where they are missing."""
    for lane, cursor in cursors.items():
        with contextlib.suppress(redis.ResponseError):  # BUSYGROUP: it is there
            await client.xgroup_create(keys.lane(run, lane), keys.WORKER_GROUP, id=cursor, mkstream=True)
