"""`lanecast dead` and a worker: what was put aside is handled after all, once it is put back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import redis
from tests.ops.test_cli import lanecast
from tests.workers.rig import Publisher, Viewer, Workers, counts, eventually

from lanecast.broker import keys, wire

pytestmark = pytest.mark.integration


def test_a_letter_is_listed_shown_requeued_and_handled_though_its_number_was_taken(
    db: redis.Redis, redis_url: str, pool: Workers, tmp_path: Path
) -> None:
    env = {"LANECAST_REDIS_URL": redis_url}
    pool.start("w1")
    publisher, viewer = Publisher(db, "r", producer="sim"), Viewer(db, "r")
    publisher.send("status", {"text": "one"})
    publisher.send("status", {"text": "two"})
    publisher.raw("normal", kind="status", data=b"\xc1")
    viewer.until(lambda: db.xlen(keys.dead("r")), "the dead letter")
    # As if the second message had failed in a reducer that has been mended since.
    data = wire.encode({"text": "two, again"})
    fields: dict[str, Any] = {"kind": "status", "data": data, "producer": "sim", "epoch": 1, "seq": 2}
    about: dict[str, Any] = {"lane": "critical", "id": "1-2", "reason": "a bug"}
    letter: dict[Any, Any] = {**about, **{f"field:{name}": value for name, value in fields.items()}}
    db.xadd(keys.dead("r"), letter)
    letters = json.loads(lanecast("dead", "list", "--json", cwd=tmp_path, env=env).stdout)
    assert [(letter["run"], letter["lane"], letter["reason"][:5]) for letter in letters] == [
        ("r", "normal", "data:"), ("r", "critical", "a bug"),
    ]  # fmt: skip
    shown = json.loads(lanecast("dead", "show", "r", letters[1]["id"], "--json", cwd=tmp_path, env=env).stdout)
    assert shown["payload"] == {"text": "two, again"}
    assert shown["fields"]["seq"] == "2"
    done = lanecast("dead", "requeue", "r", letters[1]["id"], cwd=tmp_path, env=env)
    assert (done.returncode, done.stdout) == (0, "Requeued 1 of 1.\n")
    viewer.until(lambda: "two, again" in viewer.texts(), "the requeued message")
    assert viewer.texts().count("two") == 1
    assert lanecast("dead", "drop", "r", "--all", cwd=tmp_path, env=env).stdout == "Dropped 1 of 1.\n"
    assert "no dead letters" in lanecast("dead", "list", "r", cwd=tmp_path, env=env).stdout
    publisher.send("status", {"text": "three"})
    viewer.until(lambda: "three" in viewer.texts(), "the next numbered message")
    eventually(lambda: counts(db, "r").get("rejected:normal:invalid") == 1, "the count")


def test_what_is_asked_for_and_not_there_is_an_error_with_the_remedy(redis_url: str, tmp_path: Path) -> None:
    env = {"LANECAST_REDIS_URL": redis_url}
    missing = lanecast("dead", "show", "r", "1-1", cwd=tmp_path, env=env)
    assert missing.returncode == 1
    assert "`lanecast dead list r`" in missing.stderr
    assert lanecast("dead", "requeue", "r", cwd=tmp_path, env=env).returncode == 2
    assert lanecast("dead", "drop", "r", "1-1", "--all", cwd=tmp_path, env=env).returncode == 2
    left = lanecast("dead", "drop", "r", "1-1", cwd=tmp_path, env=env)
    assert (left.returncode, "no such dead letter" in left.stderr) == (1, True)
