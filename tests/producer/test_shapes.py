"""Whatever shape a simulation holds its entities in, the same columns come out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest

from lanecast.broker import payloads as wire_payloads
from lanecast.broker import wire
from lanecast.broker.errors import InvalidMessage
from lanecast.producer import payloads


@dataclass
class Car:
    id: int
    x: float
    type: str


class Point(NamedTuple):
    id: int
    x: float
    type: str


@dataclass
class Fleet:
    id: Any
    x: Any
    type: Any


IDS, XS, TYPES = [7, 9], [1.5, 2.5], ["car", "bus"]
TABLE = {"id": IDS, "x": XS, "type": TYPES}
SHAPES = {
    "columns": TABLE,
    "rows": [{"id": i, "x": x, "type": t} for i, x, t in zip(IDS, XS, TYPES, strict=True)],
    "dataclasses": [Car(7, 1.5, "car"), Car(9, 2.5, "bus")],
    "named tuples": [Point(7, 1.5, "car"), Point(9, 2.5, "bus")],
    "one dataclass of columns": Fleet(np.asarray(IDS), np.asarray(XS), TYPES),
    "structured array": np.array([(7, 1.5, "car"), (9, 2.5, "bus")], [("id", "u4"), ("x", "f4"), ("type", "U8")]),
    "DataFrame": pd.DataFrame(TABLE),
    "DataFrame with categories": pd.DataFrame(TABLE).astype({"type": "category"}),
    "DataFrame with its index for ids": pd.DataFrame({"x": XS, "type": TYPES}, index=IDS),
}


def read(layer: Any) -> Any:
    frame: Any = wire_payloads.read_payload("frame", wire.decode(payloads.frame(1, 0.0, {"p": layer}), "msgpack"))
    return frame.layers["p"]


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_gives_the_same_columns(shape: str) -> None:
    layer = read(SHAPES[shape])
    assert list(layer.ids) == IDS
    assert {name: column.to_list() for name, column in layer.columns.items()} == {"x": XS, "type": TYPES}


@pytest.mark.parametrize("empty", [[], {"id": []}, pd.DataFrame({"id": [], "x": []})])
def test_nothing_is_a_layer_too(empty: Any) -> None:
    assert len(read(empty)) == 0


@pytest.mark.parametrize(
    ("layer", "field"),
    [
        ([Car(1, 1.0, "a"), {"id": 2}], "layers.p[1]"),
        ([Car(1, float("nan"), "a")], "layers.p.x[0]"),
        ([{"id": 1}, {"id": 2, "x": 1}], "layers.p[1].x"),
        (pd.DataFrame({"id": [1, 2], "x": [1.0, None]}), "layers.p.x[1]"),
        (7, "layers.p"),
        (Car, "layers.p"),
        ("text", "layers.p"),
    ],
)
def test_a_wrong_shape_is_refused_by_the_field(layer: Any, field: str) -> None:
    with pytest.raises(InvalidMessage) as refused:
        payloads.frame(1, 0.0, {"p": layer})
    assert refused.value.field == field
