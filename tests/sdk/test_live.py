"""A simulation in each language on a real server: what it publishes arrives, it obeys, and it loses nothing."""

from __future__ import annotations

from typing import Any

import pytest
import redis
from tests.producer.reading import read_lane, wait_until
from tests.sdk.languages import Language
from tests.sdk.rehearsal import rehearsing
from tests.support.servers import Server

from lanecast.broker import keys

pytestmark = [pytest.mark.integration, pytest.mark.timeout(400)]  # the first test builds the SDK


def test_a_run_is_registered_described_and_published(language: Language, redis_url: str) -> None:
    with rehearsing(language, redis_url) as sim:
        sim.wait_for_steps(5)
        assert sim.stop() == 0
        assert sim.db.sismember(keys.RUNS, "sim")
        assert sim.db.get(keys.alive("sim")) is None
        created = sim.payloads("critical", "lifecycle")[0]
        assert (created.title, created.kind, created.metadata) == ("A rehearsal", "test", {"seed": 42, "by": "me"})
        assert created.params == {
            "gain": {"type": "float", "value": 1.0, "min": 0.0, "max": 5.0},
            "rain": {"type": "bool", "value": False},
            "mode": {"type": "choice", "value": "slow", "choices": ["slow", "fast"]},
        }
        assert sim.states() == ["created", "running", "stopping", "ended"]
        sim.assert_all_arrived_once_and_in_order()
        frames = read_lane(sim.db, "sim", "high")
        message, frame = frames[-1]
        assert (message.producer, message.epoch) == ("sim", 1)
        assert [message.seq for message, _ in frames] == list(range(1, len(frames) + 1))
        assert (frame.step, frame.time_s) == (sim.steps()[-1], sim.steps()[-1] / 10)
        points = frame.layers["points"]
        assert points.ids.tolist() == [1, 2]
        assert points.columns["x"].to_list() == [0.0, 1.0]
        assert points.columns["y"].to_list() == [0.0, 5.0]
        assert all(frame.phases.keys() == {"step"} for _, frame in frames), "how long a part of each step took"
        front, top = sorted((image for _, image in read_lane(sim.db, "sim", "low")), key=lambda image: image.camera)
        assert (front.camera, front.mime, front.data) == ("front", "image/png", b"\x01\x02\x03")
        assert (top.camera, top.mime, top.data) == ("top", "image/x-raw", b"\x01\x02\x03\x04\x05\x06")
        assert (top.width, top.height, top.channels) == (2, 1, 3)
        (events,) = sim.payloads("normal", "events")
        assert events.type == "traffic"
        (line,) = sim.payloads("normal", "log")
        assert line.text == "begun"
        assert len(sim.payloads("critical", "scene")) == 1


def test_a_run_obeys_its_viewers(language: Language, redis_url: str) -> None:
    with rehearsing(language, redis_url) as sim:
        sim.wait_for_steps(1)
        assert sim.command("pause").ok
        wait_until(lambda: sim.states()[-1] == "paused", "the pause")
        before = sim.steps()[-1]
        assert sim.command("step", steps=3).ok
        wait_until(lambda: sim.steps()[-1] == before + 3, "three steps")
        refused = sim.command("set_params", params={"gain": 7})
        assert (refused.ok, refused.field) == (False, "args.params.gain")
        assert sim.command("set_params", params={"gain": 2.5, "rain": True, "mode": "fast"}).ok
        assert sim.steps()[-1] == before + 3, "a paused simulation takes no step"
        assert sim.payloads("critical", "control")[-1].params == {"gain": 2.5, "rain": True, "mode": "fast"}
        assert sim.command("resume").ok
        sim.wait_for_steps(2)
        assert sim.command("fly").field == "name"
        assert sim.stop() == 0
        frame = read_lane(sim.db, "sim", "high")[-1][1]
        assert frame.layers["points"].columns["x"].to_list() == [0.0, 2.5]
        assert sim.payloads("critical", "control")[-1].stopping
        assert [line.text for line in sim.payloads("normal", "log")] == ["begun", "gain is set"]


def test_lost_connections_and_a_killed_server_lose_nothing(language: Language, own_server: Server) -> None:
    with rehearsing(language, own_server.url) as sim:
        for _ in range(3):
            sim.wait_for_steps(3)
            with redis.Redis.from_url(own_server.url) as admin:
                admin.client_kill_filter(_type="normal", skipme=True)
        sim.wait_for_steps(3)
        own_server.kill()
        own_server.start()
        sim.wait_for_steps(3)
        assert sim.command("pause").ok
        assert sim.stop() == 0
        sim.assert_all_arrived_once_and_in_order()


