"""A run on a real server: what is published arrives, whatever the simulation does."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import redis
from tests.producer.reading import payloads_of, read_lane, wait_until

from lanecast.broker import keys
from lanecast.broker.lanes import NORMAL
from lanecast.producer import InvalidMessage, Param, Run
from lanecast.producer.publisher import Publisher

pytestmark = pytest.mark.integration


@pytest.fixture
def server(redis_url: str) -> Any:
    with redis.Redis.from_url(redis_url) as client:
        yield client


def left_ms(server: redis.Redis) -> int:
    left: Any = server.pttl(keys.alive("sim"))
    return int(left)


def test_what_a_run_publishes_arrives_as_it_was_given(redis_url: str, server: redis.Redis) -> None:
    scene = {"kind": "roads", "bounds": [0, 0, 1, 1], "lines": {"points": [0, 0, 1, 1], "starts": [0], "id": ["a"]}}
    with Run("sim", title="A sim", kind="test", params={"gain": Param(1.0, max=5)}, url=redis_url) as run:
        assert run.running()
        run.scene(scene)
        with run.phase("physics"):
            pass
        xs = np.asarray([1.5, 2.5])
        run.frame({"points": {"id": np.asarray([7, 9]), "x": xs, "y": xs}}, step=3, time_s=0.5)
        xs[:] = -1  # the simulation goes on in the same arrays
        run.metrics({"loss": np.float32(0.5)})
        run.events("traffic", {"edge": ["a"], "mean_speed": [3.0], "occupancy": [0.5]})
        run.log("a line")
        run.status("warning", "hot")
    ((message, frame),) = read_lane(server, "sim", "high")
    assert (message.producer, message.epoch, message.seq) == ("sim", 1, 1)
    assert abs((message.t_ms or 0.0) - time.time() * 1000) < 10_000
    assert (frame.step, frame.time_s, list(frame.phases)) == (3, 0.5, ["physics"])
    assert frame.layers["points"].columns["x"].to_list() == [1.5, 2.5]
    assert frame.layers["points"].ids.tolist() == [7, 9]
    normal = read_lane(server, "sim", "normal")
    assert [message.kind for message, _ in normal] == ["metrics", "events", "log"]
    assert (normal[0][1].step, normal[0][1].values) == (3, {"loss": 0.5})
    critical = read_lane(server, "sim", "critical")
    assert [message.kind for message, _ in critical] == [
        "lifecycle", "control", "lifecycle", "scene", "status", "lifecycle",
    ]  # fmt: skip
    assert [p.state for m, p in critical if m.kind == "lifecycle"] == ["created", "running", "ended"]
    assert critical[0][1].params == {"gain": {"type": "float", "value": 1.0, "max": 5.0}}
    assert server.sismember(keys.RUNS, "sim")
    assert run.stats.published == {"critical": 6, "high": 1, "normal": 3}
    assert run.stats.dropped == {}


def test_a_simulation_that_fails_says_so_and_ends(redis_url: str, server: redis.Redis) -> None:
    def simulate() -> None:
        with Run("sim", url=redis_url) as run:
            run.running()
            raise ZeroDivisionError("the physics broke")

    with pytest.raises(ZeroDivisionError):
        simulate()
    (status,) = payloads_of(server, "sim", "critical", "status")
    assert (status.level, status.text) == ("error", "the simulation failed: ZeroDivisionError: the physics broke")
    assert payloads_of(server, "sim", "critical", "lifecycle")[-1].state == "ended"


def test_a_mistake_raises_at_the_call_and_names_the_field(redis_url: str, server: redis.Redis) -> None:
    with Run("sim", url=redis_url) as run:
        mistakes: list[tuple[Callable[[], object], str]] = [
            (lambda: run.frame({"points": {"x": [1]}}), "layers.points.id"),
            (lambda: run.frame({"points": {"id": [1], "x": [float("nan")]}}), "layers.points.x[0]"),
            (lambda: run.frame({}, step=1.5), "step"),  # type: ignore[arg-type]
            (lambda: run.metrics({"loss": "low"}), "values.loss"),  # type: ignore[dict-item]
            (lambda: run.status("fatal", "x"), "level"),
            (lambda: run.on_param("gain", print), "params.gain"),
        ]
        for wrong, field in mistakes:
            with pytest.raises(InvalidMessage) as caught:
                wrong()
            assert caught.value.field == field
        run.frame({}, step=5, time_s=2.0)
        with pytest.raises(InvalidMessage, match="goes back from 5 to 4"):
            run.frame({}, step=4, time_s=3.0)
        with pytest.raises(InvalidMessage, match="goes back from 2"):
            run.frame({}, step=6, time_s=1.0)
    assert len(read_lane(server, "sim", "high")) == 1


def test_the_run_is_alive_while_it_is_open_and_not_after(redis_url: str, server: redis.Redis) -> None:
    with Run("sim", url=redis_url):
        wait_until(lambda: server.get(keys.alive("sim")) == b"sim", "the alive key")
        wait_until(lambda: 0 < left_ms(server) < 2_500, "time passing")
        wait_until(lambda: 2_800 < left_ms(server) <= 3_000, "the key being renewed")
    assert server.get(keys.alive("sim")) is None
    time.sleep(0.05)
    assert server.get(keys.alive("sim")) is None


def test_a_restarted_simulation_takes_over_and_the_old_one_stops(redis_url: str, server: redis.Redis) -> None:
    with Run("sim", url=redis_url) as old:
        old.status("info", "old 1")
        wait_until(lambda: payloads_of(server, "sim", "critical", "status"), "the old run's message")
        with Run("sim", url=redis_url) as new:
            wait_until(lambda: new.stats.epoch == 2, "the second epoch")
            old.status("info", "old 2")
            wait_until(lambda: old.stats.fenced, "the old run being fenced")
            old.status("info", "old 3")
            new.status("info", "new 1")
        assert new.stats.dropped == {}
    texts = [status.text for status in payloads_of(server, "sim", "critical", "status")]
    assert texts == ["old 1", "new 1"]
    # the old run's own end is fenced off as well
    assert payloads_of(server, "sim", "critical", "lifecycle")[-1].state == "ended"
    assert [m.epoch for m, p in read_lane(server, "sim", "critical") if m.kind == "lifecycle"] == [1, 2, 2]
    assert old.stats.dropped["critical:fenced"] >= 2


def test_a_full_lane_keeps_its_messages_until_there_is_room(redis_url: str, server: redis.Redis) -> None:
    publisher = Publisher("sim", "sim", redis_url, batch_ms=0)
    publisher._lanes["normal"] = (dataclasses.replace(NORMAL, max_entries=5), publisher._lanes["normal"][1])
    publisher.start()
    for number in range(20):
        publisher.put("normal", "metrics", b"\x81\xa1n" + bytes([number]))
    wait_until(lambda: publisher.stats().published.get("normal") == 5, "the lane being full")
    seen: list[int] = []

    def drain() -> bool:  # as a worker does: reads, then trims
        entries: Any = server.xrange(keys.lane("sim", "normal"))
        for entry_id, fields in entries:
            seen.append(int(fields[b"seq"]))
            server.xdel(keys.lane("sim", "normal"), entry_id)
        return len(seen) == 20

    wait_until(drain, "the rest of the messages")
    assert seen == list(range(1, 21))
    assert publisher.close(1.0)


def test_a_run_that_was_deleted_comes_back_with_all_that_describes_it(redis_url: str, server: redis.Redis) -> None:
    with Run("sim", title="A sim", url=redis_url) as run:
        run.scene({"kind": "plain", "bounds": [0, 0, 1, 1]})
        for number in range(30):
            run.status("info", f"before {number}")
        wait_until(lambda: not sum(run.stats.buffered.values()), "everything being sent")
        server.flushall()
        wait_until(lambda: payloads_of(server, "sim", "critical", "scene"), "the scene being sent again")
        run.status("info", "after")
    critical = read_lane(server, "sim", "critical")
    assert [message.kind for message, _ in critical[:3]] == ["lifecycle", "control", "scene"]
    assert critical[0][1].title == "A sim"
    assert [message.seq for message, _ in critical] == list(range(1, len(critical) + 1))
    texts = [payload.text for message, payload in critical if message.kind == "status"]
    assert texts == [*(f"before {number}" for number in range(30)), "after"], "what the server lost it gets again"
    assert critical[-1][1].state == "ended"
    assert {message.epoch for message, _ in critical} == {run.stats.epoch}
    assert run.stats.epoch > 1, "a worker that remembers the first epoch must not take the new numbers for old ones"


def test_a_forked_child_does_not_publish(redis_url: str, server: redis.Redis) -> None:
    with Run("sim", url=redis_url) as run:
        run.status("info", "parent 1")
        wait_until(lambda: payloads_of(server, "sim", "critical", "status"), "the parent's message")
        child = os.fork()
        if child == 0:
            try:
                run.status("info", "child")
                run.frame({"points": {"id": [1]}})
                clean = not run.running() and run.stats.dropped == {"critical:forked": 1, "high:forked": 1}
                run.close()
                os._exit(0 if clean else 1)
            except BaseException:  # noqa: BLE001
                os._exit(2)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        run.status("info", "parent 2")
    assert [status.text for status in payloads_of(server, "sim", "critical", "status")] == ["parent 1", "parent 2"]
    assert not read_lane(server, "sim", "high")


def test_a_run_that_is_never_closed_ends_with_its_process(redis_url: str, server: redis.Redis) -> None:
    script = "import sys; from lanecast.producer import Run; Run('sim', url=sys.argv[1]).start().status('info', 'bye')"
    subprocess.run([sys.executable, "-c", script, redis_url], check=True, timeout=20)
    assert [status.text for status in payloads_of(server, "sim", "critical", "status")] == ["bye"]
    assert payloads_of(server, "sim", "critical", "lifecycle")[-1].state == "ended"


def test_frames_without_step_and_time_are_counted_and_timed(redis_url: str, server: redis.Redis) -> None:
    with Run("sim", url=redis_url) as run:
        run.frame({"points": {"id": [1]}})
        run.frame({"lights": {"id": [1]}})
        run.metrics({"n": 1})
    frames = [frame for _, frame in read_lane(server, "sim", "high")]
    assert [frame.step for frame in frames] == [1, 2]
    assert 0 <= frames[0].time_s <= frames[1].time_s < 10
    assert payloads_of(server, "sim", "normal", "metrics")[0].step == 2


def test_a_closed_run_says_so_when_it_is_published_to(redis_url: str) -> None:
    with Run("sim", url=redis_url) as run:
        pass
    with pytest.raises(RuntimeError, match="not open"):
        run.status("info", "too late")
    assert not run.running()


def test_units_are_told_and_told_again_to_a_server_that_forgot(redis_url: str, server: redis.Redis) -> None:
    with Run("sim", url=redis_url) as run:
        run.schema({"tanks": {"level": "m", "pressure": "kPa"}})
        run.schema({"pumps": {"load": "kW"}})
        with pytest.raises(InvalidMessage) as refused:
            run.schema({"tanks": {"level": 7}})  # type: ignore[dict-item]
        assert refused.value.field == "units.tanks.level"
    told = [said.units for said in payloads_of(server, "sim", "critical", "lifecycle") if said.units]
    assert told == [{"tanks": {"level": "m", "pressure": "kPa"}}, {"pumps": {"load": "kW"}}]
    announced = dict(run._announcement())["lifecycle"]
    assert b"pressure" in announced
    assert b"pumps" in announced


def test_frames_of_several_threads_go_out_in_the_order_of_their_steps(redis_url: str, server: redis.Redis) -> None:
    with Run("sim", url=redis_url) as run:

        def publish() -> None:
            for _ in range(200):
                with run.phase("work"):
                    pass
                run.frame({"points": {"id": [1]}}, partial=True)

        threads = [threading.Thread(target=publish) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        profile = run.profile()
    steps = [frame.step for frame in payloads_of(server, "sim", "high", "frame")]
    assert steps == sorted(set(steps))
    assert steps[-1] == 800
    assert profile.phases[0].name == "work"


def test_the_profile_is_printed_at_the_end_when_it_is_wanted(
    redis_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for report in (True, None):
        with Run("sim", url=redis_url, report=report) as run:
            while run.running() and run.profile().steps < 3:
                with run.phase("plan"):
                    pass
                run.frame({"points": {"id": [1]}})
        printed = capsys.readouterr().err
        assert ("plan" in printed) is bool(report)  # by itself only to a terminal
