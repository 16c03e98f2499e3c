"""A gateway that was killed leaves its consumer groups behind; the runs' owner removes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import redis
from tests.workers.rig import Publisher, Viewer, eventually, workers

from lanecast.broker import keys

pytestmark = pytest.mark.integration


def test_the_groups_of_a_dead_gateway_are_removed_and_those_of_a_living_one_stay(
    redis_url: str, tmp_path: Path
) -> None:
    with redis.Redis.from_url(redis_url) as db, workers(redis_url, tmp_path) as pool:
        pool.start("w1", reap_s=0.2)
        publisher, viewer = Publisher(db, "r"), Viewer(db, "r", "high")
        publisher.frame(1)
        viewer.until(lambda: viewer.steps["high"], "the first frame")
        out = keys.out("r", "high")
        db.zadd(keys.GATEWAYS, {"living": 1e14})
        for node in ("living", "dead"):
            db.xgroup_create(out, keys.gateway_group(node), "0")

        def groups() -> list[Any]:
            found: Any = db.xinfo_groups(out)
            return [group["name"] for group in found]

        eventually(lambda: groups() == [b"gw:living"], "the removal of the dead node's group")
