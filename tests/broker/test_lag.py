"""Lag on a real server: it agrees with counting by hand, whatever was done to the streams."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from lanecast.broker import gateways, keys, lag, lease, scripts
from lanecast.broker.commit import Commit
from lanecast.broker.gateways import Reaper
from lanecast.broker.offsets import Offset

LANE = keys.lane("r", "normal")
OUT = keys.out("r", "high")


async def filled(client: Any, n: int = 700) -> list[bytes]:
    """A lane with `n` entries; returns their ids."""
    async with client.pipeline(transaction=False) as pipe:
        for number in range(n):
            pipe.xadd(LANE, {"n": number})
        ids: list[bytes] = await pipe.execute()
    return ids


async def by_hand(client: Any, key: str, position: bytes | str) -> int:
    """The entries behind a position, one by one."""
    rows = await client.xrange(key, f"({position if isinstance(position, str) else position.decode()}", "+")
    return len(rows)


async def of_worker(client: Any, stream: str = "in:normal") -> list[lag.Lag]:
    return [row for row in await lag.of_run(client, "r") if (row.stream, row.reader) == (stream, "workers")]


Scenario = Callable[[Any], Awaitable[int]]


async def idle(client: Any) -> int:
    ids = await filled(client)
    await client.xgroup_create(LANE, keys.WORKER_GROUP, ids[-1])
    return 0


async def backlog(client: Any) -> int:
    ids = await filled(client)
    await client.xgroup_create(LANE, keys.WORKER_GROUP, ids[222])
    return await by_hand(client, LANE, ids[222])


async def backlog_of_all(client: Any) -> int:
    await filled(client)
    await client.xgroup_create(LANE, keys.WORKER_GROUP, "0")
    return await by_hand(client, LANE, "0-0")


async def deleted(client: Any) -> int:
    ids = await filled(client)
    await client.xgroup_create(LANE, keys.WORKER_GROUP, ids[100])
    await client.xdel(LANE, *ids[0:20], *ids[90:110], *ids[500:550], ids[-1])
    return await by_hand(client, LANE, ids[100])


async def deleted_to_the_end(client: Any) -> int:
    ids = await filled(client)
    await client.xgroup_create(LANE, keys.WORKER_GROUP, ids[100])
    await client.xdel(LANE, *ids[101:])
    return await by_hand(client, LANE, ids[100])


async def trimmed_ahead_of_the_reader(client: Any) -> int:
    ids = await filled(client)
    await client.xgroup_create(LANE, keys.WORKER_GROUP, ids[100])
    await client.xtrim(LANE, minid=ids[300].decode(), approximate=False)
    return await by_hand(client, LANE, ids[100])


async def set_back(client: Any) -> int:
    """Which makes XINFO's own lag null."""
    ids = await filled(client)
    await client.xgroup_create(LANE, keys.WORKER_GROUP, "$")
    await client.xgroup_setid(LANE, keys.WORKER_GROUP, ids[650])
    return await by_hand(client, LANE, ids[650])


async def group_destroyed(client: Any) -> int:
    """The committed cursor is in the checkpoint."""
    ids = await filled(client)
    await client.xgroup_create(LANE, keys.WORKER_GROUP, "0")
    await client.xgroup_create(LANE, "another", "0")
    await client.hset(keys.checkpoint("r"), "cursor:normal", ids[400])
    await client.xgroup_destroy(LANE, keys.WORKER_GROUP)
    return await by_hand(client, LANE, ids[400])


async def stream_deleted(client: Any) -> int:
    """And written to again by a clock that is behind: the old cursor means nothing there."""
    ids = await filled(client)
    await client.hset(keys.checkpoint("r"), "cursor:normal", ids[400])
    await client.delete(LANE)
    await client.xadd(LANE, {"n": 1}, id="5-1")
    await client.xadd(LANE, {"n": 1}, id="5-2")
    return await by_hand(client, LANE, "0-0")


@pytest.mark.parametrize(
    "scenario",
    [
        idle, backlog, backlog_of_all, deleted, deleted_to_the_end, trimmed_ahead_of_the_reader, set_back,
        group_destroyed, stream_deleted,
    ],
)  # fmt: skip
async def test_lag_agrees_with_counting_by_hand(client: Any, scenario: Scenario) -> None:
    expected = await scenario(client)
    (row,) = await of_worker(client)
    assert (row.entries, row.at_least) == (expected, False)
    assert (row.age_s > 0) == (expected > 0)


