"""The recording keeps whole runs within its bounds, and the export holds exactly what it kept."""

from __future__ import annotations

import base64
import json
import re
import zlib
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from lanecast.producer.optimizer import pages
from lanecast.producer.optimizer.recording import ANGLE_QUANTUM, GRAIN, Recording


def unpack(encoded: str) -> list[dict[str, dict[str, list[Any]]]]:
    """The frames as the player rebuilds them."""
    told = json.loads(zlib.decompress(base64.b64decode(encoded)))
    layers: dict[str, dict[str, list[Any]]] = {}
    frames = []
    for frame in told["frames"]:
        following = {}
        for name, layer in frame["layers"].items():
            columns = {} if layer.get("new") else dict(layers[name])
            columns |= layer["c"]
            for column, steps in layer["d"].items():
                columns[column] = [value + step for value, step in zip(columns[column], steps, strict=True)]
            following[name] = columns
        layers = following
        frames.append(
            {
                name: {
                    column: [value * told["quanta"][f"{name}.{column}"] for value in values]
                    if f"{name}.{column}" in told["quanta"] else values
                    for column, values in columns.items()
                }
                for name, columns in layers.items()
            }
        )  # fmt: skip
    return frames


FRAMES = st.lists(
    st.dictionaries(
        st.integers(0, 9), st.tuples(st.floats(-100, 100), st.floats(-100, 100), st.sampled_from("ab")), max_size=6
    ),
    min_size=1,
    max_size=8,
)


@given(FRAMES)
def test_what_is_exported_is_what_was_captured_to_a_quantum(frames: list[dict[int, tuple[float, float, str]]]) -> None:
    recording = Recording()
    for number, entities in enumerate(frames):
        columns = {
            "id": list(entities),
            "x": [x for x, _, _ in entities.values()],
            "angle": [angle for _, angle, _ in entities.values()],
            "module": [module for _, _, module in entities.values()],
        }
        recording.add({"iteration": number}, {"components": columns})
    quantum = max((abs(x) for entities in frames for x, _, _ in entities.values()), default=0.0) / GRAIN
    for entities, shown in zip(frames, unpack(recording.encoded()), strict=True):
        layer = shown["components"]
        assert layer["id"] == list(entities)
        assert layer["module"] == [module for _, _, module in entities.values()]
        for (x, angle, _), x_shown, angle_shown in zip(entities.values(), layer["x"], layer["angle"], strict=True):
            assert abs(x - x_shown) <= quantum * 0.51 + abs(x) * 1e-6 + 1e-30
            assert abs(angle - angle_shown) <= ANGLE_QUANTUM * 0.501


def test_past_the_bound_every_second_frame_goes_and_the_whole_run_stays() -> None:
    recording = Recording(max_frames=100)
    for number in range(1000):
        recording.add({"iteration": number}, {"components": {"id": [1], "x": [number / 10], "y": [0.0]}})
    kept = [frame.meta["iteration"] for frame in recording.frames]
    assert len(kept) <= 100
    assert kept == list(range(0, 1000, recording.stride))
    assert unpack(recording.encoded())[-1]["components"]["x"][0] > 99.8, "the last frame is always there"


def test_memory_stays_within_its_bound() -> None:
    recording = Recording(max_bytes=100_000)
    for number in range(300):
        recording.add({}, {"components": {"id": list(range(100)), "x": [float(number)] * 100, "y": [0.0] * 100}})
    assert recording.bytes <= 100_000
    assert recording.stride > 1


def test_small_moves_take_a_tenth_of_the_rows_as_json() -> None:
    recording, rows = Recording(), 0
    ids = [f"R{number}" for number in range(200)]
    for step in range(100):
        columns = {"id": ids, "x": [step * 0.01 + n / 7 for n in range(200)], "y": [n / 3 for n in range(200)]}
        recording.add({}, {"components": columns})
        rows += len(json.dumps([dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]))
    assert len(recording.encoded()) < rows / 10


def test_a_first_frame_of_almost_nothing_does_not_spoil_the_rest() -> None:
    recording = Recording()
    for x in (1e-9, 500.0):
        recording.add({}, {"components": {"id": [1], "x": [x], "y": [0.0]}})
    assert unpack(recording.encoded())[1]["components"]["x"] == [500.0]


def test_a_title_cannot_break_out_of_the_page() -> None:
    evil = "</script><script>alert(1)</script>"
    recording = Recording()
    recording.add({"label": evil}, {"components": {"id": [evil], "x": [0.0], "y": [0.0]}})
    for page in (pages.export_page(evil, recording), pages.viewer_page("run", evil, "http://127.0.0.1:8080")):
        assert evil not in page
        assert page.count("</script>") == 2
        assert not re.search(r"(src|href)=\"(?!data:)", page), "nothing is loaded from anywhere"
        assert "__" not in page.split("<script id", 1)[0]


def test_the_viewer_may_connect_to_its_gateway_only() -> None:
    page = pages.viewer_page("run", "Run", "https://sim.example.org/lane/")
    assert "connect-src wss://sim.example.org;" in page
    assert '"wss://sim.example.org/lane/ws"' in page
