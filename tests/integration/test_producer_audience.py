"""A run knows whether somebody watches it, from what gateways say."""

from __future__ import annotations

import redis
from tests.producer.reading import wait_until

from lanecast.broker import demand, keys
from lanecast.broker.demand import Demand
from lanecast.producer import Run


def say(db: redis.Redis, node: str, tier: str, viewers: int, *, images: bool = False, entry_id: str = "*") -> None:
    fields = Demand(node, tier, viewers, images=images).to_fields()
    db.xadd(keys.demand("sim"), fields, id=entry_id)  # type: ignore[arg-type]


def test_a_run_counts_the_viewers_of_all_gateways_and_forgets_who_left(redis_url: str, db: redis.Redis) -> None:
    with Run("sim", url=redis_url) as run:
        wait_until(lambda: not run.watched, "the first answer")
        assert run.stats.viewers == 0
        say(db, "a", "high", 3)
        say(db, "a", "low", 2)
        say(db, "a", "high", 2, images=True)  # the same people
        say(db, "b", "high", 1)
        say(db, "c", "ultra", 4, images=True)
        wait_until(lambda: run.viewers == 10, "a second answer")
        wait_until(lambda: not run.watched, "the viewers' leaving", demand.TTL_S + 5)
        assert run.viewers == 0


def test_words_of_long_ago_and_strange_ones_do_not_count(redis_url: str, db: redis.Redis) -> None:
    say(db, "a", "high", 3, entry_id="1-1")
    db.xadd(keys.demand("sim"), {"node": "b", "tier": "none", "viewers": 3})
    db.xadd(keys.demand("sim"), {"odd": "one"})
    with Run("sim", url=redis_url) as run:
        wait_until(lambda: run.stats.viewers is not None, "the first answer")
        assert run.viewers == 0


def test_without_a_server_work_is_not_skipped() -> None:
    with Run("sim", url="redis://127.0.0.1:1/0", flush_s=0.1) as run:
        assert (run.viewers, run.watched) == (0, True)
