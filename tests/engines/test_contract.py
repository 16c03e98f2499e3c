"""The contract on every engine: append, lease, commit, commands, lag, the directory, reading."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from collections.abc import Coroutine
from typing import Any

import pytest
from tests.support.engines import Engine

from lanecast.broker import append, commands, keys, lag, lease, runs, scripts, tasks
from lanecast.broker.append import Appended
from lanecast.broker.commit import Commit
from lanecast.broker.connect import check_server, connect_sync
from lanecast.broker.errors import Fenced
from lanecast.broker.lanes import CRITICAL, NORMAL
from lanecast.broker.lease import Lease
from lanecast.broker.offsets import Offset
from lanecast.broker.wire import Message
from lanecast.gateway import snapshot
from lanecast.gateway.channel import Source
from lanecast.gateway.reader import Reader


def batch(first: int, n: int) -> list[Message]:
    return [Message("status", b"%d" % seq, t_ms=1.0) for seq in range(first, first + n)]


async def send(client: Any, run: str, epoch: int, first: int, n: int) -> Appended:
    return append.answer(await scripts.run(client, append.call(run, CRITICAL, "p", epoch, first, batch(first, n))))


async def own(client: Any, run: str) -> int:
    held = lease.answer(await scripts.run(client, lease.acquire(run, "w1")))
    assert held.owner == "w1"
    return held.epoch


async def make(client: Any, commit: Commit) -> list[str]:
    return commit.check(await scripts.run(client, commit.call()))


async def test_the_server_is_new_enough_and_says_what_it_is(client: Any) -> None:
    assert (await check_server(client)).split()[0] in {"Valkey", "Redis"}


async def test_messages_are_appended_once_and_in_order_and_an_old_epoch_not_at_all(client: Any, run: str) -> None:
    assert await send(client, run, 1, 1, 3) == Appended("ok", 3)
    assert await send(client, run, 1, 2, 4) == Appended("ok", 5)
    assert await send(client, run, 1, 7, 1) == Appended("gap", 6)
    assert await send(client, run, 2, 1, 1) == Appended("ok", 1)
    assert await send(client, run, 1, 6, 1) == Appended("fenced", 2)
    rows = await client.xrange(keys.lane(run, "critical"))
    assert [fields[b"data"] for _, fields in rows] == [b"1", b"2", b"3", b"4", b"5", b"1"]


async def test_a_server_that_has_forgotten_the_scripts_is_told_again(engine: Engine, client: Any, run: str) -> None:
    await send(client, run, 1, 1, 1)
    with connect_sync(engine.url) as threads:
        threads.script_flush()
        call = append.call(run, CRITICAL, "p", 1, 2, batch(2, 1))
        assert append.answer(scripts.run_sync(threads, call)) == Appended("ok", 2)


async def test_a_step_is_committed_whole_once_and_only_under_the_lease(client: Any, run: str) -> None:
    await client.xgroup_create(keys.lane(run, "high"), keys.WORKER_GROUP, "0", mkstream=True)
    epoch = await own(client, run)
    assert lease.answer(await scripts.run(client, lease.acquire(run, "w2"))) == Lease(epoch, "w1")
    commit = Commit(run, epoch, 1)
    commit.frame("high", Offset(epoch, 1), b"frame", 12.5, key=True)
    commit.lossless(Offset(epoch, 1), "status", b"text")
    commit.cursor("high", "5-0")
    commit.info("{}")
    commit.count("n")
    assert await make(client, commit) == []
    await make(client, commit)  # its reply was lost
    assert await client.hget(keys.counts(run), "n") == b"1"
    assert (await client.xinfo_groups(keys.lane(run, "high")))[0]["last-delivered-id"] == b"5-0"
    await scripts.run(client, lease.release(run, "w1", epoch))
    late = Commit(run, epoch, 2)
    late.count("n")
    with pytest.raises(Fenced):
        await make(client, late)
    assert await client.hget(keys.counts(run), "n") == b"1"


async def test_a_command_is_sent_once_and_its_result_kept(client: Any, run: str) -> None:
    call = commands.call(run, commands.Command("c1", "pause", {}, "user", time.time() * 1000 + 10_000))
    assert commands.answer(await scripts.run(client, call)) == ("nobody", None)
    await client.set(keys.alive(run), "p", px=3_000)
    assert commands.answer(await scripts.run(client, call)) == ("sent", None)
    assert commands.answer(await scripts.run(client, call)) == ("known", None)
    epoch = await own(client, run)
    commit = Commit(run, epoch, 1)
    commit.result("c1", '{"ok":true}')
    assert await make(client, commit) == []
    assert commands.answer(await scripts.run(client, call)) == ("known", {"ok": True})
    ((_, fields),) = await client.xrange(keys.control(run))
    assert commands.from_fields(fields).name == "pause"


async def test_lag_is_what_counting_says_even_after_deletions(client: Any, run: str) -> None:
    key = keys.lane(run, "normal")
    ids = [await client.xadd(key, {"data": n}) for n in range(20)]
    await client.xgroup_create(key, keys.WORKER_GROUP, ids[4])
    await client.xdel(key, ids[0], ids[10])
    (behind,) = await lag.of_run(client, run)
    assert (behind.stream, behind.reader, behind.entries) == ("in:normal", "workers", 14)
    assert 0 <= behind.age_s < 10


async def test_runs_on_different_slots_are_listed_together_and_one_is_forgotten(client: Any, run: str) -> None:
    names = [f"{run}-{n}" for n in range(6)]
    await client.sadd(keys.RUNS, *names)
    await client.set(keys.info(names[2]), runs.RunInfo(names[2], "e1", title="third").to_json())
    listed = [info for info in await runs.listing(client) if info.id in names]
    assert [(info.id, info.title) for info in listed] == [(n, "third" if n == names[2] else "") for n in names]
    await runs.forget(client, names[2])
    assert await runs.get(client, names[2]) is None
    assert not await client.exists(keys.info(names[2]))


async def test_a_run_is_seen_as_of_one_moment(client: Any, run: str) -> None:
    await client.sadd(keys.RUNS, run)
    empty = await snapshot.take(client, run)
    assert (empty.info.epoch, empty.last) == ("", Offset(0, 0))
    epoch = await own(client, run)
    commit = Commit(run, epoch, 1)
    commit.info(runs.RunInfo(run, "e1").to_json())
    for n in (1, 2, 3):
        commit.lossless(Offset(epoch, n), "status", b"%d" % n)
    await make(client, commit)
    known, unknown = ("e1", Offset(epoch, 1)), ("e0", Offset(epoch, 1))
    seen = await snapshot.take(client, run, [known, unknown])
    assert (seen.info.epoch, seen.last, seen.missed[unknown]) == ("e1", Offset(epoch, 3), None)
    assert [entry.data for entry in seen.missed[known] or ()] == [b"2", b"3"]


class Stream:
    """A source that keeps what it is given."""

    def __init__(self, run: str, tier: str) -> None:
        self.run, self.key, self.cursor = run, keys.out(run, tier), "0-0"
        self.came = asyncio.Event()
        self.got: list[bytes] = []

    async def deliver(self, entries: list[tuple[bytes, dict[bytes, bytes]]]) -> None:
        self.cursor = entries[-1][0].decode()
        self.got += [fields[b"n"] for _, fields in entries]
        self.came.set()


async def test_streams_of_many_runs_are_read_at_once_and_one_added_later_without_waiting(
    engine: Engine, client: Any, run: str
) -> None:
    online = asyncio.Event()
    connected: list[Source] = []

    async def on_connected(sources: list[Source]) -> None:
        connected.extend(sources)

    reading: list[asyncio.Task[None]] = []

    def spawn(work: Coroutine[Any, Any, None]) -> None:
        reading.append(asyncio.create_task(work))

    reader = Reader(engine.url, client, spawn, on_connected, online.set, lambda _: online.clear())
    reader.start()
    try:
        async with asyncio.timeout(10):
            await online.wait()
            streams = [Stream(f"{run}-{n}", "high") for n in range(8)]
            for stream in streams:
                reader.watch(stream)
                await client.xadd(stream.key, {"n": 1})
            await asyncio.gather(*(stream.came.wait() for stream in streams))
            await asyncio.sleep(0.1)  # until every read blocks again
            late = Stream(f"{run}-0", "low")
            await client.xadd(late.key, {"n": 2})
            started = time.monotonic()
            reader.watch(late)
            await late.came.wait()
            assert time.monotonic() - started < 0.5, "it has waited for a blocked read"
            for stream in streams:
                reader.unwatch(stream)
            streams[3].came.clear()
            reader.watch(streams[3])
            await client.xadd(streams[3].key, {"n": 3})
            await streams[3].came.wait()
            assert [stream.got for stream in streams] == [[b"1"]] * 3 + [[b"1", b"3"]] + [[b"1"]] * 4
    finally:
        await tasks.cancel(*reading)


async def test_a_full_lane_refuses_what_does_not_fit(client: Any, run: str) -> None:
    small = dataclasses.replace(NORMAL, max_entries=2)
    call = append.call(run, small, "p", 1, 1, batch(1, 3))
    assert append.answer(await scripts.run(client, call)) == Appended("full", 2)
