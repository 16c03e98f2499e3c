"""What viewers of `lanecast.json.v1` get of every tier: complete frames, with what is cells and what is left out."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from tests.support.schemas import problem

from lanecast.broker import messages
from lanecast.broker.columns import Column
from lanecast.broker.layers import LayerState
from lanecast.broker.offsets import Offset
from lanecast.broker.rendition import Chain
from lanecast.broker.tiers import SERVED, TIERS
from lanecast.gateway.json_view import JsonView


def layers(moved: float) -> dict[str, LayerState]:
    n = 500
    ids = np.arange(n, dtype=np.uint32)
    place = {"x": Column(ids % 25 * 10.0 + moved), "y": Column(ids // 25 * 10.0)}
    one = {name: Column(column.data[:1]) for name, column in place.items()}
    force = {**one, "fx": Column(np.ones(1)), "fy": Column(np.ones(1))}
    return {"crowd": LayerState(ids, place), "few": LayerState(ids[:1], one), "forces": LayerState(ids[:1], force)}


def text(view: JsonView) -> dict[str, Any]:
    framed = view.framed()
    assert framed is not None
    message: dict[str, Any] = json.loads(framed[framed.index(b"{") :])
    return message


@pytest.mark.parametrize("tier", SERVED)
def test_every_frame_of_every_tier_is_complete(tier: str) -> None:
    chain, view = Chain(TIERS[tier]), JsonView()
    prev = None
    for n, moved in enumerate((0.0, 1.0), 1):
        parts = chain.delta(layers(moved), {}) if prev else chain.keyframe(layers(moved), {"n": 1.0})
        assert parts is not None
        assert view.take(messages.frame("r", tier, "e", Offset(1, n), prev, n, 0.0, {}, parts, {}))
        prev = Offset(1, n)
        said = text(view)
        assert problem(said, "viewer", "frame_json") is None
        assert (said["key"], said["prev"], said["metrics"]) == (True, None, {"n": 1.0})
        assert set(said["layers"]) | set(said.get("left_out", [])) == {"crowd", "few", "forces"}
        assert said.get("left_out", []) == (["forces"] if TIERS[tier].leaves_out else [])
        crowd = said["layers"]["crowd"]
        if TIERS[tier].cells:
            assert said["lod"] == {"crowd": {"cell": 16.0}}
            assert sum(crowd["count"]) == 500
        else:
            assert "lod" not in said
            assert crowd["x"][:3] == pytest.approx([moved, 10 + moved, 20 + moved], abs=0.25)
