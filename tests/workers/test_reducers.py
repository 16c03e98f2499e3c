"""Reducers: what events make of the state, and what happens when one fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from lanecast.broker.columns import Column
from lanecast.broker.errors import InvalidMessage
from lanecast.broker.payloads import Events, Layer, read_payload
from lanecast.workers.plugins import PluginError, PluginFailed
from lanecast.workers.reducers import REDUCERS, reduced, reducer


def batch(event_type: str, items: dict[str, Any]) -> Events:
    found = read_payload("events", {"type": event_type, "time_s": 1.0, "items": items})
    assert isinstance(found, Events)
    return found


def columns(event_type: str, items: dict[str, Any]) -> dict[str, Any]:
    layers = reduced(batch(event_type, items))
    assert layers is not None
    layer = layers[event_type]
    return {"id": layer.ids} | {name: column.to_list() for name, column in layer.columns.items()}


@pytest.fixture
def other() -> Iterator[Callable[..., None]]:
    """Registers a reducer of the type `other` for one test."""

    def register(outcome: Any) -> None:
        reducer("other", replace=True)(outcome if callable(outcome) else lambda _: outcome)

    yield register
    REDUCERS._found.pop("other", None)


def test_energy_is_the_latest_load_of_each_node() -> None:
    assert columns("energy", {"node": ["a", "b", "a"], "load_kw": [1, 2, 3]}) == {"id": ["a", "b"], "load_kw": [3, 2]}


def test_energy_has_generation_capacity_and_place_where_they_are_given() -> None:
    items = {"node": ["a"], "load_kw": [1], "generation_kw": [2], "capacity_kw": [3], "x": [4], "y": [5], "mood": [6]}
    assert columns("energy", items) == {
        "id": ["a"], "load_kw": [1.0], "generation_kw": [2.0], "capacity_kw": [3.0], "x": [4.0], "y": [5.0],
    }  # fmt: skip


def test_waste_is_the_latest_fill_of_each_bin_and_whether_it_was_collected() -> None:
    items = {"bin": ["a", "b"], "fill": [0.5, 0], "collected": [False, True], "x": [0, 1], "y": [2, 3]}
    assert columns("waste", items) == {
        "id": ["a", "b"], "fill": [0.5, 0.0], "collected": [0.0, 1.0], "x": [0.0, 1.0], "y": [2.0, 3.0],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("event_type", "items", "field"),
    [
        ("traffic", {"mean_speed": [1.0], "occupancy": [0.5]}, "items.edge"),
        ("energy", {"load_kw": [1.0]}, "items.node"),
        ("energy", {"node": [1], "load_kw": [1.0]}, "items.node"),
        ("energy", {"node": ["a"]}, "items.load_kw"),
        ("energy", {"node": ["a"], "load_kw": ["much"]}, "items.load_kw"),
        ("energy", {"node": ["a"], "load_kw": [1.0], "x": [1.0]}, "items.y"),
        ("waste", {"bin": ["a"], "fill": [1.5]}, "items.fill"),
        ("waste", {"bin": ["a"], "fill": [0.5], "collected": ["yes"]}, "items.collected"),
    ],
)
def test_items_of_another_shape_are_refused_by_the_fields_name(
    event_type: str, items: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidMessage) as caught:
        reduced(batch(event_type, items))
    assert caught.value.field == field


def test_a_type_has_one_reducer_unless_another_is_to_take_its_place() -> None:
    with pytest.raises(PluginError, match="two reducers are called 'traffic'"):
        reducer("traffic")(lambda _: {})


def test_a_type_without_a_reducer_makes_nothing() -> None:
    assert reduced(batch("nobody", {"id": [1]})) is None


def test_what_a_reducer_raises_is_named_after_it(other: Callable[..., None]) -> None:
    other(lambda _: 1 / 0)
    with pytest.raises(PluginFailed, match="reducer 'other' has failed: ZeroDivisionError") as caught:
        reduced(batch("other", {"id": [1]}))
    assert (caught.value.kind, caught.value.name) == ("reducer", "other")


@pytest.mark.parametrize(
    ("outcome", "text"),
    [
        (None, "expected a mapping of layers, got NoneType"),
        ({"a": [1]}, "expected a str and a Layer, got list"),
        ({"a": Layer(["b"], {"x": Column(np.zeros(2))})}, "'x' has 2 values for 1 entities"),
        ({"a": Layer(["b", "b"], {})}, "ids come more than once"),
        ({"a": Layer(np.array([1, 1], np.uint32), {})}, "ids come more than once"),
    ],
)
def test_what_a_reducer_returns_is_taken_only_if_it_is_a_state(
    other: Callable[..., None], outcome: Any, text: str
) -> None:
    other(outcome)
    with pytest.raises(PluginFailed, match=text):
        reduced(batch("other", {"id": [1]}))
