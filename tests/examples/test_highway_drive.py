"""The example that drives; skipped where highway-env is not installed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import httpx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.ops.system import system

from lanecast.producer.driving import read_replay

pytest.importorskip("highway_env")
ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "examples"))
lattice = __import__("lattice_planner")
LANES = [0.0, 4.0, 8.0, 12.0]


def test_a_free_road_is_driven_at_the_desired_speed_in_the_same_lane() -> None:
    chosen = lattice.plan(lattice.Car(0, 4, 30), [], LANES, 30, 1)
    assert (chosen.lane, chosen.speed) == (1, 30)
    assert all(y == 4 for _, y in chosen.points)


def test_a_slow_car_ahead_is_passed_in_a_free_lane() -> None:
    chosen = lattice.plan(lattice.Car(0, 0, 30), [lattice.Car(40, 0, 15)], LANES, 30, 1)
    assert chosen.lane == 1
    assert chosen.clear


def test_walled_in_it_brakes() -> None:
    wall = [lattice.Car(45, y, 10) for y in LANES]
    chosen = lattice.plan(lattice.Car(0, 4, 30), wall, LANES, 30, 1)
    assert chosen.speed < 30


CARS = st.lists(st.tuples(st.floats(-80, 150), st.sampled_from(LANES), st.floats(0, 40)), max_size=8)


@given(st.floats(0, 12), st.floats(0, 40), CARS)
def test_every_plan_stays_on_the_road_and_goes_forward(
    y: float, speed: float, cars: list[tuple[float, float, float]]
) -> None:
    chosen = lattice.plan(lattice.Car(0, y, speed), [lattice.Car(*car) for car in cars], LANES, 30, 1)
    points = np.array(chosen.points)
    assert (np.diff(points[:, 0]) >= 0).all()
    assert (points[:, 1] >= -1e-9).all()
    assert (points[:, 1] <= 12 + 1e-9).all()


@pytest.mark.integration
def test_one_command_drives_and_survives_its_server(tmp_path: Path) -> None:
    save = tmp_path / "drive.jsonl.gz"
    with system(tmp_path / "system") as whole:
        command = [
            sys.executable, str(ROOT / "examples" / "highway_drive.py"), "--url", whole.redis_url, "--steps", "60",
            "--pace", "0.05", "--save", str(save),
        ]  # fmt: skip
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        try:
            picture = f"{whole.url}/api/runs/highway/cameras/above.jpg"
            whole.until(lambda: httpx.get(picture, trust_env=False, timeout=10).status_code == 200, 30, "a picture")
            whole.kill("valkey")
            said, _ = process.communicate(timeout=60)
        finally:
            process.kill()
            process.wait()
        assert process.returncode == 0, said
        assert "60 steps" in said
        assert "0 errors of the display" in said
    assert [line["step"] for line in read_replay(save)] == list(range(1, 61))
