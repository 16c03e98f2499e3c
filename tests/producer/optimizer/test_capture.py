"""What an optimizer hands over, in every form that it may have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from lanecast.broker.errors import InvalidMessage
from lanecast.producer.optimizer.capture import component_columns, force_columns, frame_metrics, outline_scene


@dataclass
class Part:
    ref: str
    x: float
    y: float
    rotation: float
    width: float
    height: float


WANTED = {
    "id": ["R1", "C2"],
    "x": [1.0, 2.0],
    "y": [3.0, 4.0],
    "angle": [0.0, 90.0],
    "length": [5.0, 6.0],
    "width": [2.0, 3.0],
}


@pytest.mark.parametrize(
    "given",
    [
        pytest.param(WANTED, id="columns"),
        pytest.param([dict(zip(WANTED, row, strict=True)) for row in zip(*WANTED.values(), strict=True)], id="rows"),
        pytest.param([Part("R1", 1.0, 3.0, 0.0, 5.0, 2.0), Part("C2", 2.0, 4.0, 90.0, 6.0, 3.0)], id="objects"),
        pytest.param(
            {"reference": ["R1", "C2"], "x": [1.0, 2.0], "y": [3.0, 4.0], "rotation": [0.0, 90.0], "width": [5.0, 6.0],
             "height": [2.0, 3.0]},
            id="other names",
        ),
    ],
)  # fmt: skip
def test_components_are_understood_in_every_form(given: Any) -> None:
    assert component_columns(given) == WANTED


def test_modules_give_each_component_its_own_and_the_rest_a_dash() -> None:
    assert component_columns(WANTED, {"R1": "power"})["module"] == ["power", "-"]


@pytest.mark.parametrize("name", ["id", "x", "y"])
def test_what_every_component_needs_is_named_when_it_is_missing(name: str) -> None:
    with pytest.raises(InvalidMessage, match=rf"components\.{name}: missing"):
        component_columns({key: value for key, value in WANTED.items() if key != name})


def test_rows_with_different_fields_are_refused() -> None:
    with pytest.raises(InvalidMessage, match="same fields"):
        component_columns([{"id": 1, "x": 0, "y": 0}, {"id": 2, "x": 0}])


def test_a_force_stands_at_its_component() -> None:
    columns = force_columns({"C2": (0.5, -1)}, component_columns(WANTED))
    assert columns == {"id": ["C2"], "x": [2.0], "y": [4.0], "fx": [0.5], "fy": [-1]}


def test_forces_as_arrays_beside_components_as_arrays() -> None:
    components = {"id": np.array([7, 9]), "x": np.array([1.0, 2.0]), "y": np.zeros(2)}
    forces = {"id": np.array([9, 7]), "fx": np.array([3.0, 4.0]), "fy": np.ones(2)}
    assert force_columns(forces, components)["x"] == [2.0, 1.0]


@pytest.mark.parametrize(("forces", "what"), [({"XX": (1, 2)}, "no such component"), ({"R1": 3}, "expected .fx, fy.")])
def test_a_force_that_is_none_is_refused_by_name(forces: Any, what: str) -> None:
    with pytest.raises(InvalidMessage, match=what):
        force_columns(forces, component_columns(WANTED))


def test_only_metrics_that_were_given_are_shown() -> None:
    assert frame_metrics(energy=2, overlaps=0, max_move=None) == {"energy": 2.0, "overlaps": 0.0}


def test_an_outline_becomes_an_area_with_its_bounds() -> None:
    scene = outline_scene([(0, 0), (10, 0), (10, 5)])
    assert scene["bounds"] == [0, 0, 10, 5]
    assert scene["areas"] == {"points": [0, 0, 10, 0, 10, 5], "starts": [0]}
    with pytest.raises(InvalidMessage, match="three or more"):
        outline_scene([(0, 0), (1, 1)])
