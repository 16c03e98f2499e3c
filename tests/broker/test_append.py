"""The fenced append, on a real server: each message once, in order, whatever happens to replies."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import redis
from hypothesis import given
from hypothesis import strategies as st
from tests.support.servers import Server

from lanecast.broker import append, keys, lease, scripts
from lanecast.broker.append import Appended
from lanecast.broker.lanes import CRITICAL, NORMAL
from lanecast.broker.wire import Message, from_fields


def batch(first: int, n: int) -> list[Message]:
    return [Message("status", b"%d" % seq, t_ms=1.0) for seq in range(first, first + n)]


async def send(client: Any, epoch: int, first: int, n: int, **lane: Any) -> Appended:
    call = append.call("r", dataclasses.replace(CRITICAL, **lane), "p", epoch, first, batch(first, n))
    return append.answer(await scripts.run(client, call))


async def stored(client: Any) -> list[int]:
    return [int(entry[b"data"]) for _, entry in await client.xrange(keys.lane("r", "critical"))]


async def test_a_batch_sent_again_is_there_once(client: Any) -> None:
    assert await send(client, 1, 1, 3) == Appended("ok", 3)
    assert await send(client, 1, 1, 3) == Appended("ok", 3)
    assert await send(client, 1, 2, 4) == Appended("ok", 5)
    assert await stored(client) == [1, 2, 3, 4, 5]


async def test_what_is_appended_is_read_as_it_was_given(client: Any) -> None:
    given = [Message("status", b"a", "json", 12.5), Message("status", b"b")]
    await scripts.run(client, append.call("r", CRITICAL, "p", 1, 1, given))
    entries = await client.xrange(keys.lane("r", "critical"))
    assert [from_fields(fields, "critical") for _, fields in entries] == [
        dataclasses.replace(message, producer="p", epoch=1, seq=seq) for seq, message in enumerate(given, 1)
    ]


async def test_a_gap_appends_nothing_and_names_the_number_expected(client: Any) -> None:
    await send(client, 1, 1, 2)
    assert await send(client, 1, 4, 2) == Appended("gap", 3)
    assert await stored(client) == [1, 2]


async def test_an_older_epoch_is_fenced_off(client: Any) -> None:
    await client.hset(keys.producers("r"), "p", 2)
    assert await send(client, 1, 1, 1) == Appended("fenced", 2)
    assert await send(client, 2, 1, 1) == Appended("ok", 1)


async def test_a_new_epoch_counts_from_one_again(client: Any) -> None:
    await send(client, 1, 1, 5)
    assert await send(client, 2, 1, 1) == Appended("ok", 1)
    assert await send(client, 1, 6, 1) == Appended("fenced", 2)


async def test_a_full_lane_takes_what_fits_and_the_rest_later(client: Any) -> None:
    assert await send(client, 1, 1, 5, max_entries=3) == Appended("full", 3)
    await client.xtrim(keys.lane("r", "critical"), maxlen=1, approximate=False)
    assert await send(client, 1, 4, 2, max_entries=3) == Appended("ok", 5)
    assert await stored(client) == [3, 4, 5]


async def test_an_emptied_server_wants_everything_again_from_the_first_number(client: Any) -> None:
    await send(client, 7, 1, 5)
    await client.flushall()
    for _ in range(2):  # however often it is asked
        assert await send(client, 7, 4, 4) == Appended("gap", 1)
    assert await client.hget(keys.producers("r"), "p") == b"7", "a new epoch has to be above it"
    assert await stored(client) == []
    assert await send(client, 7, 1, 7) == Appended("ok", 7)
    assert await stored(client) == [1, 2, 3, 4, 5, 6, 7]
    assert await send(client, 6, 1, 1) == Appended("fenced", 7)


@given(
    lost=st.lists(st.booleans(), min_size=1, max_size=12),
    sizes=st.lists(st.integers(1, 5), min_size=12, max_size=12),
)
def test_lost_replies_leave_every_message_once_and_in_order(
    redis_server: Server, lost: list[bool], sizes: list[int]
) -> None:
    """The publisher's loop: what was not answered is sent again, together with what is new."""
    with redis.Redis.from_url(redis_server.url) as client:
        client.flushall()
        acknowledged, made = 0, 0
        for reply_lost, size in zip(lost, sizes, strict=False):
            made += size
            first = acknowledged + 1
            call = append.call("r", CRITICAL, "p", 1, first, batch(first, made - acknowledged))
            answer = append.answer(scripts.run_sync(client, call))
            if not reply_lost:
                assert answer.status == "ok"
                acknowledged = answer.seq
        numbers = [int(entry[b"data"]) for _, entry in client.xrange(keys.lane("r", "critical"))]
        assert numbers == list(range(1, made + 1))


async def test_a_server_without_memory_takes_the_critical_lane_and_refuses_the_normal_one(client: Any) -> None:
    await client.config_set("maxmemory", 1)
    try:
        message = batch(1, 1)
        done = append.answer(await scripts.run(client, append.call("r", CRITICAL, "sim", 1, 1, message)))
        assert (done.status, done.seq) == ("ok", 1)
        with pytest.raises(redis.exceptions.OutOfMemoryError):
            await scripts.run(client, append.call("r", NORMAL, "sim", 1, 1, message))
        held = lease.answer(await scripts.run(client, lease.acquire("r", "w")))
        assert held.owner == "w", "leases go on"
        assert await scripts.run(client, lease.heartbeat(keys.WORKERS, "w")) == [b"w"]
    finally:
        await client.config_set("maxmemory", 0)
    assert await client.xlen(keys.lane("r", "critical")) == 1
    assert not await client.exists(keys.lane("r", "normal"))
