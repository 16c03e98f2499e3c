"""One worker process and one run: what viewers get of what a producer publishes."""

from __future__ import annotations

import signal
import time
from typing import Any

import msgspec
import pytest
import redis
from tests.workers.rig import Publisher, Viewer, Workers, cars, counts, eventually, info, owner

from lanecast.broker import keys

pytestmark = pytest.mark.integration


def test_a_run_that_only_publishes_frames_reaches_its_viewers(db: redis.Redis, pool: Workers) -> None:
    pool.start("w1")
    publisher, viewer = Publisher(db, "hello"), Viewer(db, "hello", "high", "low")
    for step in range(1, 11):
        publisher.frame(step)
        viewer.read()
    viewer.until(lambda: all(steps[-1:] == [10] for steps in viewer.steps.values()), "step 10")
    for tier in ("high", "low"):
        assert viewer.frames[tier][0]["key"]
        assert viewer.views[tier].layers["cars"].column("x").data.tolist() == [10.0] * 20
    found = info(db, "hello")
    assert found is not None
    assert found.state == "running"
    assert [message["type"] for message in viewer.told] == ["run"] * len(viewer.told)
    assert viewer.told[-1]["info"] == found.to_dict()
    assert found.layers["cars"]["columns"]["x"] == {"dtype": "f8", "unit": "m"}
    hops = viewer.frames["high"][-1]["hops"]
    assert 0 <= hops["out_ms"] - hops["pub_ms"] < 5_000
    assert hops["pub_ms"] <= hops["in_ms"] + 1 <= hops["out_ms"] + 2


def test_what_the_critical_lane_carries_is_told_in_order_and_once(db: redis.Redis, pool: Workers) -> None:
    pool.start("w1")
    publisher, viewer = Publisher(db, "told", producer="sim"), Viewer(db, "told")
    speed = {"type": "float", "value": 5.0, "min": 0.0, "max": 9.0}
    db.set(keys.command("told", "c1"), "")
    db.xadd(keys.control("told"), {"command_id": "c1", "name": "set_params"})
    publisher.send("lifecycle", {"state": "created", "title": "Told", "kind": "traffic", "params": {"speed": speed}})
    publisher.send("scene", {"kind": "roads", "bounds": [0, 0, 9, 9]})
    publisher.send("lifecycle", {"state": "running"})
    publisher.send("status", {"level": "info", "text": "off we go", "time_s": 0.5})
    publisher.send("control", {"paused": True, "stopping": False, "params": {"speed": 7.0}})
    publisher.send("result", {"command_id": "c1", "ok": True})
    publisher.send("log", {"level": "warning", "text": "a log line"})
    viewer.until(lambda: "a log line" in viewer.texts(), "the last message")
    told = [message for message in viewer.told if message["type"] != "run"]
    assert [message["type"] for message in told] == ["status", "control_state", "result", "status"]
    assert told[0] | {"level": "info", "text": "off we go", "time_s": 0.5} == told[0]
    assert told[1] | {"paused": True, "stopping": False, "params": {"speed": 7.0}} == told[1]
    assert told[2] | {"command_id": "c1", "name": "set_params", "ok": True, "error": None} == told[2]
    kept: Any = db.get(keys.command("told", "c1"))
    assert msgspec.json.decode(kept) == told[2]
    found = info(db, "told")
    assert found is not None
    assert (found.title, found.kind, found.state, found.params["speed"]["max"]) == ("Told", "traffic", "paused", 9.0)
    scene: Any = db.hgetall(keys.scene("told"))
    assert scene[b"version"].decode() == found.scene
    assert msgspec.msgpack.decode(scene[b"data"])["bounds"] == [0, 0, 9, 9]
    runs = [message["info"] for message in viewer.told if message["type"] == "run"]
    assert runs[-1] == found.to_dict()
    assert {message["epoch"] for message in viewer.told} == {found.epoch}


