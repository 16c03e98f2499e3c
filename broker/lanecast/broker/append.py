"""The fenced append: how a producer publishes on a lossless lane. Pure; `scripts` runs the call.

Guarantees (by `append.lua`, atomic): within a producer's epoch messages are appended in the order of their
numbers, each once, however often a batch is sent; a producer whose epoch is not the newest appends nothing. A server
that has reached its `maxmemory` refuses all lanes but the critical one, and then nothing of the batch is appended.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lanecast.broker import keys, scripts
from lanecast.broker.lanes import CRITICAL, Lane
from lanecast.broker.wire import Message


@dataclass(frozen=True, slots=True)
class Appended:
    """What became of a batch.

    Attributes:
        status: `ok`, `gap` (go back to `seq`), `full` (send what is behind `seq` later) or `fenced`.
        seq: last number appended; for `gap` the number expected, for `fenced` the newest epoch.
    """

    status: str
    seq: int


def call(run: str, lane: Lane, producer: str, epoch: int, seq: int, batch: Sequence[Message]) -> scripts.Call:
    """The call that appends `batch`, whose first message has number `seq`."""
    words: list[scripts.Word] = [producer, epoch, lane.name, lane.max_entries, seq]
    for message in batch:
        words += (message.kind, message.enc, "" if message.t_ms is None else f"{message.t_ms:.3f}", message.data)
    script = scripts.APPEND_ALWAYS if lane.name == CRITICAL.name else scripts.APPEND
    return scripts.Call(script, (keys.lane(run, lane.name), keys.producers(run), keys.sequences(run)), tuple(words))


def answer(reply: Any) -> Appended:
    """Read the script's reply."""
    return Appended(reply[0].decode(), int(reply[1]))
