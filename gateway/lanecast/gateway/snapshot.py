"""What Redis knows of a run at one moment: how a viewer is let in, and how the gateway finds its place again."""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any, Final

import redis

from lanecast.broker import keys, messages, offsets, runs, scripts
from lanecast.broker.commit import CRITICAL_KEPT
from lanecast.broker.errors import UnknownRun
from lanecast.broker.offsets import START, Offset
from lanecast.broker.runs import RunInfo
from lanecast.gateway import outbound
from lanecast.gateway.scripts import SNAPSHOT

RESUMES_AT_ONCE: Final = 64
"""Different offsets looked up at once; the rest of a crowd waits for the next."""
MISSED_MAX: Final = CRITICAL_KEPT + CRITICAL_KEPT // 10


class Entry(outbound.PassedOn):
    """A message of the critical stream."""

    __slots__ = ("kind", "offset")

    def __init__(self, offset: Offset, kind: str, data: bytes) -> None:
        super().__init__(data)
        self.offset = offset
        self.kind = kind


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A run's info, and its critical stream up to `last`, of the same moment.

    Attributes:
        missed: for each (epoch, offset) asked for, what came after it, in order, up to `last`; None where nobody can
            say.
    """

    info: RunInfo
    last: Offset
    missed: dict[tuple[str, Offset], list[Entry] | None] = field(default_factory=dict)


async def take(client: Any, run: str, resumes: Collection[tuple[str, Offset]] = ()) -> Snapshot:
    """Read a snapshot, of one moment. A resume is possible iff its epoch is the run's and its entry still exists.

    Raises:
        UnknownRun: nobody has registered it.
    """
    if not await client.sismember(keys.RUNS, run):
        raise UnknownRun(run)
    key = keys.out(run, "critical")
    wanted = sorted({offset for _, offset in resumes})
    call = scripts.Call(SNAPSHOT, (keys.info(run), key), (MISSED_MAX, *map(str, wanted)))
    text, last, *ranges = await scripts.run(client, call)
    info = runs.read_info(run, text or None)
    since = {offset: _since(offset, _rows(found)) for offset, found in zip(wanted, ranges, strict=True)}
    missed = {(epoch, offset): since[offset] if epoch == info.epoch else None for epoch, offset in resumes}
    return Snapshot(info, offsets.parse(last) if last else START, missed)


def read_entry(entry_id: bytes, fields: dict[bytes, bytes]) -> Entry | None:
    """An entry of the critical stream; None if it is not one that a worker has written."""
    kind, data = fields.get(b"kind"), fields.get(b"data")
    if kind is None or data is None:
        return None
    return Entry(offsets.parse(entry_id), kind.decode("utf-8", "replace"), data)


async def chain(client: Any, run: str, tier: str, freshness_ms: float) -> tuple[str, list[bytes]]:
    """Where the tier's stream is, and its newest keyframe with all deltas after it.

    There is nothing to draw from if that is gone, or older than the budget: a tier that nobody watched stands still,
    and the keyframe that is asked for then is here before anybody would want to see the past.
    """
    key = keys.out(run, tier)
    async with client.pipeline(transaction=False) as pipe:
        pipe.hget(keys.keyframes(run), tier)
        pipe.xrevrange(key, count=1)
        keyframe, newest = await pipe.execute()
    cursor = newest[0][0].decode() if newest else str(START)
    if keyframe is None or not newest or time.time() * 1000 - published_ms(newest[0][1]) > freshness_ms:
        return cursor, []
    rows = await client.xrange(key, keyframe)
    if not rows or rows[0][0] != keyframe:
        return cursor, []
    payloads: list[bytes] = []
    for _, fields in rows:
        if fields.get(b"key") == b"1":
            payloads.clear()
        payloads.append(fields[b"data"])
    return rows[-1][0].decode(), payloads


async def goes_on(client: Any, run: str, tier: str, cursor: str) -> bool:
    """Whether a reader of the tier's stream may go on from its cursor: what it read last is there, no keyframe since.

    If there is one, whoever draws from it sees nothing that is older than what it has; if there is none, going on
    spares everybody a redraw, which would begin in the past.
    """
    async with client.pipeline(transaction=False) as pipe:
        pipe.hget(keys.keyframes(run), tier)
        pipe.xrange(keys.out(run, tier), cursor, cursor)
        try:
            keyframe, there = await pipe.execute()
        except redis.ResponseError:  # somebody has meddled: whoever opens the tier anew finds out how
            return False
    return bool(there) and keyframe is not None and offsets.parse(keyframe) <= offsets.parse(cursor)


def _rows(found: list[list[Any]]) -> list[tuple[bytes, dict[bytes, bytes]]]:
    """Entries as a script returns them: fields and values in one list."""
    return [(entry_id, dict(zip(words[::2], words[1::2], strict=True))) for entry_id, words in found]


def published_ms(fields: dict[bytes, bytes]) -> float:
    """When the simulation published what an entry of a tier's stream shows, Unix milliseconds; 0: it does not say."""
    try:
        return float(fields.get(b"pub_ms", b"0"))
    except ValueError:
        return 0.0


def _since(offset: Offset, rows: list[tuple[bytes, dict[bytes, bytes]]]) -> list[Entry] | None:
    entries = [entry for entry_id, fields in rows if (entry := read_entry(entry_id, fields)) is not None]
    if len(rows) >= MISSED_MAX:
        return None
    if offset == START:  # whoever has nothing yet has missed everything, if everything is still there
        first = messages.decode(entries[0].data).get("prev") if entries else str(START)
        return entries if first == str(START) else None
    return entries[1:] if entries and entries[0].offset == offset else None
