"""Small messages a second, from one thread, through the fenced append: numbered, each once, in order."""

from __future__ import annotations

import time
from typing import Any

from lanecast.broker import append, keys, scripts
from lanecast.broker.connect import connect_sync
from lanecast.broker.lanes import CRITICAL
from lanecast.broker.wire import Message
from lanecast.ops.bench.machine import server
from lanecast.ops.bench.result import Result, at_least

HOLD = 50_000
DATA = b"\x82\xa5level\xa4info\xa4text\xa5hello"
RUN_MESSAGES = 50_000


def measure(quick: bool) -> Result:
    """Batches of several sizes; the lane is not read meanwhile."""
    messages = 100_000 if quick else 400_000
    with server() as url:
        rows = [_row(url, batch, pipelined, messages) for batch, pipelined in ((10, 1), (10, 20), (100, 4), (500, 1))]
    best = max(row["messages_per_s"] for row in rows)
    return Result([at_least("messages a second of one thread, pipelined", best, HOLD, "1/s")], rows)


def _row(url: str, batch: int, pipelined: int, messages: int) -> dict[str, Any]:
    with connect_sync(url) as client:
        for script in (scripts.APPEND, scripts.APPEND_ALWAYS):
            client.script_load(script.text)
        started, sent = time.perf_counter(), 0
        while sent < messages:
            run = f"append-{batch}-{pipelined}-{sent}"
            sent += _fill(client, run, batch, pipelined)
        taken_s = time.perf_counter() - started
    return {
        "batch": batch,
        "batches_per_round_trip": pipelined,
        "messages": sent,
        "messages_per_s": round(sent / taken_s),
        "us_per_message": round(taken_s / sent * 1e6, 2),
    }


def _fill(client: Any, run: str, batch: int, pipelined: int) -> int:
    """Append one lane's worth, which stays below the lane's limit."""
    seq = 1
    while seq <= RUN_MESSAGES:
        with client.pipeline(transaction=False) as pipe:
            for _ in range(pipelined):
                t_ms = time.time() * 1000
                call = append.call(run, CRITICAL, "bench", 1, seq, [Message("status", DATA, t_ms=t_ms)] * batch)
                pipe.evalsha(call.script.sha, len(call.keys), *call.keys, *call.args)
                seq += batch
            answers = [append.answer(reply) for reply in pipe.execute()]
        if answers[-1] != append.Appended("ok", seq - 1):
            raise RuntimeError(f"run {run}: {answers[-1]} instead of ok up to {seq - 1}")
    client.unlink(keys.lane(run, CRITICAL.name), keys.producers(run), keys.sequences(run))
    return seq - 1
