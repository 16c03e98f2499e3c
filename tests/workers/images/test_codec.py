"""Pictures of every form become JPEGs of a tier; what claims too much is refused before it is decoded."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
import simplejpeg
from tests.support import patterns

from lanecast.broker import images, payloads
from lanecast.broker.errors import InvalidMessage, TooLarge
from lanecast.broker.payloads import Image
from lanecast.broker.tiers import TIERS
from lanecast.workers.images import codec

PICTURE = patterns.pattern(7)


def of(data: bytes, mime: str) -> Image:
    return Image("front", mime, 1, 0.1, data)


def raw(rows: np.ndarray) -> Image:
    height, width, channels = (*rows.shape, 1)[:3]
    return Image("front", images.RAW, 1, 0.1, rows.tobytes(), width, height, channels)


FORMS = [
    pytest.param(of(patterns.jpeg(PICTURE), images.JPEG), id="jpeg"),
    pytest.param(of(patterns.pillow(PICTURE, "PNG"), images.PNG), id="png"),
    pytest.param(of(patterns.pillow(PICTURE, "PNG", "RGBA"), images.PNG), id="png with transparency"),
    pytest.param(of(patterns.pillow(PICTURE, "PNG", "P"), images.PNG), id="png with a palette"),
    pytest.param(of(patterns.pillow(PICTURE, "WEBP"), images.WEBP), id="webp"),
    pytest.param(raw(PICTURE), id="rgb"),
    pytest.param(raw(np.dstack([PICTURE, PICTURE[..., :1]])), id="rgba"),
]


@pytest.mark.parametrize("image", FORMS)
def test_every_form_is_measured_and_decoded_to_what_it_shows(image: Image) -> None:
    assert codec.measure(image) == (160, 96)
    rows = codec.decode(image)
    assert rows.shape == (96, 160, 3)
    assert np.abs(rows.astype(int) - PICTURE).mean() < 20  # a palette and JPEG are not exact


@pytest.mark.parametrize("image", [raw(PICTURE[..., 0]), of(patterns.pillow(PICTURE, "PNG", "L"), images.PNG)])
def test_grey_stays_grey(image: Image) -> None:
    rows = codec.decode(image)
    assert rows.shape == (96, 160, 1)
    assert simplejpeg.decode_jpeg_header(codec.encode(rows, 0.5, 0.5).data)[2] == "Gray"


@pytest.mark.parametrize("tier", TIERS.values(), ids=TIERS)
def test_a_tier_has_its_scale_and_the_better_one_more_bytes(tier: object) -> None:
    made = {name: codec.encode(PICTURE, t.image_quality, t.image_scale) for name, t in TIERS.items()}
    for name, t in TIERS.items():
        assert (made[name].width, made[name].height) == (round(160 * t.image_scale), round(96 * t.image_scale))
        assert patterns.size_of(made[name].data) == (made[name].width, made[name].height)
    sizes = [len(one.data) for one in made.values()]
    assert sizes == sorted(sizes)


def test_a_picture_of_one_pixel_is_still_one() -> None:
    assert codec.encode(PICTURE[:1, :1], 0.25, 0.5).width == 1


def bomb(width: int, height: int) -> bytes:
    """The head of a PNG that claims this size, and nothing behind it."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack("!I", len(body)) + kind + body + struct.pack("!I", zlib.crc32(kind + body))

    head = struct.pack("!IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


@pytest.mark.parametrize(("width", "height"), [(8193, 1), (1, 8193), (8192, 8192), (100_000, 100_000)])
def test_a_header_that_claims_too_much_is_refused_before_anything_is_decoded(width: int, height: int) -> None:
    image = of(bomb(width, height), images.PNG)
    for look in (codec.measure, codec.decode):
        with pytest.raises(InvalidMessage, match=r"limit|bomb"):
            look(image)


@pytest.mark.parametrize(
    ("data", "mime"),
    [
        (b"\xff\xd8\xff", images.JPEG),
        (patterns.pillow(PICTURE, "PNG"), images.JPEG),
        (patterns.jpeg(PICTURE), images.PNG),
        (b"GIF89a" + bytes(40), images.WEBP),
        (b"", images.PNG),
    ],
)
def test_what_is_not_of_its_mime_type_is_refused(data: bytes, mime: str) -> None:
    with pytest.raises(InvalidMessage, match=r"^data: not image/"):
        codec.measure(of(data, mime))


def test_sixteen_bits_a_channel_are_refused_and_not_cut() -> None:
    from PIL import Image as Pillow

    file = io.BytesIO()
    Pillow.fromarray(np.zeros((4, 4), np.uint16)).save(file, "PNG")
    with pytest.raises(InvalidMessage, match="8 bits a channel"):
        codec.measure(of(file.getvalue(), images.PNG))


def test_damage_behind_the_header_is_an_error_that_names_the_form() -> None:
    png = patterns.pillow(PICTURE, "PNG")
    image = of(png[: len(png) // 2], images.PNG)
    assert codec.measure(image) == (160, 96)
    with pytest.raises(InvalidMessage, match="damaged image/png"):
        codec.decode(image)


@pytest.mark.parametrize(
    ("width", "height", "channels", "size", "field"),
    [
        (2, 2, 3, 11, "data"),
        (2, 2, 2, 8, "channels"),
        (0, 2, 3, 0, "width"),
        (2, 8193, 1, 16386, "height"),
        (8192, 4096, 1, 8192 * 4096, "data"),
    ],
)
def test_the_numbers_of_a_raw_picture_have_to_fit_its_bytes(
    width: int, height: int, channels: int, size: int, field: str
) -> None:
    raw_payload = {"camera": "c", "mime": images.RAW, "time_s": 0.0, "data": bytes(size)}
    with pytest.raises(InvalidMessage) as refused:
        payloads.read_payload("image", raw_payload | {"width": width, "height": height, "channels": channels})
    assert refused.value.field == field


def test_a_limit_is_told_with_both_numbers() -> None:
    with pytest.raises(TooLarge, match=r"8,193 pixels, the limit is 8,192"):
        images.check_size(8193, 1)
