"""Camera pictures through real workers: for whom they are made, what is refused; control never waits for them."""

from __future__ import annotations

import time
from typing import Any

import pytest
import redis
from tests.support import patterns
from tests.workers.rig import Publisher, Viewer, Workers, counts, eventually

from lanecast.broker import demand, images, keys, messages, pictures
from lanecast.broker.tiers import TIERS
from lanecast.producer import Run

pytestmark = pytest.mark.integration

RUN = "cam"


def ask(db: redis.Redis, *tiers: str, viewers: int = 1) -> None:
    for tier in tiers:
        fields: Any = demand.Demand("n1", tier, viewers, images=True).to_fields()
        db.xadd(keys.demand(RUN), fields)


def given(db: redis.Redis, tier: str) -> list[dict[str, Any]]:
    rows: Any = db.xrange(keys.image(RUN, tier))
    for entry_id, fields in rows:
        message = messages.decode(fields[b"data"])
        assert message["offset"] == entry_id.decode()
        assert message["camera"] == fields[b"camera"].decode()
    return [messages.decode(fields[b"data"]) for _, fields in rows]


def send(publisher: Publisher, n: int, camera: str = "front") -> None:
    payload = {"camera": camera, "mime": images.JPEG, "step": n, "time_s": n / 10}
    publisher.send("image", payload | {"data": patterns.jpeg(patterns.pattern(n))})


def test_a_picture_is_made_once_for_each_tier_in_demand_and_for_no_other(db: redis.Redis, pool: Workers) -> None:
    pool.start("w1")
    ask(db, "low", "ultra")
    publisher = Publisher(db, RUN)
    eventually(lambda: db.exists(keys.lease(RUN)), "the run's owner")
    send(publisher, 5)
    eventually(lambda: given(db, "low") and given(db, "ultra"), "the pictures")
    for tier in ("low", "ultra"):
        (message,) = given(db, tier)
        scale = TIERS[tier].image_scale
        assert (message["width"], message["height"]) == (round(160 * scale), round(96 * scale))
        assert patterns.size_of(message["data"]) == (message["width"], message["height"])
        assert (message["step"], message["time_s"], message["skipped"]) == (5, 0.5, 0)
        assert message["hops"]["pub_ms"] <= message["hops"]["in_ms"] + 1 <= message["hops"]["out_ms"] + 2
    assert not db.exists(*(keys.image(RUN, tier) for tier in ("ultra_low", "medium", "high")))


def test_whoever_comes_later_gets_the_newest_picture_though_no_other_comes(db: redis.Redis, pool: Workers) -> None:
    pool.start("w1")
    publisher = Publisher(db, RUN)
    eventually(lambda: db.exists(keys.lease(RUN)), "the run's owner")
    for n in range(3):
        send(publisher, n)
    eventually(lambda: counts(db, RUN).get("dropped:low:image_unwatched") == 2, "the count")
    ask(db, "medium")
    eventually(lambda: [one["step"] for one in given(db, "medium")] == [2], "the newest picture")
    known: Any = db.hgetall(keys.cameras(RUN))
    assert list(known) == [b"front"]


def test_what_cannot_be_decoded_is_counted_and_told_and_stops_nothing(db: redis.Redis, pool: Workers) -> None:
    pool.start("w1")
    publisher = Publisher(db, RUN)
    viewer = Viewer(db, RUN)
    eventually(lambda: db.exists(keys.lease(RUN)), "the run's owner")
    ask(db, "high")
    png = patterns.pillow(patterns.pattern(1), "PNG")
    publisher.send("image", {"camera": "a", "mime": images.PNG, "time_s": 0.1, "data": png[:-200]})
    publisher.send("image", {"camera": "b", "mime": images.JPEG, "time_s": 0.1, "data": b"no picture"})
    publisher.send("image", {"camera": "c", "mime": "image/gif", "time_s": 0.1, "data": b"GIF89a"})
    send(publisher, 9, "good")
    eventually(lambda: given(db, "high"), "the good picture")
    viewer.until(lambda: len(viewer.texts()) == 3, "the warnings")
    told = "\n".join(viewer.texts())
    for words in (
        "camera a: a picture could not be shown: data: a damaged",
        "data: not image/jpeg",
        "mime: 'image/gif'",
    ):
        assert words in told
    eventually(lambda: counts(db, RUN).get("rejected:low:image") == 1, "the count")
    assert counts(db, RUN)["rejected:low:invalid"] == 2


