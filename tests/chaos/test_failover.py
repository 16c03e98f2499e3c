"""A master is lost, or a slot moves: 19 to 21, and 24 in a Cluster."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from tests.chaos.conftest import Play
from tests.chaos.stage import RUN
from tests.support.engines import Engine, Node, any_binary, running, start_cluster, start_sentinel, wait_until
from tests.support.proxy import Faults

from lanecast.broker import keys

RESUMED_S = 2.0


def promoted(engine: Engine, replica: Node) -> None:
    """Until the replica is the master that clients are told, and takes writes."""
    wait_until(lambda: engine.master_of(RUN) is replica, "the failover")
    wait_until(lambda: replica.client().info("replication")["role"] == "master", "the promotion")


def test_sentinel_promotes_the_replica(play: Play, tmp_path: Path) -> None:
    with running(start_sentinel(tmp_path, any_binary())) as engine:
        with play("19", "kill -9 of the master behind Sentinel", limit_s=RESUMED_S, engine=engine) as stage:
            master = engine.master_of(RUN)
            replica = engine.replica_of(master)
            with stage.cause(RESUMED_S):
                master.kill()
                promoted(engine, replica)
            stage.known_by(log="redis_gone", metric="lanecast_worker_outages_total")
            stage.told("Redis does not answer")
            stage.judge(anew=any(viewer.watcher.found.anew for viewer in stage.audience.viewers))


def test_a_cluster_promotes_the_replica(play: Play, tmp_path: Path) -> None:
    with running(start_cluster(tmp_path, any_binary())) as engine:
        with play("20", "kill -9 of the run's master in a Cluster", limit_s=RESUMED_S, engine=engine) as stage:
            master = engine.master_of(RUN)
            replica = engine.replica_of(master)
            wait_until(lambda: replica.client().info("replication")["master_link_status"] == "up", "the replica")
            with stage.cause(RESUMED_S):
                master.kill()
                promoted(engine, replica)
            stage.known_by(log="redis_gone", metric="lanecast_worker_outages_total")
            stage.told("Redis does not answer")
            stage.judge(anew=any(viewer.watcher.found.anew for viewer in stage.audience.viewers))


def test_what_a_replica_lacked_is_sent_again(play: Play, tmp_path: Path) -> None:
    with running(start_sentinel(tmp_path, any_binary(), seed=1)) as engine:
        cause = "the replica's link is a black hole for 2 s, then the master is killed"
        with play("21", cause, limit_s=RESUMED_S, engine=engine) as stage:
            master = engine.master_of(RUN)
            replica = engine.replica_of(master)
            with stage.cause(RESUMED_S):
                engine.fault(Faults(cut_replicas=True))
                time.sleep(2)
                master.kill()
                promoted(engine, replica)
            stage.known_by(log="run_restarted|server_went_back|sending_again")
            stage.judge(anew=True)


def test_the_slot_of_the_run_moves_while_everybody_is_blocked(play: Play, tmp_path: Path) -> None:
    with running(start_cluster(tmp_path, any_binary())) as engine:
        with play("24c", "the run's slot migrates to another master", limit_s=RESUMED_S, engine=engine) as stage:
            source = engine.master_of(RUN)
            target = next(node for node in masters(engine) if node is not source)
            with stage.cause(RESUMED_S):
                migrate(engine, source, target)
            assert engine.master_of(RUN) is target
            stage.judge(anew=any(viewer.watcher.found.anew for viewer in stage.audience.viewers))


def masters(engine: Engine) -> list[Node]:
    return [node for node in engine.alive if node.client().info("replication")["role"] == "master"]


def migrate(engine: Engine, source: Node, target: Node) -> None:
    """Move the slot of the run, all keys of it together, as `redis-cli --cluster reshard` does it."""
    here: Any = source.client()
    there: Any = target.client()
    slot = here.execute_command("CLUSTER KEYSLOT", keys.info(RUN))
    source_id, target_id = (client.execute_command("CLUSTER MYID").decode() for client in (here, there))
    there.execute_command("CLUSTER SETSLOT", slot, "IMPORTING", source_id)
    here.execute_command("CLUSTER SETSLOT", slot, "MIGRATING", target_id)
    while names := here.execute_command("CLUSTER GETKEYSINSLOT", slot, 100):
        here.execute_command("MIGRATE", target.host, target.port, "", 0, 5000, "KEYS", *names)
    for client in (there, here, *(node.client() for node in masters(engine))):
        client.execute_command("CLUSTER SETSLOT", slot, "NODE", target_id)
