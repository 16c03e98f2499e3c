"""The smart city on a real server: SUMO's traffic, energy and waste, through a real worker."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import redis
from tests.producer.reading import payloads_of, result_of, send, wait_until

from lanecast.broker import keys
from lanecast.producer.sumo_world import find_scenario

pytest.importorskip("libsumo")
pytestmark = pytest.mark.integration

RUN = "city"


@pytest.fixture
def city(redis_url: str, db: redis.Redis) -> Iterator[redis.Redis]:
    command = [sys.executable, "-m", "lanecast.ops", "demo", "city", "--redis", redis_url]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: process.poll() is not None or events(db, "energy"), "the first events", 40)
        assert process.poll() is None, "the city did not start"
        yield db
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
        assert payloads_of(db, RUN, "critical", "lifecycle")[-1].state == "ended"
    finally:
        process.kill()
        process.wait()


def events(db: redis.Redis, kind: str) -> list[Any]:
    return [told for told in payloads_of(db, RUN, "normal", "events") if told.type == kind]


def column(told: Any, name: str) -> Any:
    return np.asarray(told.items[name].to_list())


def test_a_city_shows_traffic_and_energy_and_waste_where_they_are(city: redis.Redis) -> None:
    first = payloads_of(city, RUN, "critical", "lifecycle")[0]
    assert (first.kind, first.title) == ("city", "Cologne, eight junctions (smart city)")
    assert "model" in first.metadata["waste"]
    energy = events(city, "energy")[-1]
    assert len(column(energy, "node")) == 8
    load, given = column(energy, "load_kw"), column(energy, "generation_kw")
    assert (load >= 0).all()
    assert (given >= 0).all()
    assert 0 < load.sum() < 3000  # some tens of electric cars
    waste = events(city, "waste")[-1]
    assert set(waste.items) == {"bin", "fill", "collected", "x", "y"}
    scene = city.xrange(keys.lane(RUN, "critical"))
    assert scene
    for told in (energy, waste):
        assert 13_000 < column(told, "x").min() <= column(told, "x").max() < 15_500
    assert events(city, "traffic")


def test_without_electric_vehicles_no_energy_is_taken_and_bins_fill_as_fast_as_they_are_told(
    city: redis.Redis,
) -> None:
    send(city, RUN, "set_params", "c1", params={"electric_share": 0, "waste_per_hour": 120, "step_rate": 100})
    assert result_of(city, RUN, "c1").ok
    collected = wait_until(
        lambda: [told for told in events(city, "waste") if column(told, "collected").any()], "a collection", 30
    )
    assert column(collected[0], "fill").min() < 0.2


def test_any_configuration_can_be_a_city(tmp_path: Path, redis_url: str, db: redis.Redis) -> None:
    code = (
        "import sys; from lanecast.producer.adapters import city; city.main(*sys.argv[1:], max_steps=60, warm_up_s=5)"
    )
    scenario = find_scenario("cologne1")
    done = subprocess.run(
        [sys.executable, "-c", code, str(scenario), "one", redis_url], capture_output=True, text=True, timeout=60,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told = [e for e in payloads_of(db, "one", "normal", "events") if e.type == "energy"]
    assert len(column(told[-1], "node")) == 1
