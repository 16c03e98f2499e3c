"""What observations look like to viewers."""

from __future__ import annotations

import numpy as np

from lanecast.producer.adapters.cadence import Cadence
from lanecast.producer.adapters.observation import numbers, see


def test_a_vector_is_a_row_of_entities_and_named_numbers() -> None:
    seen = see(np.asarray([0.5, -1.0], np.float32), ["angle", "speed"])
    layer = seen.layers["observation"]
    assert layer["id"] == ["angle", "speed"]
    assert layer["value"].tolist() == [0.5, -1.0]
    assert (layer["x"].tolist(), layer["y"].tolist(), layer["length"].tolist()) == ([0, 1], [0.25, -0.5], [0.5, 1.0])
    assert set(see(np.ones(2), bars=False).layers["observation"]) == {"id", "value"}
    assert seen.metrics == {"observation.angle": 0.5, "observation.speed": -1.0}


def test_a_table_is_entities_with_columns() -> None:
    layer = see(np.arange(6.0).reshape(2, 3), ["x", "y", "vx"]).layers["observation"]
    assert {name: list(column) for name, column in layer.items()} == {
        "id": [0, 1], "x": [0, 3], "y": [1, 4], "vx": [2, 5],
    }  # fmt: skip


def test_one_number_pictures_and_nested_observations_are_known() -> None:
    picture = np.zeros((4, 6, 3), np.uint8)
    seen = see({"goal": 3, "eye": picture, "hands": (np.ones(2), np.ones((2, 2)))})
    assert sorted(seen.layers) == ["observation.goal", "observation.hands.0", "observation.hands.1"]
    assert seen.pictures["observation.eye"].shape == (4, 6, 3)
    assert seen.metrics["observation.goal.0"] == 3.0


def test_what_is_unknown_or_infinite_does_no_harm() -> None:
    assert not see("a text").layers
    assert not see(object()).layers
    assert see(np.asarray([np.inf, np.nan])).metrics == {"observation.0": 0.0, "observation.1": 0.0}


def test_numbers_of_an_info_are_flat_and_finite() -> None:
    info = {"speed": 3, "crashed": np.True_, "rewards": {"lane": 0.5, "bad": float("nan")}, "who": "me", "at": [1, 2]}
    assert numbers(info, "info") == {"info.speed": 3.0, "info.crashed": 1.0, "info.rewards.lane": 0.5}


def test_a_cadence_is_kept_and_nothing_missed_is_made_up_for() -> None:
    cadence = Cadence(10)
    assert [cadence.due(now) for now in (0.0, 0.05, 0.1, 5.0, 5.01, 5.1)] == [True, False, True, True, False, True]
    assert not Cadence(0).due(1e9)
