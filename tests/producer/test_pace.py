"""Pacing, waiting for a server, and the geometry of a SUMO scene."""

from __future__ import annotations

import math

import pytest

from lanecast.producer.pace import Pace
from lanecast.producer.sumo_scene import at_end, middle
from lanecast.producer.sumo_world import ScenarioNotFound, find_scenario


def test_a_pace_makes_up_for_steps_of_different_length() -> None:
    now = 100.0
    pace = Pace(10, now)
    for took in (0.01, 0.09, 0.15, 0.02, 0.0) * 20:
        now += took
        now += pace.wait_s(now)
    assert now == pytest.approx(110.0, abs=0.11)


def test_after_a_pause_a_pace_does_not_rush() -> None:
    pace = Pace(10, 0.0)
    pace.wait_s(0.01)
    assert pace.wait_s(60.0) == 0.0
    assert pace.wait_s(60.01) == pytest.approx(0.09)


def test_another_rate_counts_from_now() -> None:
    pace = Pace(1, 0.0)
    pace.change(100, 0.5)
    assert pace.wait_s(0.5) == pytest.approx(0.01)


def test_a_signal_stands_beside_the_end_of_its_lane() -> None:
    x, y, angle = at_end([(0, 0), (5, 0), (5, 10)], aside=1.0)
    assert [x, y, angle] == pytest.approx([4.0, 10.0, 90.0])
    assert at_end([(0, 0), (-1, -1)], aside=0.0)[2] == pytest.approx(225.0)


def test_the_middle_of_lanes_is_the_middle_of_the_road() -> None:
    assert middle([[(0, 0), (10, 0)], [(0, 3), (10, 3)]]) == [(0, 1.5), (10, 1.5)]
    assert middle([[(0, 0), (10, 0)], [(0, 3), (5, 3), (10, 3)]]) == [(0, 3), (5, 3), (10, 3)]
    assert not math.isnan(middle([[(1, 2)]])[0][0])


def test_an_unknown_scenario_is_refused_with_those_there_are() -> None:
    with pytest.raises(ScenarioNotFound, match="cologne8"):
        find_scenario("atlantis")
    with pytest.raises(ScenarioNotFound, match="no file"):
        find_scenario("/nowhere/x.sumocfg")
    assert find_scenario("ingolstadt21").is_file()
