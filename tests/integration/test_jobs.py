"""Jobs with a real server and the real arq process: trimmed, reaped, reported; asked for, told, cancelled, repeated."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.gateway.stage import RunOwner, eventually
from tests.support.engines import any_binary, running, start_sentinel

from lanecast.broker import commit, demand, keys, lease, scripts
from lanecast.broker.errors import InvalidMessage, Unavailable
from lanecast.broker.runs import RunInfo
from lanecast.broker.tiers import TIERS
from lanecast.workers.jobs import JOBS, capacity, job, ledger, queue
from lanecast.workers.jobs.trim import bulk
from lanecast.workers.settings import JobsSettings

pytestmark = pytest.mark.integration

WORK = """
import asyncio, json, sys
from lanecast.workers.jobs import job
from lanecast.workers.jobs.queue import serve
from lanecast.workers.settings import JobsSettings

@job("linger", "waits until it is cancelled", timeout_s=60.0, steps=3.0)
async def linger(context):
    for done in range(int(context.args["steps"])):
        await context.progress(done + 1, int(context.args["steps"]), "lingering")
    await asyncio.Event().wait()

@job("fail", "fails")
async def fail(context):
    raise RuntimeError("as it was told to")

serve(JobsSettings(**json.loads(sys.argv[1])))
"""


@job("linger", "waits until it is cancelled", timeout_s=60.0, steps=3.0)
async def linger(context: Any) -> dict[str, Any]:
    raise AssertionError("it runs in the other process")


@job("fail", "fails")
async def fail(context: Any) -> dict[str, Any]:
    raise AssertionError("it runs in the other process")


class Working:
    """The process that works; killed or ended by the test."""

    def __init__(self, url: str, **settings: Any) -> None:
        given = json.dumps({"redis_url": url, "jobs_alive_s": 1, **settings})
        self.process = subprocess.Popen([sys.executable, "-W", "error", "-c", WORK, given], env=dict(os.environ))

    def end(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(10)


@pytest.fixture
def working(redis_url: str) -> Iterator[Working]:
    process = Working(redis_url)
    yield process
    process.process.kill()
    process.process.wait()


async def state_of(client: Any, job_id: str) -> str:
    entry = await ledger.read(client, job_id)
    return "" if entry is None else entry.state


async def old_run(client: Any, run: str, state: str = "ended", hours: float = 30.0) -> None:
    await client.sadd(keys.RUNS, run)
    info = RunInfo(run, "e", state=state, updated_ms=(time.time() - hours * 3600) * 1000)
    await client.set(keys.info(run), info.to_json())
    for key in bulk(run):
        await client.xadd(key, {"data": "x"}, id="7-7")
    for n in range(1, 30):
        await client.xadd(keys.out(run, "critical"), {"data": "x"}, id=f"1-{n}")


async def test_trim_empties_the_bulk_of_runs_that_ended_long_ago_and_of_no_others(client: Any) -> None:
    await old_run(client, "old")
    await old_run(client, "recent", hours=1)
    await old_run(client, "live", state="running")
    await client.xadd(keys.dead("live"), {"reason": "old"}, id="1000-1")
    await client.xadd(keys.dead("live"), {"reason": "new"})
    first, second = await asyncio.gather(*(queue.run_here(client, "trim", {"messages": 10.0}) for _ in range(2)))
    assert first["entries_removed"] + second["entries_removed"] == len(bulk("old")) + 19 + 1
    assert await client.xlen(keys.out("old", "critical")) == 10
    for key in bulk("old"):
        assert await client.xlen(key) == 0
        assert (await client.xinfo_stream(key))["last-generated-id"] == b"7-7"  # ids go on rising
    for run in ("recent", "live"):
        assert all([await client.xlen(key) == 1 for key in bulk(run)])
    assert await client.xlen(keys.dead("live")) == 1


async def test_reap_removes_groups_of_gateways_that_are_gone_from_runs_that_nobody_owns(client: Any) -> None:
    await client.sadd(keys.RUNS, "a")
    await scripts.run(client, lease.heartbeat(keys.GATEWAYS, "here"))
    for node in ("here", "gone"):
        await client.xgroup_create(keys.out("a", "high"), keys.gateway_group(node), mkstream=True)
    assert await queue.run_here(client, "reap", {"gap_s": 0.0}) == {"runs": 1, "groups_removed": 1}
    (group,) = await client.xinfo_groups(keys.out("a", "high"))
    assert group["name"] == b"gw:here"


async def test_the_capacity_report_tells_rates_bytes_viewers_and_lag(client: Any) -> None:
    owner = await RunOwner(client, "a").begin()
    await owner.frame("high", key=True)
    for wanted in (
        demand.Demand("n1", "high", 3),
        demand.Demand("n2", "high", 2),
        demand.Demand("n1", "high", 4),
        demand.Demand("n1", "low", 1, images=True),
    ):
        await client.xadd(keys.demand("a"), wanted.to_fields())
    await queue.run_here(client, "capacity", {})
    first = await capacity.report(client)
    assert first is not None
    (one,) = first.runs
    assert (one.run, one.state, one.viewers, one.cameras) == ("a", "running", {"high": 6}, {"low": 1})
    assert one.bytes > 500
    assert one.rates == {}
    for _ in range(5):
        await owner.frame("high")
    await queue.run_here(client, "capacity", {})
    second = await capacity.report(client)
    assert second is not None
    passed_s = (second.at_ms - first.at_ms) / 1000
    assert second.runs[0].rates["out:high"] == pytest.approx(5 / passed_s, rel=0.01)
    assert second.runs[0].rates["out:critical"] == 0


async def test_a_job_that_is_asked_for_is_done_and_what_became_of_it_is_kept(
    client: Any, redis_url: str, working: Working
) -> None:
    asking = queue.open_queue(JobsSettings(redis_url=redis_url))
    done = await queue.enqueue(asking, "trim", {"after_h": 1.0})
    failed = await queue.enqueue(asking, "fail", {})
    await eventually(lambda: is_over(client, done, failed))
    entry = await ledger.read(client, done)
    assert entry is not None
    assert (entry.state, entry.result) == ("done", {"runs": 0, "old_runs": 0, "entries_removed": 0})
    entry = await ledger.read(client, failed)
    assert entry is not None
    assert (entry.state, entry.error) == ("failed", "RuntimeError: as it was told to")
    await asking.aclose(close_connection_pool=True)
    assert await client.exists(keys.JOBS_ALIVE)
    assert working.end() == 0


async def test_a_job_that_runs_can_be_cancelled_and_tells_how_far_it_is(
    client: Any, redis_url: str, working: Working
) -> None:
    asking = queue.open_queue(JobsSettings(redis_url=redis_url))
    job_id = await queue.enqueue(asking, "linger", {"steps": 1.0})
    await eventually(lambda: in_progress(client, job_id))
    assert await queue.cancel(asking, job_id)
    await eventually(lambda: is_over(client, job_id))
    assert await state_of(client, job_id) == "cancelled"
    assert not await queue.cancel(asking, job_id)
    await asking.aclose(close_connection_pool=True)


async def test_jobs_work_behind_sentinel(tmp_path: Path) -> None:
    binary = any_binary()
    if binary is None:
        pytest.skip("no server binary")
    with running(start_sentinel(tmp_path, binary, None)) as engine:
        process = Working(engine.url)
        asking = queue.open_queue(JobsSettings(redis_url=engine.url))
        try:
            job_id = await queue.enqueue(asking, "trim", {})
            await eventually(lambda: is_over(asking, job_id))
            assert await state_of(asking, job_id) == "done"
        finally:
            process.process.kill()
            process.process.wait()
            await asking.aclose(close_connection_pool=True)


def test_the_queue_is_refused_a_cluster_with_the_remedy() -> None:
    with pytest.raises(Unavailable, match="LANECAST_JOBS_REDIS_URL"):
        queue.open_queue(JobsSettings(redis_url="redis+cluster://127.0.0.1:1"))
    apart = JobsSettings(redis_url="redis+cluster://127.0.0.1:1", jobs_redis_url="redis://127.0.0.1:1")
    assert queue.queue_url(apart) == "redis://127.0.0.1:1"


async def test_the_ledger_keeps_the_newest_entries_only(client: Any) -> None:
    for n in range(ledger.KEPT + 5):
        await ledger.write(client, ledger.Entry(str(n), "trim", "done", float(n)))
    assert [entry.id for entry in await ledger.entries(client)] == [str(n) for n in range(ledger.KEPT + 4, 4, -1)]


@pytest.mark.parametrize(("name", "args"), [("dance", {}), ("trim", {"speed": 1.0}), ("trim", {"after_h": "long"})])
def test_a_job_or_an_argument_that_there_is_not_is_refused(name: str, args: dict[str, Any]) -> None:
    with pytest.raises(InvalidMessage):
        queue.known(name).with_args(args)


def test_what_ships_runs_by_itself_on_minutes_of_the_clock() -> None:
    assert {name: JOBS[name].every_min for name in ("trim", "reap", "capacity")} == {
        "trim": 30,
        "reap": 5,
        "capacity": 1,
    }
    assert JOBS["trim"].minutes == {0, 30}
    assert set(bulk("a")) >= {keys.out("a", tier) for tier in TIERS}
    assert JOBS["trim"].defaults["messages"] <= commit.CRITICAL_KEPT  # type: ignore[operator]


async def is_over(client: Any, *job_ids: str) -> bool:
    return all([await state_of(client, job_id) in {"done", "failed", "cancelled"} for job_id in job_ids])


async def in_progress(client: Any, job_id: str) -> bool:
    entry = await ledger.read(client, job_id)
    return entry is not None and entry.state == "running" and (entry.done, entry.of) == (1, 1)
