"""Waste bins: a model that is the same each time."""

from __future__ import annotations

import numpy as np

from lanecast.producer.adapters.city import bins_along
from lanecast.producer.adapters.waste import CALL_AT, TRIP_S, Bins


def bins(n: int = 5, per_hour: float = 6.0) -> Bins:
    return Bins([f"b{i}" for i in range(n)], np.arange(n), np.zeros(n), per_hour=per_hour)


def test_bins_fill_up_and_are_emptied_one_trip_after_the_other() -> None:
    city, emptied = bins(20, 60.0), 0
    before = city.take_events()["fill"]
    for _ in range(600):
        city.advance(1.0)
        events = city.take_events()
        assert ((events["fill"] >= 0) & (events["fill"] <= 1)).all()
        gone = events["fill"] < before
        assert (gone == events["collected"]).all()  # only a truck empties a bin, and says so once
        assert (before[gone] > CALL_AT - 0.1).all()
        emptied += int(gone.sum())
        before = events["fill"]
    assert emptied == city.collections
    assert 5 <= emptied <= 600 / TRIP_S + 1


def test_the_same_city_has_the_same_waste() -> None:
    one, other = bins(), bins()
    for city in (one, other):
        city.advance(100.0)
    assert one.take_events()["fill"].tolist() == other.take_events()["fill"].tolist()


def test_no_time_and_no_bins_do_no_harm() -> None:
    nobody = bins(0)
    nobody.advance(10.0)
    assert nobody.take_events()["bin"] == []
    still = bins()
    still.advance(0.0)
    assert still.collections == 0


def test_bins_stand_on_the_roads_of_the_scene() -> None:
    scene = {"lines": {"points": [0, 0, 5, 5, 9, 9, 20, 0, 30, 0], "starts": np.asarray([0, 3], np.uint32)}}
    names, xs, ys = bins_along(scene)
    assert names == ["bin-1", "bin-2"]
    assert (xs.tolist(), ys.tolist()) == ([5, 30], [5, 0])
