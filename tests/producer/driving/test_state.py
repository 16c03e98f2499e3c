"""What planners hand over, read in every form; configuration; replay data."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace as Thing
from typing import Any

import pytest

from lanecast.broker.errors import InvalidMessage
from lanecast.producer.driving import (
    DrivingState,
    StreamingVisualizationCallback,
    load_callback,
    read_replay,
    read_sample,
    roads_scene,
)
from lanecast.producer.driving.replay import ReplayWriter
from lanecast.producer.driving.state import layers_of

ROOT = Path(__file__).parents[3]


@dataclass
class Pose:
    x: float
    y: float
    heading: float


def history_sample() -> Any:
    """Shaped like the history samples of planning simulators."""
    box = Thing(center=Pose(7.0, 8.0, 0.0), length=4.0, width=1.8)
    track = Thing(box=box, track_token="t1", tracked_object_type=Thing(name="PEDESTRIAN"), center=box.center)  # noqa: S106
    return Thing(
        ego_state=Thing(center=Pose(1.0, 2.0, math.pi / 2), dynamic_car_state=Thing(speed=9.0)),
        observation=Thing(tracked_objects=Thing(tracked_objects=[track])),
        trajectory=Thing(get_sampled_trajectory=lambda: [Thing(center=Pose(1, 2, 0)), Thing(center=Pose(1, 3, 0))]),
        iteration=Thing(index=5, time_s=0.5),
    )


def test_a_history_sample_is_understood() -> None:
    state = read_sample(None, None, history_sample())
    assert (state.step, state.time_s) == (5, 0.5)
    layers = layers_of(state)
    assert layers["ego"] == {
        "id": ["ego"], "x": [1.0], "y": [2.0], "angle": [90.0], "speed": [9.0], "length": [4.6], "width": [1.9],
        "type": ["ego"],
    }  # fmt: skip
    assert layers["objects"]["id"] == ["t1"]
    assert layers["objects"]["length"] == [4.0]
    assert layers["objects"]["type"] == ["pedestrian"]
    assert layers["trajectory"] == {"id": [0, 1], "x": [1.0, 1.0], "y": [2.0, 3.0], "path": [1, 1]}


def test_maps_and_pairs_are_understood() -> None:
    sample = {"ego": {"x": 1, "y": 2, "heading": 0}, "objects": [{"id": 7, "x": 0, "y": 0}], "trajectory": [(1, 2, 3)]}
    layers = layers_of(read_sample(None, None, sample))
    assert layers["objects"]["id"] == ["7"]
    assert layers["trajectory"]["x"] == [1.0]


@pytest.mark.parametrize(
    ("state", "field"),
    [
        (DrivingState({"x": 1}), "ego.y"),
        (DrivingState({"x": 1, "y": 1}, [{"x": 0, "y": 0}, {"y": 0}]), r"objects\[1\].x"),
        (DrivingState({"x": 1, "y": 1}, trajectory=[3]), r"trajectory\[0\]"),
    ],
)
def test_what_is_missing_is_named(state: DrivingState, field: str) -> None:
    with pytest.raises(InvalidMessage, match=field):
        layers_of(state)
    with pytest.raises(InvalidMessage, match=r"sample\.ego"):
        read_sample(None, None, {})


def test_roads_are_lines_with_their_bounds() -> None:
    scene = roads_scene([[(0, 0), (100, 0)], [(0, 4), (50, 4), (100, 5)]], width=4)
    assert scene["lines"]["starts"] == [0, 2]
    assert scene["bounds"] == [-4, -4, 104, 9]


def test_the_example_configuration_makes_the_callback_and_its_parameters() -> None:
    callback = load_callback(ROOT / "examples" / "driving.yaml", transport="http")
    assert isinstance(callback, StreamingVisualizationCallback)
    assert callback.params == {"desired_speed": 30.0, "caution": 1.0}


@pytest.mark.parametrize(
    ("config", "what"),
    [
        ({"_target_": "os.system", "command": "true"}, "_target_: 'os.system' is not in"),
        ({"_target_": "lanecast.producer.driving.Nothing"}, "there is no"),
        ({"_target_": "lanecast.producer.Param", "value": 1}, "expected a StreamingVisualizationCallback"),
        ({"colour": "red"}, "colour"),
        ({"transport": "pigeon"}, "'pigeon' is not redis or http"),
    ],
)
def test_a_wrong_configuration_names_the_field(config: dict[str, Any], what: str) -> None:
    with pytest.raises(InvalidMessage, match=what):
        load_callback(config)


def test_replay_data_come_back_line_by_line_even_when_they_were_cut(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "run.jsonl.gz"
    writer = ReplayWriter(path)
    for step in range(2000):
        writer.write({"step": step, "x": math.sin(step)})
    writer.close()
    assert [line["step"] for line in read_replay(path)] == list(range(2000))
    path.write_bytes(path.read_bytes()[:-2000])
    steps = [line["step"] for line in read_replay(path)]
    assert steps == list(range(len(steps)))
    assert 100 < len(steps) < 2000


def test_a_disk_that_fails_is_told_of_and_ends_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    writer = ReplayWriter(tmp_path / "file" / "run.jsonl.gz")
    for _ in range(3):
        writer.write({"step": 1})
    writer.close()
    assert writer.failed
