"""What happens to the server itself, and inside it: 15 to 18, 22 to 25."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from tests.chaos.conftest import Play, server_binary
from tests.chaos.stage import RUN, Stage
from tests.support.engines import Node, running, start_single, wait_until

from lanecast.broker import keys

RESUMED_S = 2.0
FAKETIME = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)


def node_of(stage: Stage) -> Node:
    return next(iter(stage.engine.nodes.values()))


def answers(node: Node) -> None:
    wait_until(lambda: bool(node.client().ping()), "the server being back")


def test_a_server_that_is_killed_and_has_its_log_goes_on(play: Play) -> None:
    with play("15", "kill -9 of the server, started again with its AOF", limit_s=RESUMED_S) as stage:
        node = node_of(stage)
        with stage.cause(RESUMED_S):
            node.kill()
            time.sleep(1)
            node.start()
            answers(node)
        stage.known_by(log="redis_gone", metric="lanecast_worker_outages_total")
        stage.told("Redis does not answer", "Redis is back")
        stage.judge()


def test_what_a_torn_log_has_lost_is_sent_again(play: Play) -> None:
    with play("16", "kill -9 of the server, the end of its AOF torn off", limit_s=RESUMED_S) as stage:
        node = node_of(stage)
        with stage.cause(RESUMED_S):
            node.kill()
            log = max(stage.folder.glob(f"{node.port}/appendonlydir/*.incr.aof"), key=lambda path: path.stat().st_mtime)
            os.truncate(log, log.stat().st_size - 7)
            node.start()
            answers(node)
        stage.known_by(log="redis_gone", metric="lanecast_worker_outages_total")
        # Commits that the torn end held are gone: where viewers had seen one, their streams begin anew.
        stage.judge(anew=any(viewer.watcher.found.anew for viewer in stage.audience.viewers))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 24 MB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "lanecast-chaos", disk], check=False)
    if done.returncode:
        pytest.skip("no disk can be mounted: that takes root")
    yield disk
    subprocess.run(["umount", disk], check=True)


def test_a_full_disk_stands_still_and_loses_nothing(play: Play, small_disk: Path) -> None:
    options = ("--auto-aof-rewrite-percentage", "0")
    with running(start_single(small_disk, server_binary(), seed=1, options=options)) as engine:
        with play("17", "the server's disk is full for 4 s (MISCONF)", limit_s=RESUMED_S, engine=engine) as stage:
            filler = small_disk / "filler"
            with stage.cause(RESUMED_S):
                with pytest.raises(OSError, match="No space"):
                    fill(filler)
                wait_until(lambda: _refuses(node_of(stage)), "MISCONF")
                time.sleep(4)
                filler.unlink()
                wait_until(lambda: not _refuses(node_of(stage)), "the server writing again")
            stage.known_by(log="redis_away", metric="lanecast_worker_outages_total")
            stage.judge()


def fill(filler: Path) -> None:
    """Write until the disk is full, which raises."""
    with filler.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4_096))


def _refuses(node: Node) -> bool:
    try:
        node.client().set("chaos:probe", 1)
    except redis.ResponseError as error:
        return str(error).startswith("MISCONF")
    return False


def test_a_server_without_memory_goes_on_with_what_is_critical(play: Play) -> None:
    with play("18", "maxmemory reached for 5 s", limit_s=RESUMED_S) as stage:
        with stage.client() as client, stage.cause(RESUMED_S):
            before = {viewer.watcher.said[1] for viewer in stage.audience.viewers}
            client.config_set("maxmemory", "1mb")
            time.sleep(5)
            said = min(viewer.watcher.said[1] for viewer in stage.audience.viewers)
            assert said > max(before) + 30, "critical messages have stopped"
            client.config_set("maxmemory", "0")
        stage.known_by(log="flow|server_without_memory", metric="lanecast_worker_commits_total")
        stage.judge()


def test_an_emptied_server_is_filled_again_by_those_who_live(play: Play) -> None:
    with play("22a", "FLUSHALL while everybody is blocked in a read", limit_s=5.0) as stage:
        with stage.client() as client, stage.cause(5.0):
            client.flushall()
        stage.known_by(log="run_restarted|run_announced_again")
        stage.judge(anew=True)


def test_a_run_whose_keys_are_deleted_begins_anew(play: Play) -> None:
    with play("22b", "DEL of all keys of the run while everybody is blocked in a read", limit_s=5.0) as stage:
        with stage.client() as client, stage.cause(5.0):
            client.delete(*client.keys(f"lc:{{{RUN}}}:*"))
        stage.known_by(log="run_restarted|run_announced_again")
        stage.judge(anew=True)


def test_a_consumer_group_that_is_destroyed_is_made_again(play: Play) -> None:
    with play("22c", "XGROUP DESTROY of the workers' group on every lane", limit_s=RESUMED_S) as stage:
        with stage.client() as client, stage.cause(RESUMED_S):
            for lane in ("critical", "high", "normal", "low"):
                if client.exists(keys.lane(RUN, lane)):
                    client.xgroup_destroy(keys.lane(RUN, lane), keys.WORKER_GROUP)
        stage.known_by(log="group_made_again")
        stage.judge()


def test_a_trim_that_overtakes_the_workers_is_counted(play: Play) -> None:
    with play("23a", "the lane high is trimmed past workers that stand still for 1 s", limit_s=RESUMED_S) as stage:
        with stage.client() as client, stage.cause(RESUMED_S):
            for worker in stage.workers:
                worker.signal(signal.SIGSTOP)
            time.sleep(1)
            client.xtrim(keys.lane(RUN, "high"), maxlen=0, approximate=False)
            for worker in stage.workers:
                worker.signal(signal.SIGCONT)
        with stage.client() as client:
            wait_until(lambda: bool(client.hget(keys.counts(RUN), "trimmed:high")), "the count of what was trimmed")
        stage.verdict.metric = "trimmed:high"  # among the counts of the run
        stage.judge()


def test_viewers_of_a_gateway_that_was_overtaken_by_a_trim_are_told_that_it_begins_anew(play: Play) -> None:
    with play("23b", "all outputs are trimmed past a gateway that stands still for 1 s", limit_s=RESUMED_S) as stage:
        with stage.client() as client, stage.cause(RESUMED_S):
            gateway: Any = stage.gateways[0].process
            gateway.send_signal(signal.SIGSTOP)
            time.sleep(1)
            for name in ("critical", "ultra", "high", "low"):
                client.xtrim(keys.out(RUN, name), maxlen=0, approximate=False)
            gateway.send_signal(signal.SIGCONT)
        stage.known_by(log="run_restarted")
        stage.judge(anew=True)


def test_connections_that_the_server_kills_are_made_again(play: Play) -> None:
    with play("24a", "CLIENT KILL of everybody, five times", limit_s=RESUMED_S) as stage:
        with stage.client() as client, stage.cause(RESUMED_S):
            for _ in range(5):
                client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
                time.sleep(0.3)
        stage.known_by(log="redis_gone|redis_away")
        stage.judge()


def test_a_paused_server_is_a_pause(play: Play) -> None:
    with play("24b", "CLIENT PAUSE of 3 s", limit_s=RESUMED_S) as stage:
        with stage.client() as client, stage.cause(RESUMED_S):
            client.execute_command("CLIENT", "PAUSE", 3000, "ALL")
            time.sleep(3)
        stage.judge()


@pytest.mark.parametrize(("scenario", "jump_s"), [("25a", 120), ("25b", -120)], ids=["forwards", "backwards"])
def test_a_clock_that_jumps_ends_leases_and_nothing_else(
    play: Play, tmp_path: Path, scenario: str, jump_s: int
) -> None:
    if FAKETIME is None:
        pytest.skip("libfaketime is not installed")
    clock = tmp_path / "clock"
    clock.write_text("+0s\n")
    under = (
        "env", f"LD_PRELOAD={FAKETIME}", f"FAKETIME_TIMESTAMP_FILE={clock}", "FAKETIME_NO_CACHE=1",
        "FAKETIME_DONT_FAKE_MONOTONIC=1",
    )  # fmt: skip
    with running(start_single(tmp_path, server_binary(), seed=1, under=under)) as engine:
        with play(scenario, f"the server's clock jumps by {jump_s:+d} s", limit_s=3.0, engine=engine) as stage:
            with stage.client() as client, stage.cause(3.0):
                before = client.time()[0] - time.time()
                clock.write_text(f"{jump_s:+d}s\n")
                wait_until(lambda: abs(client.time()[0] - time.time() - before - jump_s) < 5, "the jump")
            stage.judge()