def test_what_a_failover_has_lost_is_sent_again(language: Language, redis_url: str) -> None:
    with rehearsing(language, redis_url) as sim:
        sim.wait_for_steps(10)
        # A server that comes back with less than it acknowledged: the last messages are gone, and so are their numbers.
        lose = """
            for i, lane in ipairs({'critical', 'normal'}) do
              local key = 'lc:{sim}:in:' .. lane
              local last = 0
              for _, entry in ipairs(redis.call('XREVRANGE', key, '+', '-', 'COUNT', 6)) do
                redis.call('XDEL', key, entry[1])
              end
              local entry = redis.call('XREVRANGE', key, '+', '-', 'COUNT', 1)[1]
              for f = 1, #entry[2], 2 do
                if entry[2][f] == 'seq' then last = entry[2][f + 1] end
              end
              redis.call('HSET', 'lc:{sim}:seq', 'sim:' .. lane, '1:' .. last)
            end
        """
        sim.db.eval(lose, 0)
        sim.db.client_kill_filter(_type="normal", skipme=True)
        sim.wait_for_steps(10)
        assert sim.stop() == 0
        sim.assert_all_arrived_once_and_in_order()
        assert {message.epoch for message, _ in read_lane(sim.db, "sim", "critical")} == {1}


def test_an_empty_server_gets_everything_that_is_kept_and_the_description_again(
    language: Language, redis_url: str
) -> None:
    with rehearsing(language, redis_url) as sim:
        sim.wait_for_steps(10)
        assert sim.command("pause").ok
        wait_until(lambda: sim.states()[-1] == "paused", "the pause")
        sim.db.flushall()
        wait_until(lambda: len(sim.payloads("critical", "scene")) == 2, "the scene of now and that of the beginning")
        assert sim.command("resume").ok
        sim.wait_for_steps(10)
        assert sim.stop() == 0
        sim.assert_all_arrived_once_and_in_order()
        assert sim.db.sismember(keys.RUNS, "sim")
        assert {message.epoch for message, _ in read_lane(sim.db, "sim", "critical")} == {2}


def test_a_server_that_is_emptied_under_load_gets_everything_that_is_kept_again(
    language: Language, redis_url: str
) -> None:
    with rehearsing(language, redis_url) as sim:
        for _ in range(2):
            sim.wait_for_steps(20)
            sim.db.flushall()
        wait_until(lambda: sim.db.sismember(keys.RUNS, "sim"), "the run being registered again")
        sim.wait_for_steps(10)
        assert sim.stop() == 0
        sim.assert_all_arrived_once_and_in_order()
        created = [change.title for change in sim.payloads("critical", "lifecycle")]
        assert created.count("A rehearsal") > 1, "announced again, behind what was kept of the beginning"


def test_a_full_lane_keeps_its_messages_until_there_is_room(language: Language, redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as db:
        filler = "for i = 1, 50000 do redis.call('XADD', KEYS[1], '*', 'kind', 'log', 'data', '') end"
        db.eval(filler, 1, keys.lane("sim", "normal"))
    with rehearsing(language, redis_url) as sim:
        sim.wait_for_steps(10)
        assert sim.db.xlen(keys.lane("sim", "normal")) == 50_000
        sim.db.xtrim(keys.lane("sim", "normal"), maxlen=0, approximate=False)
        assert sim.stop() == 0
        sim.assert_all_arrived_once_and_in_order()


def test_an_older_producer_stops_when_a_newer_one_takes_over(language: Language, redis_url: str) -> None:
    with rehearsing(language, redis_url) as sim:
        sim.wait_for_steps(3)
        sim.db.hincrby(keys.producers("sim"), "sim", 1)
        assert sim.exit_status() == 3
        assert "ended" not in sim.states()


def test_a_run_sends_no_frames_while_its_flow_state_says_so(language: Language, redis_url: str) -> None:
    with rehearsing(language, redis_url) as sim:
        sim.wait_for_steps(3)

        def high() -> int:
            entries: Any = sim.db.xlen(keys.lane("sim", "high"))
            return int(entries)

        def frames_in_ten_steps() -> int:
            before = high()
            sim.wait_for_steps(10)
            return high() - before

        sim.db.hset(
            keys.flow("sim"), mapping={"state": "stop_bulk", "max_rate_hz": "0", "shed_low": "1", "reason": "test"}
        )
        wait_until(lambda: frames_in_ten_steps() == 0, "no frames")
        sim.db.delete(keys.flow("sim"))
        wait_until(lambda: frames_in_ten_steps() > 5, "frames again")
        assert sim.stop() == 0
        assert sim.steps() == list(range(1, len(sim.steps()) + 1)), "what must not be lost is not limited"
