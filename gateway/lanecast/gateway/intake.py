"""Puts what was posted into a run's lanes."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Any

from lanecast.broker import append, keys, scripts
from lanecast.broker.append import Appended
from lanecast.broker.wire import Message
from lanecast.gateway.ingest import Batch


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a request: `accepted` messages are in; `stopped` says why the rest is not."""

    accepted: int
    stopped: Appended | None = None


async def take(client: Any, run: str, batches: list[Batch]) -> Taken:
    """Register the run and append, batch by batch, until one is refused (`gap`, `fenced`, `full`).

    Numbered messages may be posted again after a lost answer; unnumbered ones would be there twice.
    """
    await client.sadd(keys.RUNS, run)
    accepted = 0
    for batch in batches:
        done = await (_fenced(client, run, batch) if batch.numbered else _plain(client, run, batch))
        accepted += done.accepted
        if done.stopped is not None:
            return Taken(accepted, done.stopped)
    return Taken(accepted)


async def _fenced(client: Any, run: str, batch: Batch) -> Taken:
    first = batch.messages[0]
    # The append always writes a time: where the producer said none, it is when the message came here.
    now_ms = time.time() * 1000
    messages = [message if message.t_ms else replace(message, t_ms=now_ms) for message in batch.messages]
    call = append.call(run, batch.lane, first.producer or "", first.epoch, first.seq, messages)
    answer = append.answer(await scripts.run(client, call))
    if answer.status == "ok":
        return Taken(len(batch.messages))
    accepted = max(0, answer.seq - first.seq + 1) if answer.status == "full" else 0
    return Taken(accepted, answer)


async def _plain(client: Any, run: str, batch: Batch) -> Taken:
    key, lane = keys.lane(run, batch.lane.name), batch.lane
    messages: list[Message] = batch.messages
    if lane.lossless:
        room = lane.max_entries - await client.xlen(key)
        messages = messages[: max(0, room)]
    maxlen = None if lane.lossless else lane.max_entries
    async with client.pipeline(transaction=False) as pipe:
        for message in messages:
            pipe.xadd(key, message.to_fields(), maxlen=maxlen, approximate=True)
        await pipe.execute()
    return Taken(len(messages), None if len(messages) == len(batch.messages) else Appended("full", 0))
