"""Real traffic, recorded for a minute: what it takes on the wire, and how exact it is in every frame."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from lanecast.broker import wire
from lanecast.broker.tiers import TIERS
from lanecast.ops.bench import bytes as bench
from lanecast.ops.bench import traffic
from lanecast.ops.bench.bytes import Size

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(importlib.util.find_spec("libsumo") is None, reason="SUMO is not installed"),
]


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return traffic.recorded(1, tmp_path_factory.mktemp("traffic"))


@pytest.fixture(scope="module")
def sizes(recording: Path) -> dict[str, Size]:
    return bench.follow(traffic.payloads_in(recording))


def test_a_recording_has_every_frame_of_its_time(recording: Path) -> None:
    steps = [wire.decode(data, "msgpack")["step"] for data in traffic.payloads_in(recording)]
    assert steps == list(range(60 * traffic.HZ))


def test_traffic_takes_at_most_a_tenth_of_json_rows_at_tier_high(sizes: dict[str, Size]) -> None:
    high = sizes["high"]
    assert high.frames == 60 * traffic.HZ
    assert high.entities > 50 * high.frames, "too few vehicles to say anything"
    assert high.sent <= high.json / 10


@pytest.mark.parametrize("tier", [name for name in TIERS if name != "ultra"])
def test_positions_are_within_half_a_step_in_every_frame(sizes: dict[str, Size], tier: str) -> None:
    size = sizes[tier]
    assert size.exact
    assert 0 < size.error <= TIERS[size.tier].position_step / 2 * bench.ROUNDING


def test_ultra_is_exact(sizes: dict[str, Size]) -> None:
    assert sizes["ultra"].exact
    assert sizes["ultra"].error == 0.0