def test_poison_on_every_lane_is_put_aside_and_disturbs_nothing(db: redis.Redis, pool: Workers) -> None:
    worker = pool.start("w1")
    publisher, viewer = Publisher(db, "poison"), Viewer(db, "poison", "high")
    publisher.frame(1)
    viewer.until(lambda: viewer.steps["high"], "the first frame")
    huge = '{"state":"running","metadata":{"n":1' + "0" * 40 + "}}"
    words = '{"step":2,"time_s":1,"layers":{"cars":{"id":[1],"x":["a"]}}}'
    short = '{"type":"traffic","time_s":1,"items":{"edge":["e"]}}'
    bad: list[tuple[str, dict[str, Any], str]] = [
        ("critical", {"kind": "lifecycle", "data": b"\xc1"}, "not MessagePack"),
        ("critical", {"kind": "lifecycle", "enc": "json", "data": '{"state":"flying"}'}, "state: "),
        ("critical", {"kind": "lifecycle", "enc": "json", "data": huge}, ""),
        ("critical", {"nonsense": "x", **{f"f{n}": "y" for n in range(5_000)}}, "kind: missing"),
        ("high", {"kind": "frame", "enc": "json", "data": words}, "layers.cars.x"),
        ("high", {"kind": "frame", "data": "x" * (5 * 1024 * 1024)}, "data: 5,242,880 bytes"),
        ("normal", {"kind": "events", "enc": "json", "data": short}, "items.mean_speed"),
        ("normal", {"kind": "frame", "data": b"\x80"}, "does not travel on lane"),
        ("low", {"kind": "image", "data": b"\x80", "t_ms": "soon"}, "t_ms"),
    ]
    for lane, fields, _ in bad:
        publisher.raw(lane, **fields)
    publisher.frame(3)
    publisher.send("status", {"text": "still here"})
    viewer.until(lambda: viewer.steps["high"][-1] == 3 and "still here" in viewer.texts(), "life after poison")
    eventually(lambda: db.xlen(keys.dead("poison")) == len(bad), "the dead letters")
    rows: Any = db.xrange(keys.dead("poison"))
    for lane, fields, reason in bad:
        assert any(
            row[b"lane"].decode() == lane
            and reason in row[b"reason"].decode()
            and row.get(b"field:kind", b"").decode() == fields.get("kind", "")
            for _, row in rows
        ), (lane, reason)
    counted = counts(db, "poison")
    by_lane = {
        lane: sum(by for name, by in counted.items() if name.startswith(f"rejected:{lane}:")) for lane, *_ in bad
    }
    assert by_lane == {"critical": 4, "high": 2, "normal": 2, "low": 1}
    assert counted["rejected:high:too_large"] == 1
    warnings = [text for text in viewer.texts() if "refused" in text]
    assert 1 <= len(warnings) <= 3, "warnings to viewers are rate-limited"
    assert worker.process.poll() is None
    assert not worker.events("run_failed")
    held: Any = db.hget(keys.lease("poison"), "epoch")
    assert held == b"1", "the run was never given up"


def test_a_tier_is_rendered_only_while_somebody_watches_it(db: redis.Redis, pool: Workers) -> None:
    pool.start("w1")
    publisher, viewer = Publisher(db, "wanted"), Viewer(db, "wanted", "high")
    publisher.frame(1)
    viewer.until(lambda: viewer.steps["high"], "the watched tier")
    assert db.xlen(keys.out("wanted", "low")) == 0
    viewer.ask("high", viewers=0)
    publisher.send("status", {"text": "nobody watches"})
    viewer.until(lambda: "nobody watches" in viewer.texts(), "a sign that the demand was taken back")
    before = db.xlen(keys.out("wanted", "high"))
    publisher.frame(2)
    publisher.send("status", {"text": "step 2 is in"})
    eventually(lambda: counts_cursor(db, "wanted") > 1, "step 2")
    assert db.xlen(keys.out("wanted", "high")) == before
    viewer.ask("high")
    viewer.until(lambda: viewer.steps["high"][-1] == 2, "the frame for the viewer that came back")
    assert viewer.frames["high"][-1]["key"]


def counts_cursor(db: redis.Redis, run: str) -> int:
    """How many entries of the high lane are committed."""
    group: Any = db.xinfo_groups(keys.lane(run, "high"))
    return len(db.xrange(keys.lane(run, "high"), max=group[0]["last-delivered-id"])) + 1  # type: ignore[arg-type]


def test_late_demand_on_a_paused_run_gets_a_keyframe_at_once(db: redis.Redis, pool: Workers) -> None:
    pool.start("w1")
    publisher = Publisher(db, "still")
    publisher.frame(7)
    publisher.send("lifecycle", {"state": "paused"})
    eventually(lambda: (found := info(db, "still")) and found.state == "paused", "the pause")
    viewer = Viewer(db, "still", "low")
    started = time.monotonic()
    viewer.until(lambda: viewer.steps["low"], "a keyframe", 2.0)
    assert time.monotonic() - started < 0.5
    assert viewer.frames["low"][0]["key"]
    assert viewer.frames["low"][0]["hops"]["out_ms"] - viewer.frames["low"][0]["hops"]["pub_ms"] < 100
    viewer.ask("low", key=True)
    viewer.until(lambda: len(viewer.frames["low"]) == 2, "the keyframe that was asked for", 2.0)
    assert viewer.frames["low"][1]["key"]
    kept: Any = db.hget(keys.keyframes("still"), "low")
    assert kept.decode() == viewer.frames["low"][1]["offset"]


