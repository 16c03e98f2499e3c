"""`Run.image`: every form is sent as it is, what is wrong is refused where the mistake was made, newest wins."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.support import patterns

from lanecast.broker import images, wire
from lanecast.broker import payloads as wire_payloads
from lanecast.broker.errors import InvalidMessage
from lanecast.producer import Run, payloads
from lanecast.producer.buffers import MAX_PICTURE_BYTES, Pictures

PICTURE = patterns.pattern(3)


def sent(data: Any, mime: str | None = None) -> wire_payloads.Image:
    raw = wire.decode(payloads.image("front", data, mime, 3, 0.3), "msgpack")
    read = wire_payloads.read_payload("image", raw)
    assert isinstance(read, wire_payloads.Image)
    return read


@pytest.mark.parametrize(
    ("data", "mime"),
    [
        (patterns.jpeg(PICTURE), images.JPEG),
        (patterns.pillow(PICTURE, "PNG"), images.PNG),
        (patterns.pillow(PICTURE, "WEBP"), images.WEBP),
    ],
)
def test_bytes_tell_their_form_themselves(data: bytes, mime: str) -> None:
    for given in (data, bytearray(data), memoryview(data)):
        image = sent(given)
        assert (image.mime, image.data, image.camera, image.step) == (mime, data, "front", 3)


@pytest.mark.parametrize(("rows", "channels"), [(PICTURE, 3), (PICTURE[..., 0], 1), (PICTURE[:, ::2], 3)])
def test_an_array_is_sent_as_its_rows_whatever_its_layout_in_memory(rows: Any, channels: int) -> None:
    image = sent(rows)
    assert (image.mime, image.width, image.height, image.channels) == (images.RAW, rows.shape[1], 96, channels)
    assert np.array_equal(np.frombuffer(image.data, np.uint8).reshape(rows.shape), rows)


@pytest.mark.parametrize(
    ("data", "mime", "field"),
    [
        (b"GIF89a", None, "mime"),
        (b"GIF89a", images.JPEG, "data"),
        (patterns.jpeg(PICTURE), images.PNG, "data"),
        (bytes(12), images.RAW, "mime"),
        (PICTURE, images.JPEG, "mime"),
        (PICTURE.astype(np.float32), None, "data"),
        (np.zeros((4, 4, 2), np.uint8), None, "channels"),
        (np.zeros((4,), np.uint8), None, "data"),
        (np.zeros((1080, 1920, 3), np.uint8), None, "data"),
        ([1, 2, 3], None, "data"),
    ],
)
def test_what_is_no_picture_is_refused_by_the_name_of_the_field(data: Any, mime: str | None, field: str) -> None:
    with pytest.raises(InvalidMessage) as refused:
        payloads.image("front", data, mime, 0, 0.0)
    assert refused.value.field == field


def test_a_camera_has_a_name() -> None:
    with pytest.raises(InvalidMessage, match="camera"):
        payloads.image("", PICTURE, None, 0, 0.0)


def test_of_each_camera_the_newest_waits_and_cameras_take_turns() -> None:
    waiting = Pictures()
    assert [waiting.put(*one, 0.0) for one in (("a", b"1"), ("b", b"2"), ("a", b"3"))] == [0, 0, 1]
    assert [waiting.take(), waiting.take(), waiting.take()] == [(b"3", 0.0), (b"2", 0.0), None]


def test_what_waits_is_bounded_in_cameras_and_in_bytes() -> None:
    waiting = Pictures()
    assert sum(waiting.put(str(n), b"x", 0.0) for n in range(images.MAX_CAMERAS + 5)) == 5
    assert waiting.clear() == images.MAX_CAMERAS
    large = bytes(MAX_PICTURE_BYTES // 2)
    assert [waiting.put(name, large, 0.0) for name in "abc"] == [0, 0, 1]
    assert len(waiting) == 2


def test_without_a_server_pictures_take_each_others_place_and_nothing_is_raised() -> None:
    run = Run("r", url="redis://127.0.0.1:1/0", flush_s=0.0)
    with run:
        for _ in range(5):
            run.image("front", PICTURE)
        assert run.stats.buffered["low"] == 1
    assert run.stats.dropped["low:superseded"] == 4
    assert run.stats.dropped["low:unsent"] == 1
