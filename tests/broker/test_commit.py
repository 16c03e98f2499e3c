"""Leases and commits, on a real server: one owner, all or nothing, once."""

from __future__ import annotations

import collections
from typing import Any

import pytest

from lanecast.broker import keys, lease, scripts
from lanecast.broker.commit import Commit
from lanecast.broker.errors import Fenced
from lanecast.broker.lease import Lease
from lanecast.broker.offsets import Offset


async def owned(client: Any, worker: str = "w1") -> int:
    await client.xgroup_create(keys.lane("r", "high"), keys.WORKER_GROUP, "0", mkstream=True)
    held = lease.answer(await scripts.run(client, lease.acquire("r", worker)))
    assert held.owner == worker
    return held.epoch


async def make(client: Any, commit: Commit) -> list[str]:
    return commit.check(await scripts.run(client, commit.call()))


async def test_only_one_worker_gets_the_lease_and_each_time_under_a_higher_epoch(client: Any) -> None:
    assert lease.answer(await scripts.run(client, lease.acquire("r", "w1"))) == Lease(1, "w1")
    assert lease.answer(await scripts.run(client, lease.acquire("r", "w2"))) == Lease(1, "w1")
    assert lease.answer(await scripts.run(client, lease.renew("r", "w2", 1))) == Lease(1, "w1")
    assert lease.answer(await scripts.run(client, lease.release("r", "w1", 1))) == Lease(0, "")
    assert lease.answer(await scripts.run(client, lease.acquire("r", "w2"))) == Lease(2, "w2")
    assert lease.answer(await scripts.run(client, lease.renew("r", "w1", 1))) == Lease(2, "w2")


async def test_a_lease_runs_out_unless_it_is_renewed(client: Any) -> None:
    await scripts.run(client, lease.acquire("r", "w1"))
    await client.pexpire(keys.lease("r"), 1)
    while await client.exists(keys.lease("r")):
        pass
    assert lease.answer(await scripts.run(client, lease.renew("r", "w1", 1))) == Lease(0, "")


async def test_a_commit_writes_everything_at_once(client: Any) -> None:
    epoch = await owned(client)
    entry = await client.xadd(keys.lane("r", "high"), {"kind": "frame", "data": "x"})
    commit = Commit("r", epoch, 1)
    commit.frame("high", Offset(epoch, 1), b"frame", 12.5, key=True)
    commit.lossless(Offset(epoch, 1), "status", b"text")
    commit.cursor("high", entry.decode())
    commit.checkpoint(b"state", {"high": entry.decode()})
    commit.info("{}")
    commit.scene("v1", b"scene")
    commit.result("c1", "{}")
    commit.count("dropped:high:superseded", 3)
    commit.dead("high", "1-1", "why", {b"kind": b"frame"})
    assert await make(client, commit) == []
    assert await client.xrange(keys.out("r", "high")) == [
        (b"1-1", {b"key": b"1", b"pub_ms": b"12.500", b"data": b"frame"})
    ]
    assert await client.hget(keys.keyframes("r"), "high") == b"1-1"
    assert (await client.xinfo_groups(keys.lane("r", "high")))[0]["last-delivered-id"] == entry
    assert await client.hgetall(keys.checkpoint("r")) == {
        b"commit": b"1-1", b"cursor:high": entry, b"state": b"state", b"at:high": entry,
    }  # fmt: skip
    assert await client.hget(keys.counts("r"), "dropped:high:superseded") == b"3"
    assert 0 < await client.ttl(keys.command("r", "c1")) <= 600
    assert (await client.xrange(keys.dead("r")))[0][1][b"field:kind"] == b"frame"


async def test_a_commit_made_again_after_a_lost_reply_changes_nothing(client: Any) -> None:
    epoch = await owned(client)
    commit = Commit("r", epoch, 1)
    commit.count("n")
    await make(client, commit)
    await make(client, commit)
    assert await client.hget(keys.counts("r"), "n") == b"1"


async def test_a_commit_without_the_lease_writes_nothing(client: Any) -> None:
    epoch = await owned(client)
    await scripts.run(client, lease.release("r", "w1", epoch))
    commit = Commit("r", epoch, 1)
    commit.count("n")
    with pytest.raises(Fenced, match="epoch 1 is fenced off, epoch 0 is in force"):
        await make(client, commit)
    await scripts.run(client, lease.acquire("r", "w2"))
    with pytest.raises(Fenced, match="epoch 2 is in force"):
        await make(client, commit)
    assert not await client.exists(keys.counts("r"))


async def test_a_command_that_fails_is_named_and_stops_no_other(client: Any) -> None:
    epoch = await owned(client)
    await client.xgroup_destroy(keys.lane("r", "high"), keys.WORKER_GROUP)
    commit = Commit("r", epoch, 1)
    commit.cursor("high", "5-0")
    commit.count("n")
    errors = await make(client, commit)
    assert len(errors) == 1
    assert errors[0].startswith("command 1: NOGROUP")
    assert await client.hget(keys.counts("r"), "n") == b"1"


async def test_workers_are_alive_while_they_say_so(client: Any) -> None:
    await scripts.run(client, lease.heartbeat(keys.WORKERS, "a"))
    assert await scripts.run(client, lease.heartbeat(keys.WORKERS, "b")) == [b"a", b"b"]
    await client.zadd(keys.WORKERS, {"a": 1})
    assert await scripts.run(client, lease.heartbeat(keys.WORKERS, "b")) == [b"b"]
    assert await scripts.run(client, lease.heartbeat(keys.WORKERS, "b", 0)) == []


def test_runs_spread_over_workers_and_only_the_share_of_one_that_leaves_moves() -> None:
    workers, runs = [f"w{n}" for n in range(4)], [f"run{n}" for n in range(1000)]
    before = {run: lease.preferred(run, workers) for run in runs}
    shares = collections.Counter(before.values())
    assert min(shares.values()) > 180
    after = {run: lease.preferred(run, workers[:3]) for run in runs}
    assert {run for run in runs if before[run] != after[run]} == {run for run in runs if before[run] == "w3"}
    assert lease.preferred("r", []) is None