def test_a_seventeenth_camera_takes_the_place_of_the_one_silent_for_longest(db: redis.Redis, pool: Workers) -> None:
    pool.start("w1")
    publisher = Publisher(db, RUN)
    for n in range(images.MAX_CAMERAS + 1):
        send(publisher, n, f"c{n}")
    eventually(lambda: db.hexists(keys.cameras(RUN), f"c{images.MAX_CAMERAS}"), "the last camera")
    eventually(lambda: not db.hexists(keys.cameras(RUN), "c0"), "the first to be forgotten")
    assert db.hlen(keys.cameras(RUN)) == images.MAX_CAMERAS


def test_an_owner_that_lost_its_lease_writes_no_picture(db: redis.Redis) -> None:
    from lanecast.broker import scripts
    from lanecast.broker.errors import Fenced
    from lanecast.broker.offsets import Offset

    db.hset(keys.lease(RUN), mapping={"owner": "other", "epoch": 5})
    rendered = [pictures.Rendered("high", Offset(4, 1), 0.0, b"old")]
    call = pictures.write(RUN, 4, "front", pictures.CameraInfo("front", "m", 1, 1, 0, 0.0, 0.0), rendered)
    with pytest.raises(Fenced):
        pictures.check(RUN, 4, scripts.run_sync(db, call))
    assert not db.exists(keys.image(RUN, "high"), keys.cameras(RUN))


def test_a_stream_that_is_ahead_of_the_owner_begins_anew(db: redis.Redis) -> None:
    from lanecast.broker import scripts
    from lanecast.broker.offsets import Offset

    db.hset(keys.lease(RUN), mapping={"owner": "me", "epoch": 4})
    db.xadd(keys.image(RUN, "high"), {"data": "of another life"}, id="9-9")
    rendered = [pictures.Rendered("high", Offset(4, 1), 0.0, b"new")]
    pictures.check(RUN, 4, scripts.run_sync(db, pictures.write(RUN, 4, "front", None, rendered)))
    rows: Any = db.xrange(keys.image(RUN, "high"))
    assert [entry_id for entry_id, _ in rows] == [b"4-1"]


def test_while_pictures_flood_every_critical_message_comes_once_and_in_order(
    db: redis.Redis, redis_url: str, pool: Workers
) -> None:
    pool.start("w1", image_threads=1)
    viewer = Viewer(db, RUN, "high")
    frames = [patterns.highway(n) for n in range(4)]
    with Run(RUN, url=redis_url) as run:
        eventually(lambda: run.stats.connected, "the connection")
        told, asked = 0, 0.0
        deadline = time.monotonic() + 20
        # One thread cannot make 1280 x 720 in five tiers for eight cameras: it is overloaded within the first second.
        while told < 150 or not counts(db, RUN).get("dropped:low:image_overload"):
            assert time.monotonic() < deadline, "the pool was never overloaded"
            if time.monotonic() - asked > 1:
                asked = time.monotonic()
                ask(db, *TIERS)
            for camera in range(8):
                run.image(f"c{camera}", frames[told % 4])
            run.status("info", str(told))
            told += 1
            viewer.read(5)
        viewer.until(lambda: str(told - 1) in viewer.texts(), "the last status")
        assert not any(cause.startswith(("critical", "normal")) for cause in run.stats.dropped)
    assert [text for text in viewer.texts() if text.isdigit()] == [str(n) for n in range(told)]
    eventually(lambda: all(given(db, tier) for tier in TIERS), "pictures of every tier")