def test_metrics_travel_in_frames_though_no_layer_changes(db: redis.Redis, pool: Workers) -> None:
    pool.start("w1")
    publisher, viewer = Publisher(db, "metrics"), Viewer(db, "metrics", "high")
    publisher.frame(1)
    viewer.until(lambda: viewer.steps["high"], "the frame")
    publisher.send("metrics", {"values": {"waiting": 4.0, "co2": 1.0}})
    viewer.until(lambda: viewer.views["high"].metrics == {"waiting": 4.0, "co2": 1.0}, "the metrics")
    publisher.send("metrics", {"values": {"co2": 2.5}})
    viewer.until(lambda: viewer.views["high"].metrics["co2"] == 2.5, "the newer metrics")
    assert viewer.frames["high"][-1]["metrics"] == {"co2": 2.5}
    assert viewer.frames["high"][-1]["layers"] == {}


def test_traffic_events_become_a_layer(db: redis.Redis, pool: Workers) -> None:
    pool.start("w1")
    publisher, viewer = Publisher(db, "traffic"), Viewer(db, "traffic", "high")
    items = {"edge": ["e1", "e2"], "mean_speed": [10.0, 3.0], "occupancy": [0.1, 0.9]}
    publisher.send("events", {"type": "traffic", "time_s": 1.0, "items": items})
    publisher.send("events", {"type": "weather", "time_s": 1.0, "items": []})
    publisher.send(
        "events", {"type": "traffic", "time_s": 2.0, "items": [{"edge": "e2", "mean_speed": 4, "occupancy": 0.5}]}
    )
    viewer.until(lambda: viewer.steps["high"], "the layer")
    layer = viewer.views["high"].layers["traffic"]
    assert layer.names == ["e1", "e2"]
    assert layer.column("mean_speed").data.tolist() == pytest.approx([10.0, 4.0])
    eventually(lambda: counts(db, "traffic").get("dropped:normal:unknown_event") == 1, "the unknown event's count")


def test_a_producer_that_falls_silent_is_lost_until_it_returns(db: redis.Redis, pool: Workers) -> None:
    pool.start("w1")
    publisher, viewer = Publisher(db, "gone"), Viewer(db, "gone")
    publisher.send("lifecycle", {"state": "running"})
    publisher.send("control", {"paused": True})
    viewer.until(lambda: viewer.told, "the worker", 30)
    db.set(keys.alive("gone"), "sim", px=1_500)
    viewer.until(lambda: viewer.told and viewer.told[-1]["info"]["producer"] == "sim", "the sign of life")
    viewer.until(lambda: viewer.told[-1]["info"]["state"] == "lost", "the loss", 6.0)
    db.set(keys.alive("gone"), "sim", px=3_000)
    viewer.until(lambda: viewer.told[-1]["info"]["state"] == "paused", "the return")


def test_frames_pass_while_the_critical_lane_is_flooded(db: redis.Redis, pool: Workers) -> None:
    """Strict priority with a guard: the flood is handled in order and whole, and nobody below it starves."""
    publisher, viewer = Publisher(db, "flood"), Viewer(db, "flood", "high")
    with db.pipeline(transaction=False) as pipe:
        for n in range(8_000):
            pipe.xadd(keys.lane("flood", "critical"), {"kind": "status", "enc": "json", "data": f'{{"text":"{n}"}}'})
        pipe.execute()
    publisher.frame(1)
    viewer.ask("high")
    pool.start("w1")
    viewer.until(lambda: viewer.steps["high"], "a frame")
    assert len(viewer.texts()) < 4_000, "the frame did not wait for the flood to end"
    viewer.until(lambda: len(viewer.texts()) >= 8_000, "the whole flood", 20.0)
    assert viewer.texts() == [str(n) for n in range(8_000)]


def test_sigterm_ends_a_worker_quickly_and_leaves_everything_in_order(db: redis.Redis, pool: Workers) -> None:
    worker = pool.start("w1")
    publisher, viewer = Publisher(db, "end"), Viewer(db, "end", "high")
    publisher.frame(1, cars(1))
    viewer.until(lambda: viewer.steps["high"], "the frame")
    started = time.monotonic()
    worker.signal(signal.SIGTERM)
    assert worker.process.wait(5) == 0
    assert time.monotonic() - started < 1.0
    assert owner(db, "end") is None
    assert db.zcard(keys.WORKERS) == 0
    kept: Any = db.hgetall(keys.checkpoint("end"))
    assert kept[b"at:high"] == kept[b"cursor:high"]
    assert not [line for line in worker.log.read_text().splitlines() if "Traceback" in line or "Warning" in line]
