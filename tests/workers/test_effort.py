"""How hard a run is on its owner."""

from __future__ import annotations

import pytest

from lanecast.broker.lag import Gauge, Lag
from lanecast.workers.effort import Effort


def gauge(refused: int = 0, *lags: Lag) -> Gauge:
    return Gauge(0.0, 50, 200, refused, list(lags))


def test_the_first_measurement_only_begins_and_the_next_tells_what_was_between() -> None:
    effort = Effort()
    assert effort.load(gauge(refused=7), 100, 10.0) is None
    rows = (Lag("r", "in:normal", "workers", 5, 1.5), Lag("r", "in:normal", "somebody", 9, 9.0))
    load = effort.load(gauge(9, *rows), 160, 12.0)
    assert load is not None
    assert (load.refused, load.frames_hz, load.memory) == (2, 30.0, 0.25)
    assert load.lanes == {"normal": (5, 1.5)}, "only what the owner itself has to read"


def test_work_shows_over_seconds_and_not_by_one_slow_turn() -> None:
    effort = Effort()
    effort.load(gauge(), 0, 0.0)
    busy = []
    for second in range(8):
        effort.begin(second + 0.0)
        effort.end(second + 1.0)
        load = effort.load(gauge(), 0, second + 1.0)
        assert load is not None
        busy.append(load.busy)
    assert busy[0] == pytest.approx(0.4)
    assert busy[-1] > 0.95
    idle = effort.load(gauge(), 0, 20.0)
    assert idle is not None
    assert idle.busy < 0.6


def test_waiting_for_a_server_that_is_away_is_no_work() -> None:
    effort = Effort()
    effort.load(gauge(), 0, 0.0)
    effort.begin(0.0)
    effort.forget()
    effort.end(10.0)
    load = effort.load(gauge(), 0, 10.0)
    assert load is not None
    assert load.busy == 0.0


def test_a_server_that_was_restarted_has_refused_nothing_and_lanes_that_were_made_anew_brought_nothing() -> None:
    effort = Effort()
    effort.load(gauge(refused=9), 100, 0.0)
    load = effort.load(gauge(refused=0), 5, 1.0)
    assert load is not None
    assert (load.refused, load.frames_hz) == (0, 0.0)
