"""The profile of a run: what its steps and phases took."""

from __future__ import annotations

import random

import pytest

from lanecast.producer.profile import Durations, Profile


def test_quantiles_are_right_to_a_percent_whatever_the_durations() -> None:
    rng = random.Random(7)
    values = [rng.lognormvariate(1.0, 2.0) for _ in range(10_000)]
    durations = Durations()
    for value in values:
        durations.add(value)
    ordered = sorted(values)
    for share in (0.01, 0.5, 0.9, 0.99, 0.999):
        assert durations.quantile_ms(share) == pytest.approx(ordered[int(share * 10_000)], rel=0.0101)
    assert durations.quantile_ms(1.0) <= durations.longest_ms == ordered[-1]


def test_pauses_and_sleeps_are_no_part_of_a_step() -> None:
    profile = Profile()
    profile.turn(9.0, 10.0)  # it was paused before it began
    profile.phases({"plan": 30.0, "move": 10.0})
    profile.slept(0.05)
    profile.turn(10.1, 20.1)  # paused for 10 s
    profile.phases({"plan": 30.0})
    profile.slept(0.02)
    profile.stop(20.17)
    report = profile.report("sim", 20.3, 0.2)
    assert report.step is not None
    assert (report.steps, report.step.count) == (2, 2)
    assert report.step.mean_ms == pytest.approx(50.0)
    assert report.wall_s == pytest.approx(0.3)
    assert report.simulated_s == pytest.approx(0.2)
    assert report.real_time_factor == pytest.approx(2 / 3)
    assert [(part.name, part.count, part.mean_ms) for part in report.phases] == [("plan", 2, 30.0), ("move", 1, 10.0)]
    assert report.phases[0].share == pytest.approx(0.6)


def test_the_table_names_every_phase_and_the_step() -> None:
    profile = Profile()
    profile.turn(0.0, 0.0)
    profile.phases({"a phase with a long name": 1.0})
    profile.stop(0.002)
    lines = str(profile.report("sim", 1.0, 0.0)).splitlines()
    assert lines[0] == "sim: 1 steps in 1.0 s"
    assert len({len(line) for line in lines[1:]}) == 1  # the columns stand below one another
    assert [line.split("  ")[0] for line in lines[2:]] == ["a phase with a long name", "step"]
    assert "50.0%" in lines[2]


def test_a_run_that_never_began_has_an_empty_report() -> None:
    assert str(Profile().report("sim", 5.0, 0.0)) == "sim: 0 steps in 0.0 s"