async def test_a_stream_that_is_gone_has_no_lag(client: Any) -> None:
    await filled(client, 3)
    await client.delete(LANE)
    assert await lag.of_run(client, "r") == []


async def test_counting_far_from_both_ends_stops_and_says_so(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lag, "COUNT_LIMIT", 100)
    ids = await filled(client)
    await client.xgroup_create(LANE, keys.WORKER_GROUP, ids[350])
    (row,) = await of_worker(client)
    assert row.at_least
    assert 100 <= row.entries <= 349
    await client.xgroup_setid(LANE, keys.WORKER_GROUP, ids[50])
    (row,) = await of_worker(client)
    assert (row.entries, row.at_least) == (649, False), "the nearer end is counted"


async def outputs(client: Any, n: int) -> None:
    held = lease.answer(await scripts.run(client, lease.acquire("r", "w")))
    commit = Commit("r", held.epoch, 1)
    for number in range(1, n + 1):
        commit.frame("high", Offset(held.epoch, number), b"x", 1_000.0, key=number == 1)
        commit.lossless(Offset(held.epoch, number), "status", b"x", 2_000.0)
    assert commit.check(await scripts.run(client, commit.call())) == []


async def test_gateways_lag_by_tier_and_a_dead_one_is_marked(client: Any) -> None:
    await outputs(client, 10)
    await scripts.run(client, lease.heartbeat(keys.GATEWAYS, "a", gateways.SILENT_MS))
    for node, position in (("a", "1-8"), ("b", "1-4")):
        await client.xgroup_create(OUT, keys.gateway_group(node), position)
        await client.xgroup_create(keys.out("r", "critical"), keys.gateway_group(node), position)
    rows = {(row.stream, row.reader): row for row in await lag.of_run(client, "r")}
    assert {where: (row.entries, row.alive) for where, row in rows.items()} == {
        ("out:high", "gw:a"): (2, True), ("out:high", "gw:b"): (6, False),
        ("out:critical", "gw:a"): (2, True), ("out:critical", "gw:b"): (6, False),
    }  # fmt: skip
    now_ms = (await client.time())[0] * 1000
    assert rows["out:high", "gw:a"].age_s == pytest.approx((now_ms - 1_000) / 1000, abs=5)
    assert rows["out:critical", "gw:a"].age_s == pytest.approx((now_ms - 2_000) / 1000, abs=5)
    assert rows["out:critical", "gw:a"].over


async def test_groups_of_dead_gateways_go_at_the_second_look_and_others_stay(client: Any) -> None:
    await outputs(client, 2)
    await scripts.run(client, lease.heartbeat(keys.GATEWAYS, "a", gateways.SILENT_MS))
    for name in ("gw:a", "gw:b", "somebody"):
        await client.xgroup_create(OUT, name, "0")
    reaper = Reaper()
    assert await reaper.reap(client, ["r", "no-such-run"]) == 0
    assert await reaper.reap(client, ["r"]) == 1
    assert [group["name"] for group in await client.xinfo_groups(OUT)] == [b"gw:a", b"somebody"]


async def test_a_gateway_that_was_away_for_a_moment_keeps_its_group(client: Any) -> None:
    await outputs(client, 2)
    await client.xgroup_create(OUT, "gw:b", "0")
    reaper = Reaper()
    await reaper.reap(client, ["r"])
    await scripts.run(client, lease.heartbeat(keys.GATEWAYS, "b", gateways.SILENT_MS))
    assert await reaper.reap(client, ["r"]) == 0
    await client.delete(keys.GATEWAYS)
    assert await reaper.reap(client, ["r"]) == 0, "it is missed anew"


async def test_the_memory_of_the_server_is_measured_with_the_lag(client: Any) -> None:
    await filled(client, 5)
    gauge = await lag.of_inputs(client, "r")
    assert gauge.used_bytes > 100_000
    assert (gauge.max_bytes, gauge.memory) == (0, 0.0), "without a limit nothing is full"
    assert [(row.stream, row.entries) for row in gauge.lags] == [("in:normal", 5)]
